"""Frames of video files, sampled at regular times while the file is read on; memory does not grow with it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fer_bench.data.archive import IMAGE_SUFFIXES, printable
from fer_bench.data.decode import LONGEST_SIDE, MAX_PIXELS, SMALLEST_SIDE
from fer_bench.inference.capture import capture
from fer_bench.inference.pictures import VIDEO_SUFFIXES, Unreadable

if TYPE_CHECKING:
    import cv2

STILL = {b"avif", b"heic", b"heix", b"mif1"}  # brands of pictures in a container that videos use, too
TS_PACKET = 188  # bytes; each begins with the same letter
NO_FRAMES = "no frame in it can be read: cut short, sound alone, or no video"
USUAL_RATE = 25.0  # frames per second, where a file says no usable number
HIGHEST_RATE = 1000.0
ROUNDING = 1e-3  # seconds; most files keep times in milliseconds
MISSING = 0.02  # of the frames and of the time: a video that ends earlier breaks off
LEAST_MISSING = 0.5  # seconds


@dataclass(frozen=True)
class Sampling:
    """Which frames are taken: the first one of each `every` seconds, from `start` on and before `end`.

    With `every` = 0 each frame is taken.
    """

    every: float = 0.5
    start: float = 0.0
    end: float = math.inf

    def after(self, seconds: float) -> float:
        """From when on the next frame is to be taken, after one at `seconds`."""
        if not self.every:
            return seconds
        return self.start + self.every * (1 + math.floor((seconds + ROUNDING - self.start) / self.every))


@dataclass(frozen=True)
class Moment:
    """Where a frame belongs: the video's name, safe to print, seconds since its start, number from 0.

    length: of the whole video in seconds, as its header says; None where it doesn't.
    """

    file: str
    seconds: float
    number: int
    length: float | None


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame upright: pixels (h, w, 3) uint8, RGB, at most 2048 a side; shrink: how often it was larger."""

    moment: Moment
    pixels: np.ndarray
    shrink: float


def is_video(path: Path) -> bool:
    """Whether a file is one by its suffix; where that says nothing, by its first bytes."""
    suffix = path.suffix.lower()
    if suffix in VIDEO_SUFFIXES | IMAGE_SUFFIXES:
        return suffix in VIDEO_SUFFIXES
    try:
        with path.open("rb") as file:
            start = file.read(TS_PACKET + 1)
    except OSError:
        return False
    return _is_signature(start)


def _is_signature(start: bytes) -> bool:
    """Whether a file that starts so is of MP4, MOV, MKV, WebM, AVI, ASF, FLV, Ogg or MPEG."""
    if start[4:8] == b"ftyp":
        return start[8:12] not in STILL
    if start[:4] == b"RIFF":
        return start[8:12] == b"AVI "
    matroska, asf, program = b"\x1a\x45\xdf\xa3", b"\x30\x26\xb2\x75", b"\0\0\1\xba"
    transport = len(start) > TS_PACKET and start[0] == start[TS_PACKET] == 0x47
    return transport or start.startswith((matroska, asf, program, b"FLV\x01", b"OggS"))


def sampled_frames(path: Path, sampling: Sampling) -> Iterator[Frame | Unreadable]:
    """Read a video to its end: the frames that `sampling` takes; last, why the rest can't be read."""
    name = printable(str(path))
    if problem := _problem(path):
        yield Unreadable(name, problem)
        return
    with capture(str(path.absolute())) as opened:  # FFmpeg would take a name such as "http:a" for an address
        if opened is None:
            yield Unreadable(name, NO_FRAMES)
            return
        video = _Video(name, opened)
        if problem := video.unfit:
            yield Unreadable(name, problem)
            return
        yield from video.sampled(sampling)
        if problem := video.problem(sampling):
            yield Unreadable(name, problem)


def _problem(path: Path) -> str:
    """Why a file can't be opened, "" where it can."""
    try:
        str(path.absolute()).encode()
        with path.open("rb") as file:
            return "" if file.read(1) else "empty file"
    except UnicodeEncodeError:
        return "its name is not UTF-8: rename it"
    except OSError as error:
        return error.strerror or type(error).__name__


class _Video:
    """An opened video, read frame by frame; times never stand still, whatever the file says."""

    def __init__(self, name: str, opened: cv2.VideoCapture) -> None:
        import cv2

        self._name, self._opened = name, opened
        rate, frames = opened.get(cv2.CAP_PROP_FPS), opened.get(cv2.CAP_PROP_FRAME_COUNT)
        self._rate = rate if 0 < rate <= HIGHEST_RATE else USUAL_RATE
        self._frames = max(0, frames)
        self._length = self._frames / self._rate or None
        self._size = opened.get(cv2.CAP_PROP_FRAME_WIDTH), opened.get(cv2.CAP_PROP_FRAME_HEIGHT)
        self._seconds, self._read, self._ended = 0.0, 0, False

    @property
    def unfit(self) -> str:
        """Why the frames can't be read for their size, "" where they can."""
        width, height = self._size
        if min(self._size) < SMALLEST_SIDE:
            return f"{width:.0f}x{height:.0f} pixels, fewer than {SMALLEST_SIDE} on a side"
        if width * height > MAX_PIXELS:
            return f"{width:.0f}x{height:.0f} pixels, more than {MAX_PIXELS // 10**6} million"
        return ""

    def sampled(self, sampling: Sampling) -> Iterator[Frame]:
        due = sampling.start
        while self._next() and self._seconds < sampling.end:
            # Frames between are decoded, as others depend on them, but not converted. To jump would not be
            # exact: OpenCV reckons with a constant frame rate.
            if self._seconds < due - ROUNDING:
                continue
            if taken := self._pixels():
                yield Frame(Moment(self._name, self._seconds, self._read - 1, self._length), *taken)
                due = sampling.after(self._seconds)

    def problem(self, sampling: Sampling) -> str:
        """Why frames are missing that were wanted, "" where none are."""
        if not self._read:
            return NO_FRAMES
        if not self._ended:
            return ""
        end, length = self._seconds + 1 / self._rate, self._length or 0
        # A count is exact or the time times the mean rate: something is missing where both are too low.
        if self._read < (1 - MISSING) * self._frames and end < length - max(LEAST_MISSING, MISSING * length):
            return f"breaks off at second {end:.1f} of {length:.1f}"
        if self._seconds < sampling.start - ROUNDING:
            return f"ends at second {end:.1f}: nothing from second {sampling.start:g} on"
        return ""

    def _next(self) -> bool:
        """Go to the next frame; False where there is none."""
        import cv2

        if not self._opened.grab():
            self._ended = True
            return False
        seconds = self._opened.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if not self._read:
            self._seconds = max(0.0, seconds)
        else:
            self._seconds = seconds if seconds > self._seconds else self._seconds + 1 / self._rate
        self._read += 1
        return True

    def _pixels(self) -> tuple[np.ndarray, float] | None:
        """The frame's pixels, and how often it was larger than they are."""
        import cv2

        sound, pixels = self._opened.retrieve()
        if not sound:
            return None
        height, width = pixels.shape[:2]
        shrink = max(1.0, max(height, width) / LONGEST_SIDE)
        if shrink > 1:
            size = max(1, round(width / shrink)), max(1, round(height / shrink))
            pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), shrink
