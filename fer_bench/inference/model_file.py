"""A model file by fer-bench export, whatever its format: what it offers, how it is recognised and opened."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from fer_bench.data.archive import printable
from fer_bench.errors import UserError

Format = Literal["keras", "onnx", "litert"]
SUFFIXES: dict[str, Format] = {".keras": "keras", ".onnx": "onnx", ".tflite": "litert"}
LARGEST_FILE = 2**30  # bytes; a ConvNeXt-Tiny has a tenth of it
KERAS_CONFIG = "config.json"  # in a .keras file, which is a zip
LARGEST_CONFIG = 2**24  # bytes; a ConvNeXt-Tiny's has a hundredth of it


class ModelFile(Protocol):
    """A model that `export` wrote, in whatever runtime its format needs."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the K classes."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of the images that it was trained on; pictures of this shape are taken as they are."""

    def probabilities(self, pixels: np.ndarray, batch_size: int) -> np.ndarray:
        """Probabilities (n, K) float32 of pixels (n, H, W, C) uint8, n at most `batch_size`."""


def open_model(path: Path) -> ModelFile:
    """Open a model file of any format, so that it can run no code of its own; only Keras' needs Keras.

    Raises UserError for a file that isn't there, that can't be loaded or that would run code, for a model
    that `export` did not write, and where the package that reads its format is missing.
    """
    kind = format_of(path)
    if kind == "onnx":
        from fer_bench.inference.onnx_file import open_onnx

        return open_onnx(path)
    if kind == "litert":
        from fer_bench.inference.litert_file import open_litert

        return open_litert(path)
    from fer_bench.inference.keras_file import open_keras

    return open_keras(path)


def format_of(path: Path) -> Format:
    """The format of a model file, by its content; raises UserError for what can be none."""
    name = printable(str(path))
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no ordinary file"
            raise UserError(f"{name} is {kind}: expected a model file by fer-bench export")
        with path.open("rb") as file:
            beginning = file.read(8)
        found = _by_content(path, beginning)
    except FileNotFoundError:
        raise UserError(f"{name}: there is no such file; fer-bench export makes model files") from None
    except OSError as error:
        raise UserError(f"{name} can't be read: {error.strerror or error}; name a model file") from None
    if found is None:
        raise UserError(
            f"{name} is no model file: expected a .keras, .onnx or .tflite file by fer-bench export"
        )
    if status.st_size > LARGEST_FILE:
        raise UserError(f"{name} is larger than {LARGEST_FILE // 2**30} GiB: no model by fer-bench export")
    return found


def _by_content(path: Path, beginning: bytes) -> Format | None:
    """The format that a file's first 8 bytes and its name tell; None for no model file."""
    if beginning[4:] == b"TFL3":
        return "litert"
    # An ONNX file has no mark of its own. It begins with the version of its format: field 1, a small number.
    if beginning[:1] == b"\x08" and len(beginning) == 8 and 0 < beginning[1] < 128:
        return "onnx"
    return "keras" if _is_keras_zip(path) else None


def _is_keras_zip(path: Path) -> bool:
    """Whether it is one of Keras; UserError for one that would fill the memory."""
    try:
        with zipfile.ZipFile(path) as file:
            sizes = {member.filename: member.file_size for member in file.infolist()}
            if sum(sizes.values()) > LARGEST_FILE or sizes.get(KERAS_CONFIG, 0) > LARGEST_CONFIG:
                raise UserError(f"{printable(str(path))} unpacks to more than any model by fer-bench export")
            return KERAS_CONFIG in sizes
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return False
