"""Where a step's inputs come from: pixels or features that lie on the device, looked up by index."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from fer_bench.data.trial_data import LARGEST_BANK
from fer_bench.study.recipe import Augmentation

STEEPEST = math.radians(75)  # angle of shear; a tangent has a pole at 90 degrees


class PixelBank(keras.layers.Layer):
    """Pixels (N, H, W, C) uint8 by index, as (B, S, S, C) float32 in 0..255, in training augmented.

    All geometry of an image (rotation, shift, zoom, shear, flip and the change of size) is one affine map
    and one bilinear interpolation; beyond the border the nearest pixel is repeated. Unlike Keras' Random*
    layers this runs under XLA, and its strength is a variable, (N,) float32: each image has its own.

    Pixels that are too many for the device stay where they are, and each batch is sent to it.
    """

    def __init__(self, pixels: np.ndarray, size: int, augmentation: Augmentation | None) -> None:
        super().__init__(name="pixels", dtype="float32")
        self.size, self.augmentation = size, augmentation
        self.height, self.width = pixels.shape[1:3]
        self.streamed = pixels if pixels.size > LARGEST_BANK else None
        if self.streamed is None:
            self.bank = self.add_weight(
                name="bank",
                shape=pixels.shape,
                dtype="uint8",
                initializer="zeros",
                trainable=False,
                autocast=False,
            )
            self.bank.assign(pixels)
        self.strength = self.add_weight(
            name="strength", shape=(len(pixels),), initializer="ones", trainable=False, autocast=False
        )
        self.seeds = keras.random.SeedGenerator(0, name="augmentation_seeds")
        self.built = True

    def given(self, index: np.ndarray) -> Any:
        """What `call` wants for indices (B,): them, and their images where these are not on the device."""
        index = index.astype("int32")
        return index if self.streamed is None else (index, self.streamed[index])

    def call(self, given: Any, training: bool = False) -> Any:
        """Images of the size that the net wants."""
        if self.streamed is None:
            index, images = given, ops.take(self.bank, ops.cast(given, "int32"), axis=0)
        else:
            index, images = given
        images = ops.cast(images, "float32")
        if training and self.augmentation:
            draws = keras.random.uniform((index.shape[0], 7), -1.0, 1.0, seed=self.seeds, dtype="float32")
            strength = ops.take(ops.convert_to_tensor(self.strength), index, axis=0)
            return self._sample(images, *affine(self.augmentation, draws, strength))
        return self._sample(images, None, None)

    def _sample(self, images: Any, matrix: Any, shift: Any) -> Any:
        """Bilinear interpolation of images at the mapped centres of the output's pixels."""
        if matrix is None and self.size == self.height == self.width:
            return images
        at = self._places(matrix, shift)
        before = ops.floor(at)
        pixel = ops.cast(before[:, 1] * self.width + before[:, 0], "int32")
        a, b, c, d = self._squares(images, pixel)
        share = ops.expand_dims(at - before, -1)
        top, bottom = a + (b - a) * share[:, 0], c + (d - c) * share[:, 0]
        return top + (bottom - top) * share[:, 1]

    def _places(self, matrix: Any, shift: Any) -> Any:
        """Places (B or 1, 2, S, S) float32 in the input, x and y in pixels, of the output's pixels.

        An affine map is a sum of what hangs on the column and what hangs on the row: one sum over all pixels.
        """
        matrix = np.eye(2, dtype="float32")[None] if matrix is None else matrix
        shift = np.zeros((1, 2), "float32") if shift is None else shift
        side = np.array([self.width, self.height], "float32")
        centre = (np.arange(self.size) + 0.5 - self.size / 2).astype("float32")
        scaled = matrix * (side / self.size)[:, None]
        begin = ops.reshape((shift + 0.5) * side - 0.5, (-1, 2, 1, 1))
        along_x = ops.reshape(scaled[:, :, 0], (-1, 2, 1, 1)) * centre
        along_y = ops.reshape(scaled[:, :, 1], (-1, 2, 1, 1)) * centre[:, None] + begin
        return ops.clip(along_x + along_y, 0.0, (side - 1)[:, None, None])

    def _squares(self, images: Any, pixel: Any) -> list[Any]:
        """Four pixels, each (B, S, S, C): those at offsets (B or 1, S, S), right of, below, and both.

        Looked up at once, in a copy of the batch that holds the four side by side: a look-up costs about the
        same however little it fetches.
        """
        channels = images.shape[-1]
        right = ops.concatenate([images[:, :, 1:], images[:, :, -1:]], axis=2)
        pair = ops.concatenate([images, right], axis=-1)
        square = ops.concatenate([pair, ops.concatenate([pair[:, 1:], pair[:, -1:]], axis=1)], axis=-1)
        start = ops.arange(ops.shape(images)[0], dtype="int32") * (self.height * self.width)
        pixel = ops.reshape(start, (-1, 1, 1)) + pixel
        found = ops.take(ops.reshape(square, (-1, 4 * channels)), pixel, axis=0)
        return [found[..., at * channels : (at + 1) * channels] for at in range(4)]


def affine(ranges: Augmentation, draws: Any, strength: Any) -> tuple[Any, Any]:
    """Maps from places in the output to places in the input, centred, in shares of the side.

    draws (B, 7) float32 in [-1, 1], strength (B,) float32 -> matrices (B, 2, 2) on (x, y), shifts (B, 2).
    """
    angle = draws[:, 0] * strength * np.deg2rad(ranges.rotation)
    shear = ops.tan(ops.clip(draws[:, 1] * strength * np.deg2rad(ranges.shear), -STEEPEST, STEEPEST))
    zoom_x = ops.maximum(1 + draws[:, 2] * strength * ranges.zoom, 0.1)
    zoom_y = ops.maximum(1 + draws[:, 3] * strength * ranges.zoom, 0.1)
    flip = ops.where(draws[:, 6] < 0, -1.0, 1.0) if ranges.flip else 1.0
    cos, sin = ops.cos(angle), ops.sin(angle)
    rows = [
        [zoom_x * flip * cos, zoom_x * flip * (shear * cos - sin)],
        [zoom_y * sin, zoom_y * (shear * sin + cos)],
    ]
    matrix = ops.stack([ops.stack(row, axis=-1) for row in rows], axis=-2)
    return matrix, draws[:, 4:6] * strength[:, None] * ranges.shift
