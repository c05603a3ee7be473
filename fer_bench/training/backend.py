"""What a training step needs of its Keras backend to be fast; results are the same up to rounding.

On a CPU TensorFlow is faster without XLA, and then nothing fuses the dozen small operations that Keras' own
BatchNormalization consists of: they take more than half of a MobileNetV2 step.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import keras
import numpy as np
from keras import layers, ops

Tensor: TypeAlias = Any
"""A tensor of the backend in use, or a Keras variable: TensorFlow and JAX share no type for it."""


def jit_compile() -> bool | str:
    """Whether to compile steps with XLA: always but on TensorFlow's CPU, where it is several times slower."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return "auto" if tf.config.list_physical_devices("GPU") else False
    return "auto"


def forget() -> None:
    """Free the memory that Keras holds for nets that are no longer used."""
    keras.backend.clear_session()
    gc.collect()


class BatchNormalization(layers.BatchNormalization):
    """Keras' layer as one operation of TensorFlow; for (B, H, W, C) with channels last.

    The name is Keras' own, so that weights saved from either can be read into the other.
    """

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor = None) -> Tensor:
        """Normalise by the batch's statistics in training, updating the moving ones, else by these."""
        import tensorflow as tf

        x = ops.cast(inputs, "float32")
        by_batch = bool(training and self.trainable)
        moving = (None, None) if by_batch else (self.moving_mean.value, self.moving_variance.value)
        y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            x,
            tf.convert_to_tensor(self.gamma) if self.scale else tf.ones(x.shape[-1]),
            tf.convert_to_tensor(self.beta) if self.center else tf.zeros(x.shape[-1]),
            *(value if value is None else tf.convert_to_tensor(value) for value in moving),
            epsilon=self.epsilon,
            is_training=by_batch,
        )
        if by_batch:
            count = ops.cast(ops.size(x), "float32") / x.shape[-1]
            # TensorFlow returns the unbiased variance, Keras keeps the biased one.
            self._update(self.moving_mean, mean)
            self._update(self.moving_variance, variance * (count - 1) / count)
        return ops.cast(y, self.compute_dtype)

    def _update(self, moving: keras.Variable, value: Tensor) -> None:
        moving.assign(moving * self.momentum + value * (1 - self.momentum))


def fuse_batch_norm(model: keras.Model, compiled: bool | str) -> keras.Model:
    """The model with its weights and the fused layer in place of each of Keras' BatchNormalization.

    The model itself where it has none, or where steps are compiled with XLA, which fuses them by itself.
    """

    def replacement(layer: keras.Layer) -> keras.Layer:
        fusible = type(layer) is layers.BatchNormalization and layer.axis in (-1, 3)
        return BatchNormalization.from_config(layer.get_config()) if fusible else layer

    has_norms = any(type(layer) is layers.BatchNormalization for layer in model.layers)
    if compiled or not has_norms:
        return model
    fused = keras.models.clone_model(model, clone_function=replacement)
    fused.set_weights(model.get_weights())
    return fused


Inputs: TypeAlias = "np.ndarray | tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]"
"""Indices (n,) int32, or of mixed images: indices, those of the partners, shares (n,), boxes (n, 4)."""


class Pixels(Protocol):
    """Images (N, H, W, C) uint8 by index: an array, a memory map, or what is looked up like one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of which the first number doesn't count."""
        ...

    def __getitem__(self, rows: Any, /) -> Any:
        """Images (B, H, W, C) at indices (B,)."""
        ...


def batches(
    inputs: Inputs, targets: np.ndarray, batch: int, pixels: Pixels | None = None
) -> dict[str, object]:
    """Arguments of `fit` for inputs and targets (n, ...), n a multiple of `batch`, taken in order.

    With `pixels` (N, H, W, C) uint8, each batch of indices comes with its images.

    On TensorFlow without tf.data's autotuning: its thread sleeps for up to a minute at a time, doubling,
    and an iterator that is exhausted waits for it to wake.
    """
    if keras.backend.backend() != "tensorflow":
        if pixels is not None:
            return {"x": ImageBatches(inputs, targets, batch, pixels)}
        return {"x": inputs, "y": targets, "batch_size": batch}
    import tensorflow as tf

    def with_images(index: Tensor) -> tuple[Tensor, Tensor]:
        assert pixels is not None
        images = tf.numpy_function(lambda rows: pixels[rows], [index], tf.uint8)
        return index, tf.ensure_shape(images, (batch, *pixels.shape[1:]))

    options = tf.data.Options()
    options.autotune.enabled = False
    sliced = keras.tree.map_structure(lambda array: _by_batch(array, batch), (inputs, targets))
    dataset = tf.data.Dataset.from_tensor_slices(sliced)
    if pixels is not None:
        dataset = dataset.map(lambda x, y: (_with_images(x, with_images), y)).prefetch(2)
    return {"x": dataset.with_options(options)}


def _by_batch(array: np.ndarray, batch: int) -> np.ndarray:
    return array.reshape(-1, batch, *array.shape[1:])


def _with_images(inputs: Any, with_images: Callable[[Any], tuple[Any, Any]]) -> Any:
    """Inputs in which each vector of indices stands with its images."""
    if not isinstance(inputs, tuple):
        return with_images(inputs)
    index, partner, share, box = inputs
    return with_images(index), with_images(partner), share, box


class ImageBatches(keras.utils.PyDataset):
    """Inputs with the images of their indices, and targets, batch by batch in order."""

    def __init__(self, inputs: Inputs, targets: np.ndarray, batch: int, pixels: Pixels) -> None:
        super().__init__()
        by_batch = keras.tree.map_structure(lambda array: _by_batch(array, batch), (inputs, targets))
        self._inputs, self._targets = by_batch
        self._pixels = pixels

    def __len__(self) -> int:
        return len(self._targets)

    def __getitem__(self, step: int) -> tuple[Any, np.ndarray]:
        inputs = keras.tree.map_structure(lambda array: array[step], self._inputs)
        return _with_images(inputs, lambda index: (index, self._pixels[index])), self._targets[step]
