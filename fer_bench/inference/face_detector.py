"""Faces in pictures, by the detector that comes with OpenCV.

Viola and Jones, Robust Real-Time Face Detection, IJCV 2004. https://doi.org/10.1023/B:VISI.0000013087.49260.fb
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fer_bench.errors import UserError

if TYPE_CHECKING:
    import cv2

Box = tuple[int, int, int, int]  # left, top, right, bottom, in pixels
Point = tuple[float, float]  # x and y, in pixels

CASCADE_FILE = "haarcascade_frontalface_default.xml"
LONGEST_SIDE = 800  # pixels; larger pictures are shrunk to it for the search
SMALLEST_FACE = 30  # pixels of a side, after shrinking
MARGIN = 0.02  # of the detected square, added on each side: as much as FER-2013's images have


@dataclass(frozen=True)
class Face:
    """A face in a picture: its box, with a margin and within the picture.

    score: how sure the detector is, 0..1, NaN where it doesn't say; eyes: the one that is left in the picture
    and the other one, None where they weren't located.
    """

    box: Box
    score: float = math.nan
    eyes: tuple[Point, Point] | None = None


class FaceDetector:
    """Finds faces that look at the camera; can be called from several threads."""

    def __init__(self) -> None:
        # A classifier for each thread, as it keeps the picture that it is searching.
        self._of_thread = threading.local()

    def __call__(self, picture: np.ndarray) -> list[Face]:
        """Faces in a picture (h, w, 3) uint8, RGB, the largest first.

        Raises UserError as `load_cascade` does.
        """
        import cv2

        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        height, width = grey.shape
        shrink = max(1.0, max(height, width) / LONGEST_SIDE)
        if shrink > 1:
            size = max(1, round(width / shrink)), max(1, round(height / shrink))
            grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        detected = self._cascade().detectMultiScale(
            cv2.equalizeHist(grey), scaleFactor=1.1, minNeighbors=5, minSize=(SMALLEST_FACE, SMALLEST_FACE)
        )
        squares = sorted(np.reshape(detected, (-1, 4)) * shrink, key=lambda square: -square[2])
        return [Face(_with_margin(square, width, height)) for square in squares]

    def _cascade(self) -> cv2.CascadeClassifier:
        if not hasattr(self._of_thread, "cascade"):
            self._of_thread.cascade = load_cascade()
        return self._of_thread.cascade


def load_cascade() -> cv2.CascadeClassifier:
    """Load OpenCV's classifier for frontal faces; raises UserError for an OpenCV that comes without it."""
    import cv2

    folder = getattr(getattr(cv2, "data", None), "haarcascades", "")
    path = Path(folder) / CASCADE_FILE
    if not folder or not path.is_file():
        raise UserError(
            f"OpenCV {cv2.__version__} comes without its face detector: "
            'pip install "opencv-python-headless>=4.10,<5", or --no-detect'
        )
    return cv2.CascadeClassifier(str(path))


def _with_margin(square: np.ndarray, picture_width: int, picture_height: int) -> Box:
    left, top, width, height = map(float, square)
    return (
        max(0, round(left - MARGIN * width)),
        max(0, round(top - MARGIN * height)),
        min(picture_width, round(left + (1 + MARGIN) * width)),
        min(picture_height, round(top + (1 + MARGIN) * height)),
    )
