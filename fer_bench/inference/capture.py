"""Video files and cameras opened by OpenCV, without what it and FFmpeg print meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import cv2

QUIET = "-8"  # AV_LOG_QUIET
# Of FFmpeg's kinds of files those that hold their frames: others list files and addresses that it would open.
HOLDS_FRAMES = "asf,avi,flv,h264,hevc,m4v,matroska,mjpeg,mov,mpeg,mpegts,mpegvideo,ogg"
ONLY_THE_FILE = f"protocol_whitelist;file|format_whitelist;{HOLDS_FRAMES}"


@contextmanager
def capture(source: str | int) -> Iterator[cv2.VideoCapture | None]:
    """Open a video file by its absolute path, or a camera by its number; None for what OpenCV can't open.

    Frames come upright: as the camera was held, where the file says so. A video opens no other file.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", QUIET)  # read once, when the first video is opened
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = ONLY_THE_FILE
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
