"""A Keras model as a LiteRT (.tflite) file, by Keras' own exporter, in 8 bits by TensorFlow's converter."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fer_bench.inference.file_metadata import FileMetadata
from fer_bench.inference.quiet import quiet_standard_error


def write_litert(
    model: keras.Model, metadata: FileMetadata, path: Path, calibration: np.ndarray | None = None
) -> None:
    """Write a model of pictures (N, h, w, c) float32 -> probabilities (N, K) as a LiteRT file.

    It has no operation but LiteRT's own. Metadata are files of a zip that is appended, NAME.json. With
    `calibration`, pixels (n, H, W, C) uint8, it is quantized to 8 bits where the converter can. Raises
    what the converter raises.
    """
    import tensorflow as tf

    settings: dict[str, Any] = {"target_spec": {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}}
    if calibration is not None:
        batches = _one_by_one(calibration)
        settings |= {"optimizations": [tf.lite.Optimize.DEFAULT], "representative_dataset": batches}
    with quiet_standard_error():
        model.export(str(path), format="litert", verbose=False, **settings)
    with zipfile.ZipFile(path, "a") as file:  # behind the model, as TensorFlow's own metadata keep files
        for name, text in metadata.texts().items():
            file.writestr(f"{name}.json", text)


def _one_by_one(pixels: np.ndarray) -> Callable[[], Iterator[list[np.ndarray]]]:
    """Pixels (n, H, W, C) uint8, in the form in which TensorFlow's converter takes data."""
    return lambda: ([each[np.newaxis].astype("float32")] for each in pixels)
