"""Faces in pictures, by the detector that comes with OpenCV.

Viola and Jones, Robust Real-Time Face Detection, IJCV 2004. https://doi.org/10.1023/B:VISI.0000013087.49260.fb
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np

from fer_bench.errors import UserError

Box = tuple[int, int, int, int]  # left, top, right, bottom, in pixels

CASCADE = "haarcascade_frontalface_default.xml"
LONGEST = 800  # pixels of the longer side of a picture when it is searched
SMALLEST = 30  # pixels of a face, then
MARGIN = 0.02  # of the detected square, added on each side: as much as FER-2013's images have


class FaceFinder:
    """Finds faces that look at the camera; may be called from several threads."""

    def __init__(self) -> None:
        self._own = threading.local()  # a cascade remembers what it is looking at

    def __call__(self, grey: np.ndarray) -> list[Box]:
        """Boxes of the faces in (h, w) uint8, the largest first, each with a margin, within the picture."""
        import cv2

        height, width = grey.shape
        shrink = max(1.0, max(height, width) / LONGEST)
        if shrink > 1:
            size = max(1, round(width / shrink)), max(1, round(height / shrink))
            grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        found = self._cascade().detectMultiScale(
            cv2.equalizeHist(grey), scaleFactor=1.1, minNeighbors=5, minSize=(SMALLEST, SMALLEST)
        )
        squares = sorted(np.reshape(found, (-1, 4)) * shrink, key=lambda square: -square[2])
        return [_with_margin(square, width, height) for square in squares]

    def _cascade(self) -> Any:
        if not hasattr(self._own, "cascade"):
            self._own.cascade = load_cascade()
        return self._own.cascade


def load_cascade() -> Any:
    """OpenCV's cascade for faces; raises UserError for an OpenCV that does not bring it."""
    import cv2

    folder = getattr(getattr(cv2, "data", None), "haarcascades", "")
    path = Path(folder) / CASCADE
    if not folder or not path.is_file():
        raise UserError(
            f"OpenCV {cv2.__version__} comes without its face detector: "
            'pip install "opencv-python-headless>=4.10,<5", or --no-detect'
        )
    return cv2.CascadeClassifier(str(path))


def _with_margin(square: np.ndarray, most_x: int, most_y: int) -> Box:
    left, top, width, height = map(float, square)
    return (
        max(0, round(left - MARGIN * width)),
        max(0, round(top - MARGIN * height)),
        min(most_x, round(left + (1 + MARGIN) * width)),
        min(most_y, round(top + (1 + MARGIN) * height)),
    )
