"""A trained net as one Keras model that needs no fer-bench: pictures of any size in, probabilities out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import keras
import numpy as np
from keras import layers, ops

from fer_bench.errors import UserError
from fer_bench.inference.keras_file import DATA_SIZE_LAYER, LUMINANCE_LAYER, layer_name
from fer_bench.strategies.base import Strategy
from fer_bench.study.views import views
from fer_bench.training.backend import BatchNormalization
from fer_bench.training.net import VariableDropout, leaves
from fer_bench.training.pixels import SHRINK_COLUMNS, SHRINK_ROWS, shrinking
from fer_bench.training.views import all_views

LUMA = (0.299, 0.587, 0.114)  # of red, green and blue, ITU-R BT.601, as Pillow makes pictures grey


def plain(net: keras.Model) -> keras.Model:
    """Rebuild a net in Keras' own layers alone; raises UserError where a backbone has layers of its own."""
    if foreign := sorted({type(layer).__name__ for layer in leaves(net) if not _replaceable(layer)}):
        raise UserError(
            f"the backbone has layers of its own ({', '.join(foreign)}): plain Keras could not load the model"
        )
    rebuilt = keras.models.clone_model(net, clone_function=_plain_layer, recursive=True)
    for trained, layer in zip(leaves(net), leaves(rebuilt), strict=True):
        if layer.weights:
            layer.set_weights(trained.get_weights())
    return rebuilt


def with_cosines(features: keras.Model, kernel: np.ndarray) -> keras.Model:
    """Model of the cosines between features (B, d), a model's output, and the columns of a kernel (d, K)."""
    cosines = layers.Dense(kernel.shape[1], use_bias=False, name="cosine_logits")
    outputs = cosines(layers.UnitNormalization(name="unit_features")(features.output))
    cosines.set_weights([kernel / np.linalg.norm(kernel, axis=0)])
    return keras.Model(features.input, outputs, name="net")


def _replaceable(layer: keras.Layer) -> bool:
    """Whether a layer is Keras' own, or one that `_plain_layer` replaces."""
    ours = isinstance(layer, BatchNormalization | VariableDropout)
    return ours or type(layer).__module__.split(".")[0] == "keras"


def _plain_layer(layer: keras.Layer) -> keras.Layer:
    """The same layer, of Keras' own class where it is one of ours."""
    if isinstance(layer, BatchNormalization):
        return layers.BatchNormalization.from_config(layer.get_config())
    if isinstance(layer, VariableDropout):
        rate = float(ops.convert_to_numpy(layer.rate.value))
        return layers.Dropout(round(rate, 6), seed=0, name=layer.name)
    return type(layer).from_config(layer.get_config())


def self_contained(
    net: keras.Model,
    shape: tuple[int, int, int],
    classes: Sequence[str],
    scale: np.ndarray,
    offset: np.ndarray,
    antialias: bool = True,
    test_views: Literal["flip", "ten"] | None = None,
) -> keras.Model:
    """Model of pictures (N, h, w, 1 or 3), 0..255, of any size -> probabilities (N, K) float32.

    Pictures are brought to `shape`, (H, W, C) of the images that the net was trained on, without distortion
    (the centre is cut out), then interpolated as `PixelBank` does. The net's logits are multiplied by `scale`
    and `offset` is added, each (K,). Without `antialias` images are shrunk as they once were in training.
    With `test_views` logits are means over these.
    """
    height, width, channels = shape
    size = net.input_shape[1]
    pictures = keras.Input((None, None, None), name="pictures")
    # Without antialias, which XLA can't compile: Keras could not predict on a GPU with TensorFlow. And
    # pictures have no size that is known now, or else it could be done as in `_fitted`.
    resizing = layers.Resizing(height, width, crop_to_aspect_ratio=True, name=DATA_SIZE_LAYER)
    # This layer takes itself to be in training unless told otherwise, and so would all layers behind it.
    x = resizing(pictures, training=False)
    # Whether three times grey or three times RGB: the first three channels are the picture in RGB.
    x = layers.Concatenate(name="thrice")([x, x, x])[..., :3]
    x = layers.Reshape((height, width, 3), name="rgb")(x)
    if channels == 1:
        # Red plus weighted differences from it: what is grey already stays as it is, to the last bit.
        red = x[..., :1]
        x = red + ops.sum(layers.Rescaling(LUMA, name=LUMINANCE_LAYER)(x - red), axis=-1, keepdims=True)
    x = _fitted(x, size, antialias)
    logits = _mean_over_views(net, x, test_views) if test_views else net(x)
    if not (np.all(scale == 1) and np.all(offset == 0)):
        logits = layers.Rescaling(scale.tolist(), offset.tolist(), name="adjusted_logits")(logits)
    return keras.Model(pictures, layers.Softmax(name=layer_name(classes))(logits), name="fer_bench")


def _mean_over_views(
    net: keras.Model, x: keras.KerasTensor, kind: Literal["flip", "ten"]
) -> keras.KerasTensor:
    """Logits (N, K) of images (N, S, S, C): means over their views."""
    logits = net(all_views(x, kind))
    by_view = ops.reshape(logits, (len(views(kind, x.shape[1])), -1, logits.shape[-1]))
    return ops.mean(by_view, axis=0)


def _fitted(x: keras.KerasTensor, size: int, antialias: bool) -> keras.KerasTensor:
    """Images (N, size, size, C) from (N, H, W, C), by layers that compute what `PixelBank` does."""
    _, height, width, channels = x.shape
    if antialias and height > size:
        rows = layers.EinsumDense(SHRINK_ROWS, (size, width, channels), name="shrunk_rows")
        x = rows(x)
        rows.set_weights([shrinking(height, size)])
    if antialias and width > size:
        columns = layers.EinsumDense(SHRINK_COLUMNS, (x.shape[1], size, channels), name="shrunk_columns")
        x = columns(x)
        columns.set_weights([shrinking(width, size)])
    return (
        x if x.shape[1:3] == (size, size) else layers.Resizing(size, size, name="net_size")(x, training=False)
    )


def affine(strategy: Strategy, class_counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale and offset, each (K,) float64, such that `adjust_logits` of a strategy is z * scale + offset.

    Raises UserError for a strategy whose adjustment is not of this form.
    """
    zeros, ones = np.zeros((1, len(class_counts))), np.ones((1, len(class_counts)))
    offset = np.asarray(strategy.adjust_logits(zeros, class_counts), float)[0]
    scale = np.asarray(strategy.adjust_logits(ones, class_counts), float)[0] - offset
    logits = np.random.default_rng(0).normal(0, 5, (64, len(class_counts))).astype("float32")
    adjusted = strategy.adjust_logits(logits, class_counts)
    if not np.allclose(adjusted, logits * scale + offset, rtol=1e-4, atol=1e-4):
        raise UserError(
            f"{type(strategy).__name__}.adjust_logits does more than to scale and shift each class: it can't "
            "be part of an exported model"
        )
    return scale, offset
