"""A Keras model as an ONNX file, by Keras' own exporter; in 8 bits by ONNX Runtime's quantization."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fer_bench.inference.file_metadata import FileMetadata

INPUT, OUTPUT = "pictures", "probabilities"  # the input is named so by `self_contained`
# Of a MobileNetV2 on 600 validation images of FER-2013 that it wasn't calibrated on, a file with these
# operations and this percentile says another class than in float32 for 12 %; with 99.9 or 99.999 for 14 %,
# by the lowest and highest values for 15 %, with Conv, MatMul and Gemm alone for 17 %. Macro-F1 doesn't tell
# these apart.
PERCENTILE = 99.99  # of activations: what is beyond is cut off
IN_8_BITS = ("Conv", "MatMul", "Gemm", "Clip", "Relu", "Add", "GlobalAveragePool", "MaxPool")
SIDES = ("batch", "height", "width", "channels")  # names of what is not fixed in the input's shape


def write_onnx(
    model: keras.Model, metadata: FileMetadata, path: Path, calibration: np.ndarray | None = None
) -> None:
    """Write a model of pictures (N, h, w, c) float32 -> probabilities (N, K) as an ONNX file.

    Metadata are in its `metadata_props`. With `calibration`, pixels (n, H, W, C) uint8, convolutions and
    matrix products are quantized to 8 bits. Raises ImportError without tf2onnx, onnx and, for
    `calibration`, onnxruntime, else what these raise.
    """
    import onnx
    import tf2onnx

    model(np.zeros((1, *metadata.shape), "float32"))  # Keras exports only what was called once
    logging.getLogger(tf2onnx.__name__).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.export(str(path), format="onnx", verbose=False)
    made = onnx.load(path)
    _replace_erfc(made.graph)
    if calibration is not None:
        onnx.save(made, path)
        _quantize(path, calibration)
        made = onnx.load(path)
    _name_sides(made.graph)
    onnx.helper.set_model_props(made, metadata.texts())
    onnx.save(made, path)


def _replace_erfc(graph: Any) -> None:
    """Put 1 - erf in place of TensorFlow's erfc, of which its GELU is made: ONNX has none."""
    from onnx import helper, numpy_helper

    nodes = []
    for node in graph.node:
        if node.op_type == "Erfc":
            (given,), (wanted,) = node.input, node.output
            one, erf = f"{wanted}/one", f"{wanted}/erf"
            graph.initializer.append(numpy_helper.from_array(np.array(1, np.float32), one))
            nodes.append(helper.make_node("Erf", [given], [erf], f"{node.name}/erf"))
            node = helper.make_node("Sub", [one, erf], [wanted], f"{node.name}/sub")
        nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)


def _name_sides(graph: Any) -> None:
    """Give the input's sides and the output names that say what they are."""
    for side, name in zip(graph.input[0].type.tensor_type.shape.dim, SIDES, strict=True):
        side.dim_param = name
    graph.output[0].type.tensor_type.shape.dim[0].dim_param = SIDES[0]
    made = graph.output[0].name
    graph.output[0].name = OUTPUT
    for node in graph.node:
        node.output[:] = [OUTPUT if name == made else name for name in node.output]


class _Calibration:
    """Pixels (n, H, W, C) uint8, in the form in which ONNX Runtime's quantization takes data."""

    def __init__(self, pixels: np.ndarray) -> None:
        self._batches: Iterator[np.ndarray] = iter(np.array_split(pixels, max(1, len(pixels) // 16)))

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next pixels by the input's name; None at the end."""
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch.astype("float32")}


def _quantize(path: Path, calibration: np.ndarray) -> None:
    """Quantize an ONNX file in its place, the weights of each output channel by a scale of its own.

    What brings pictures to the net's size, before the first convolution, stays in float32.
    """
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantType, quantize_static

    nodes = onnx.load(path).graph.node
    first = next((place for place, node in enumerate(nodes) if node.op_type == "Conv"), 0)
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints how far it is
            quantize_static(
                path,
                path,
                _Calibration(calibration),
                op_types_to_quantize=list(IN_8_BITS),
                nodes_to_exclude=[node.name for node in nodes[:first]],
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.Percentile,
                extra_options={"CalibPercentile": PERCENTILE},
            )
    finally:
        logging.disable(logging.NOTSET)
