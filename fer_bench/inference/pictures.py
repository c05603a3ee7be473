"""Picture files: found in folders, read, cropped to the face, and brought to the size that a model takes.

Video files are found with them; `video` reads these.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from fer_bench.data.archive import IMAGE_SUFFIXES, printable, visible
from fer_bench.data.decode import FORMATS, MAX_BYTES, fitted, reason, seen
from fer_bench.errors import UserError
from fer_bench.inference.face_crop import face_pixels
from fer_bench.inference.face_detector import Box, Face, FaceDetector
from fer_bench.inference.head_tilt import HeadTilt

EXPECTED = "expected a picture, a video, or a folder of them"
VIDEO_SUFFIXES = {
    *(".3gp", ".avi", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4"),
    *(".mpeg", ".mpg", ".mts", ".ogv", ".webm", ".wmv"),
}
SUFFIXES = IMAGE_SUFFIXES | VIDEO_SUFFIXES
SEARCHED_FROM = 1.5  # times the longer side of the training images; a face is searched for in larger pictures
FACE_FILLS = 0.75  # of the picture's longer side: a face that fills more has been cropped already
Which = Literal["largest", "all"]
LARGE = 2**24  # pixels; of such pictures only one is decoded at a time, to save memory


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture, or a face in it, as the model sees it: pixels (H, W, C) uint8.

    `file` is its name, safe to print; `faces` is the number of faces found, None where none was searched for;
    `notes` say what was done to the picture, a phrase each. `face` is the number of this face, the largest
    being 1, and `box` where it is, in pixels of the upright picture; both None where no face was found.
    """

    file: str
    pixels: np.ndarray
    faces: int | None
    notes: tuple[str, ...]
    face: int | None = None
    box: Box | None = None


@dataclass(frozen=True)
class Unreadable:
    """A file that no picture could be read from, and why; `file` is its name, safe to print."""

    file: str
    reason: str


def list_pictures(names: Sequence[str]) -> list[Path]:
    """List the given files, and the pictures and videos in the given folders and those below them, sorted.

    Files and folders that exist but can't be read are listed as well: reading them says so. Raises UserError
    for what doesn't exist, for a folder without any of them and for what is neither a file nor a folder.
    """
    files: list[Path] = []
    for name in names:
        path, shown = Path(name), printable(name)
        try:
            mode = path.stat().st_mode if name else 0
        except PermissionError:
            mode = stat.S_IFREG
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            problem = "isn't there" if missing else f"can't be read ({error.strerror})"
            raise UserError(f"{shown} {problem}: {EXPECTED}") from None
        if stat.S_ISDIR(mode):
            inside = sorted(_pictures_in(path), key=str)
            if not inside:
                raise UserError(
                    f"{shown}: no pictures or videos in this folder ({', '.join(sorted(SUFFIXES))})"
                )
            files += inside
        elif stat.S_ISREG(mode):
            files.append(path)
        else:
            raise UserError(f"{shown} is no ordinary file: {EXPECTED}" if name else f"empty name: {EXPECTED}")
    return files


def _pictures_in(folder: Path) -> Iterator[Path]:
    """Pictures and videos in a folder and below it, each visited once; then folders that can't be read."""
    unreadable: list[OSError] = []
    visited = set()
    for directory, subfolders, names in os.walk(folder, onerror=unreadable.append, followlinks=True):
        status = os.stat(directory)
        if (status.st_dev, status.st_ino) in visited:  # links may form a circle
            subfolders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        subfolders[:] = filter(visible, subfolders)
        for name in names:
            path = Path(directory, name)
            if visible(name) and path.suffix.lower() in SUFFIXES and _may_be_file(path):
                yield path
    yield from (Path(error.filename) for error in unreadable)


def _may_be_file(path: Path) -> bool:
    """Whether a path is an ordinary file, or in a folder that doesn't let one see; False for broken links."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        return isinstance(error, PermissionError)


class PictureReader:
    """Reads a picture file as the model sees it: as at import, cropped to the largest face or to each.

    `shape` is (H, W, C) of the images that the model was trained on. With `detect`, faces are searched for in
    a picture whose shorter side is more than 1.5 times the longer of H and W. Smaller pictures, and those
    that a face fills, are taken for faces that are cropped already. With `align`, heads are turned upright.
    Can be called from several threads. Raises UserError where heads can't be aligned, as `HeadTilt` does.
    """

    def __init__(
        self, shape: tuple[int, int, int], detect: bool, which: Which = "largest", align: bool = False
    ) -> None:
        self.shape, self.which = shape, which
        self._detector = FaceDetector() if detect else None
        self._tilt = HeadTilt() if align else None
        self._one_large = threading.Lock()

    def __call__(self, path: Path) -> list[Picture] | Unreadable:
        """Read a picture, as one or with a face each, or say why it can't be read.

        Raises UserError only for a broken OpenCV.
        """
        name = printable(str(path))
        try:
            if path.stat().st_size > MAX_BYTES:
                return Unreadable(name, f"larger than {MAX_BYTES // 2**20} MiB")
            if not (content := path.read_bytes()):
                return Unreadable(name, "empty file")
            with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
                large = opened.width * opened.height > LARGE
                with self._one_large if large else contextlib.nullcontext():
                    return self.of_image(name, opened)
        except UserError:
            raise
        except Exception as error:  # Pillow's readers raise nearly anything on a broken file
            return Unreadable(name, reason(error))

    def of_image(self, name: str, opened: Image.Image) -> list[Picture]:
        """A picture, opened or in memory, as one or with a face each; raises what Pillow does."""
        frames = getattr(opened, "n_frames", 1)
        notes: tuple[str, ...] = (f"{frames} frames: the first one",) if frames > 1 else ()
        shorter, longer = sorted(opened.size)
        image = seen(opened)
        if not self._detector or shorter <= SEARCHED_FROM * max(self.shape[:2]):
            return [Picture(name, fitted(image, self.shape), None, notes)]
        found = self._detector(np.asarray(image.convert("RGB")))
        if not found:
            notes += ("no face found: the whole picture",)
            return [Picture(name, fitted(image, self.shape), 0, notes)]
        pictures = []
        for number, face in enumerate(found if self.which == "all" else found[:1], start=1):
            choice = (
                f"face {number} of {len(found)}"
                if self.which == "all"
                else f"{len(found)} faces: the largest"
            )
            chosen = (*notes, choice) if len(found) > 1 else notes
            box = enlarged(face.box, longer / max(image.size))
            pictures.append(Picture(name, self._pixels(image, face), len(found), chosen, number, box))
        return pictures

    def _pixels(self, image: Image.Image, face: Face) -> np.ndarray:
        if face.box[2] - face.box[0] < FACE_FILLS * max(image.size):
            return face_pixels(image, face, self.shape, self._tilt(image, face.box) if self._tilt else 0.0)
        return fitted(image, self.shape)


def enlarged(box: Box, times: float) -> Box:
    """A box in a picture that is so many times as large."""
    left, top, right, bottom = (round(edge * times) for edge in box)
    return left, top, right, bottom
