"""What a training step needs of its Keras backend to be fast; results are the same to rounding.

On a CPU TensorFlow is faster without XLA, and then nothing joins the dozen small operations that Keras' own
BatchNormalization is made of: they take more than half of a MobileNetV2 step.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops


def jit_compile() -> bool | str:
    """Whether to compile steps with XLA: always but on TensorFlow's CPU, where it is several times slower."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return "auto" if tf.config.list_physical_devices("GPU") else False
    return "auto"


class BatchNormalization(layers.BatchNormalization):
    """Keras' layer in one operation of TensorFlow; for (B, H, W, C) with channels last.

    The name is Keras' own, so that weights saved from either can be read into the other.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise by the batch's statistics (kept as moving ones) in training, else by the moving ones."""
        import tensorflow as tf

        x = ops.cast(inputs, "float32")
        learning = bool(training and self.trainable)
        given = (None, None) if learning else (self.moving_mean.value, self.moving_variance.value)
        y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            x,
            tf.convert_to_tensor(self.gamma) if self.scale else tf.ones(x.shape[-1]),
            tf.convert_to_tensor(self.beta) if self.center else tf.zeros(x.shape[-1]),
            *(value if value is None else tf.convert_to_tensor(value) for value in given),
            epsilon=self.epsilon,
            is_training=learning,
        )
        if learning:
            drawn = ops.cast(ops.size(x), "float32") / x.shape[-1]
            # TensorFlow gives the unbiased variance, Keras keeps the biased one.
            self._move(self.moving_mean, mean)
            self._move(self.moving_variance, variance * (drawn - 1) / drawn)
        return ops.cast(y, self.compute_dtype)

    def _move(self, statistic: Any, value: Any) -> None:
        statistic.assign(statistic * self.momentum + value * (1 - self.momentum))


def fuse_batch_norm(model: Any) -> Any:
    """The model with its weights and, where that is faster, the fused layer for each BatchNormalization."""

    def fused(layer: Any) -> Any:
        plain = type(layer) is layers.BatchNormalization and layer.axis in (-1, 3)
        return BatchNormalization.from_config(layer.get_config()) if plain else layer

    norms = any(type(layer) is layers.BatchNormalization for layer in model.layers)
    if jit_compile() or not norms:
        return model
    made = keras.models.clone_model(model, clone_function=fused)
    made.set_weights(model.get_weights())
    return made


def batches(
    index: np.ndarray, labels: np.ndarray, batch: int, pixels: np.ndarray | None = None
) -> dict[str, Any]:
    """Arguments of `fit` for indices and labels (n,), n a multiple of `batch`, taken in order.

    With `pixels` (N, H, W, C) uint8, images go along with their indices.

    For TensorFlow without the tuning thread of tf.data: that sleeps in doubling stretches of up to a minute,
    and an iterator that is done waits until it wakes.
    """
    if keras.backend.backend() != "tensorflow":
        if pixels is not None:
            return {"x": Batches(index, labels, batch, pixels)}
        return {"x": index, "y": labels, "batch_size": batch}
    import tensorflow as tf

    def look_up(index: Any, labels: Any) -> Any:
        assert pixels is not None
        images = tf.numpy_function(lambda drawn: pixels[drawn], [index], tf.uint8)
        return (index, tf.ensure_shape(images, (batch, *pixels.shape[1:]))), labels

    options = tf.data.Options()
    options.autotune.enabled = False
    drawn = tf.data.Dataset.from_tensor_slices((index.reshape(-1, batch), labels.reshape(-1, batch)))
    if pixels is not None:
        drawn = drawn.map(look_up).prefetch(2)
    return {"x": drawn.with_options(options)}


class Batches(keras.utils.PyDataset):
    """Indices (B,) with their images, and labels (B,), batch by batch in order."""

    def __init__(self, index: np.ndarray, labels: np.ndarray, batch: int, pixels: np.ndarray) -> None:
        super().__init__()
        self._index, self._labels = index.reshape(-1, batch), labels.reshape(-1, batch)
        self._pixels = pixels

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, place: int) -> tuple[Any, np.ndarray]:
        index = self._index[place]
        return (index, self._pixels[index]), self._labels[place]
