"""A self-contained model written as a file, in the format that the file's name ends with."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from fer_bench.errors import UserError, phrase
from fer_bench.files import copy_file
from fer_bench.inference.file_metadata import FileMetadata
from fer_bench.inference.keras_file import as_exported
from fer_bench.inference.model_file import SUFFIXES, Format, ModelFile, open_model


def write(model: keras.Model, out: Path, folder: Path, calibration: np.ndarray | None = None) -> ModelFile:
    """Write a model of `self_contained`, whole or not at all, and return it as its format's runtime reads it.

    `folder` is for drafts. With `calibration`, pixels (n, H, W, C) uint8 of data that the model was not
    tested on, weights and activations are quantized to 8 bits; not for .keras. Raises UserError where the
    format's packages are missing or can't express the model, OSError where `out` can't be written.
    """
    kind = SUFFIXES[out.suffix]
    draft = folder / f"model{out.suffix}"
    if kind == "keras":
        model.save(draft)
    else:
        _convert(model, kind, draft, calibration)
    written = open_model(draft)
    copy_file(draft, out)
    return written


def _convert(model: keras.Model, kind: Format, draft: Path, calibration: np.ndarray | None) -> None:
    if keras.backend.backend() != "tensorflow":
        raise UserError(
            f"--format {kind} needs Keras with TensorFlow, not with {keras.backend.backend()}: set "
            "KERAS_BACKEND=tensorflow, or export a .keras file"
        )
    described = as_exported(model)
    assert described is not None, "a model of `self_contained`"
    metadata = FileMetadata(described.classes, described.shape)
    try:
        if kind == "onnx":
            from fer_bench.inference.onnx_writer import write_onnx

            write_onnx(model, metadata, draft, calibration)
        else:
            from fer_bench.inference.litert_writer import write_litert

            write_litert(model, metadata, draft, calibration)
    except ImportError as error:
        raise UserError(
            f'--format {kind} needs further packages: pip install "fer-bench[{kind}]" ({phrase(error)})'
        ) from None
    except Exception as error:  # converters raise nearly anything
        raise UserError(
            f"the model can't be converted ({type(error).__name__}: {phrase(error)}): export a .keras file"
        ) from None
