"""ONNX files that `export` wrote, run by ONNX Runtime; files from elsewhere are refused in one line."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fer_bench.data.archive import printable
from fer_bench.errors import UserError, phrase
from fer_bench.inference.file_metadata import are_probabilities, read_metadata

if TYPE_CHECKING:
    import onnxruntime

ONLY_FATAL = 4  # severity from which ONNX Runtime writes to standard error: errors are raised anyway


@dataclass(frozen=True)
class OnnxFile:
    """A model in ONNX Runtime; attributes are those of `ModelFile`. Can be called from several threads."""

    session: onnxruntime.InferenceSession
    classes: tuple[str, ...]
    shape: tuple[int, int, int]

    def probabilities(self, pixels: np.ndarray, batch_size: int) -> np.ndarray:
        """Probabilities (n, K) float32 of pixels (n, H, W, C) uint8; any n, whatever `batch_size` says."""
        (pictures,) = self.session.get_inputs()
        (found,) = self.session.run(None, {pictures.name: pixels.astype(np.float32)})
        return np.asarray(found)


def open_onnx(path: Path) -> OnnxFile:
    """Open an ONNX file by `export`; it reads no other file, and has no operation but ONNX Runtime's own.

    Raises UserError where ONNX Runtime is missing or can't load it, and for a model that `export` did not
    write.
    """
    name = printable(str(path))
    try:
        session = _session(path)
        metadata = read_metadata(session.get_modelmeta().custom_metadata_map)
        opened = metadata and OnnxFile(session, metadata.classes, metadata.shape)
        sound = opened and _has_signature(session) and _gives_probabilities(opened)
    except (UserError, MemoryError):
        raise
    except Exception as error:  # ONNX Runtime has no common class for what it raises
        raise UserError(f"{name} can't be run by ONNX Runtime: {phrase(error)}") from None
    if not opened or not sound:
        raise UserError(
            f"{name} is an ONNX model, but none by fer-bench export: expected class names and image shape "
            "in its metadata, pictures in, a probability for each class out"
        )
    return opened


def _session(path: Path) -> onnxruntime.InferenceSession:
    try:
        import onnxruntime
    except ImportError:
        raise UserError(
            f'{printable(str(path))} needs ONNX Runtime: pip install "fer-bench[onnx]", or use a .keras file'
        ) from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ONLY_FATAL
    # Weights may lie in other files, of which the model names the paths: these are looked for in an empty
    # folder, and ONNX Runtime refuses paths that lead out of it.
    with tempfile.TemporaryDirectory() as empty:
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", empty)
        return onnxruntime.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"], enable_fallback=0
        )


def _has_signature(session: onnxruntime.InferenceSession) -> bool:
    """Whether there is one input of float32 pictures, and one output."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1:
        return False
    return inputs[0].type == outputs[0].type == "tensor(float)" and len(inputs[0].shape) == 4


def _gives_probabilities(opened: OnnxFile) -> bool:
    """Whether two grey images give probabilities of the classes."""
    found = opened.probabilities(np.full((2, *opened.shape), 127, np.uint8), 2)
    return are_probabilities(found, 2, len(opened.classes))
