"""From files and folders to what a model sees: pictures found, read, and cropped to the face."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from fer_bench.data.archive import IMAGE_SUFFIXES, printable, visible
from fer_bench.data.decode import (
    FORMATS,
    MAX_BYTES,
    MAX_PIXELS,
    SMALLEST_SIDE,
    eight_bits,
    fitted,
    reason,
    upright,
)
from fer_bench.errors import UserError
from fer_bench.inference.face_detector import FaceFinder

EXPECTED = "expected a picture, or a folder of pictures"


LARGER = 1.5  # times the data's longer side; in a picture whose shorter side exceeds it a face is searched


FILLS = 0.75  # of the picture's longer side: a face that fills more has been cropped already


LONGEST = 2048  # pixels of the longer side that larger pictures are shrunk to before anything else


LARGE = 2**24  # pixels; of such pictures only one is decoded at a time


@dataclass(frozen=True, eq=False)
class Look:
    """One picture as the model will see it: pixels (H, W, C) uint8, faces found (None: not searched)."""

    pixels: np.ndarray
    faces: int | None
    notes: tuple[str, ...]


def list_pictures(names: Sequence[str]) -> list[Path]:
    """Files as given, and the picture files in folders given, sorted.

    What is there but can't be read is listed as well: `predict` says so. Raises UserError for what isn't
    there.
    """
    files: list[Path] = []
    for name in names:
        path, shown = Path(name), printable(name)
        try:
            kind = path.stat().st_mode if name else 0
        except PermissionError:
            kind = stat.S_IFREG
        except OSError as error:
            known = isinstance(error, FileNotFoundError)
            why = "isn't there" if known else f"can't be read ({error.strerror})"
            raise UserError(f"{shown} {why}: {EXPECTED}") from None
        if stat.S_ISDIR(kind):
            found = sorted(_pictures_in(path), key=str)
            if not found:
                raise UserError(f"{shown}: no pictures in this folder ({', '.join(sorted(IMAGE_SUFFIXES))})")
            files += found
        elif stat.S_ISREG(kind):
            files.append(path)
        else:
            raise UserError(f"{shown} is no ordinary file: {EXPECTED}" if name else f"empty name: {EXPECTED}")
    return files


def _pictures_in(folder: Path) -> Iterator[Path]:
    """Picture files in a folder and those below it, each looked into once, and folders that can't be read."""
    closed: list[OSError] = []
    seen = set()
    for inside, below, names in os.walk(folder, onerror=closed.append, followlinks=True):
        about = os.stat(inside)
        if (about.st_dev, about.st_ino) in seen:  # a link in a circle
            below.clear()
            continue
        seen.add((about.st_dev, about.st_ino))
        below[:] = filter(visible, below)
        for name in names:
            path = Path(inside, name)
            if visible(name) and path.suffix.lower() in IMAGE_SUFFIXES and _may_be_read(path):
                yield path
    yield from (Path(error.filename) for error in closed)


def _may_be_read(path: Path) -> bool:
    """Whether it is an ordinary file, or in a folder that does not tell; not so a link to nowhere."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        return isinstance(error, PermissionError)


class Reader:
    """From a picture file to what the model sees: as at import, after cropping to the largest face.

    A face is searched for in a picture whose shorter side is more than 1.5 times the longer one of the images
    that the model was trained on (`shape` is (H, W, C)). Smaller ones are taken for faces already, and so are
    those that a face fills.
    """

    def __init__(self, shape: tuple[int, int, int], detect: bool) -> None:
        self.shape = shape
        self._find = FaceFinder() if detect else None
        self._one_large = threading.Lock()

    def __call__(self, path: Path) -> Look | str:
        """What the model will see of a picture, or why it can't be read."""
        try:
            if path.stat().st_size > MAX_BYTES:
                return f"larger than {MAX_BYTES // 2**20} MiB"
            if not (data := path.read_bytes()):
                return "empty file"
            with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
                large = opened.width * opened.height > LARGE
                with self._one_large if large else contextlib.nullcontext():
                    return self._look(opened)
        except UserError:
            raise
        except Exception as error:  # Pillow's readers raise nearly anything on a broken file
            return reason(error)

    def _look(self, opened: Image.Image) -> Look:
        frames = getattr(opened, "n_frames", 1)
        notes = [f"{frames} frames: the first one"] if frames > 1 else []
        width, height = opened.size
        if min(width, height) < SMALLEST_SIDE:
            raise ValueError(f"{width}x{height} pixels, fewer than {SMALLEST_SIDE} on a side")
        image, faces = upright(shrunk(opened)), None
        if self._find and min(width, height) > LARGER * max(self.shape[:2]):
            boxes = self._find(np.asarray(image.convert("L")))
            faces = len(boxes)
            if faces != 1:
                notes.append(f"{faces} faces: the largest" if faces else "no face found: the whole picture")
            if boxes and boxes[0][2] - boxes[0][0] < FILLS * max(image.size):
                image = image.crop(boxes[0])
        return Look(fitted(image, self.shape), faces, tuple(notes))


def shrunk(opened: Image.Image) -> Image.Image:
    """An opened picture, decoded, with no side of more than 2048 pixels.

    JPEG is decoded straight to a half, quarter or eighth. Raises ValueError for other pictures of more than
    64 million pixels.
    """
    if max(opened.size) > LONGEST:
        opened.draft(None, (LONGEST, LONGEST))
    width, height = opened.size
    if width * height > MAX_PIXELS:
        raise ValueError(f"{width}x{height} pixels, more than {MAX_PIXELS // 10**6} million")
    if max(opened.size) > LONGEST:
        image = eight_bits(opened)
        if image.mode in ("1", "P"):  # these would be shrunk without smoothing
            image = image.convert("L" if image.mode == "1" else "RGBA")
        image.thumbnail((LONGEST, LONGEST))
        return image
    return opened
