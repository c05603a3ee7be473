"""LiteRT (.tflite) files that `export` wrote, run by LiteRT; files from elsewhere are refused in one line."""

from __future__ import annotations

import io
import os
import threading
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fer_bench.data.archive import printable
from fer_bench.errors import UserError, phrase
from fer_bench.inference.file_metadata import CLASSES, IMAGE_SHAPE, are_probabilities, read_metadata
from fer_bench.inference.quiet import quiet_standard_error

LARGEST_TEXT = 2**20  # bytes of a text about the model: a file from elsewhere may unpack to any number


@dataclass(frozen=True)
class LiteRTFile:
    """A model in LiteRT's interpreter; attributes as of `ModelFile`. Can be called from several threads."""

    interpreter: Any
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def probabilities(self, pixels: np.ndarray, batch_size: int) -> np.ndarray:
        """Probabilities (n, K) float32 of pixels (n, H, W, C) uint8; any n, whatever `batch_size` says."""
        with self._one_at_a_time:
            (pictures,), (output,) = (
                self.interpreter.get_input_details(),
                self.interpreter.get_output_details(),
            )
            if tuple(pictures["shape"]) != pixels.shape:
                self.interpreter.resize_tensor_input(pictures["index"], pixels.shape)
                self.interpreter.allocate_tensors()
            self.interpreter.set_tensor(pictures["index"], pixels.astype(np.float32))
            self.interpreter.invoke()
            return self.interpreter.get_tensor(output["index"])


def open_litert(path: Path) -> LiteRTFile:
    """Open a .tflite file by `export`, which has no operation but LiteRT's own.

    Raises UserError where LiteRT is missing or can't load it, and for a model that `export` did not write.
    """
    name = printable(str(path))
    try:
        content = path.read_bytes()
        metadata = read_metadata(_texts(content))
        opened = metadata and LiteRTFile(_interpreter(content), metadata.classes, metadata.shape)
        sound = opened and _has_signature(opened.interpreter) and _gives_probabilities(opened)
    except ImportError:
        raise UserError(
            f'{name} needs LiteRT: pip install "fer-bench[litert]", or use a .keras file'
        ) from None
    except Exception as error:  # whatever a file from elsewhere makes the readers raise
        raise UserError(f"{name} can't be run by LiteRT: {phrase(error)}") from None
    if not opened or not sound:
        raise UserError(
            f"{name} is a LiteRT model, but none by fer-bench export: expected class names and image shape "
            "in its metadata, pictures in, a probability for each class out"
        )
    return opened


def _texts(content: bytes) -> dict[str, str]:
    """The texts that a file holds by name, in the zip behind the model; {} where it has none by `export`."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            members = {name: file.getinfo(f"{name}.json") for name in (CLASSES, IMAGE_SHAPE)}
            if any(member.file_size > LARGEST_TEXT for member in members.values()):
                return {}
            return {name: file.read(member).decode() for name, member in members.items()}
    except (zipfile.BadZipFile, KeyError):
        return {}


def _interpreter(content: bytes) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    with quiet_standard_error():
        interpreter = Interpreter(model_content=content, num_threads=os.cpu_count())
        interpreter.allocate_tensors()
    return interpreter


def _has_signature(interpreter: Any) -> bool:
    """Whether there is one input of float32 pictures, and one output."""
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    if len(inputs) != 1 or len(outputs) != 1:
        return False
    return inputs[0]["dtype"] == outputs[0]["dtype"] == np.float32 and len(inputs[0]["shape"]) == 4


def _gives_probabilities(opened: LiteRTFile) -> bool:
    """Whether two grey images give probabilities of the classes."""
    found = opened.probabilities(np.full((2, *opened.shape), 127, np.uint8), 2)
    return are_probabilities(found, 2, len(opened.classes))
