"""Video files and cameras opened by OpenCV, without what it and FFmpeg print meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import cv2

QUIET = "-8"  # AV_LOG_QUIET


@contextmanager
def capture(source: str | int) -> Iterator[cv2.VideoCapture | None]:
    """Open a video file by its absolute path, or a camera by its number; None for what OpenCV can't open.

    Frames come upright: as the camera was held, where the file says so.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", QUIET)  # read once, when the first video is opened
    import cv2

    before = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    # Any other backend would take some names for patterns of picture files.
    opened = cv2.VideoCapture(source, cv2.CAP_FFMPEG if isinstance(source, str) else cv2.CAP_ANY)
    try:
        opened.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        yield opened if opened.isOpened() else None
    finally:
        opened.release()
        cv2.utils.logging.setLogLevel(before)
