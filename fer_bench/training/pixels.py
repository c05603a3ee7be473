"""Pixels by index, augmented in training: all geometry of an image in one bilinear interpolation.

Only where images are made smaller do they go through a filter first: of every other pixel, or every third,
a bilinear interpolation would see nothing, and a fine pattern would turn into a coarse one (aliasing).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

from fer_bench.data.trial_data import LARGEST_BANK
from fer_bench.study.augmentation import Augmentation
from fer_bench.training.backend import Pixels, Tensor
from fer_bench.training.erasing import erased

if TYPE_CHECKING:
    from fer_bench.training.pixels_with_room import BankWithRoom

STEEPEST = math.radians(75)  # angle of shear; a tangent has a pole at 90 degrees
SHRINK_ROWS, SHRINK_COLUMNS = "bhwc,hs->bswc", "bhwc,ws->bhsc"


class IndexedPixels(keras.layers.Layer):
    """Images by index, on the device or, as `host_pixels`, sent to it batch by batch."""

    host_pixels: Pixels | None
    augmentation: Augmentation | None

    def inputs(self, index: np.ndarray) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """The input of `call` for indices (B,): these, with their images if pixels are not on the device."""
        index = index.astype("int32")
        return index if self.host_pixels is None else (index, self.host_pixels[index])

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Images (B, S, S, C) float32, in training augmented."""
        return self.images(inputs, self.augmentation if training else None)

    def images(self, inputs: Tensor, augmentation: Augmentation | None, factor: float = 1.0) -> Tensor:
        """Images (B, S, S, C) float32 with this augmentation, its strength multiplied by a factor."""
        raise NotImplementedError


class PixelBank(IndexedPixels):
    """Pixels (N, H, W, C) uint8: from indices (B,) to images (B, S, S, C) float32 in 0..255.

    In training they are augmented: rotation, shift, zoom, shear, flip and the change of size are one affine
    map and one bilinear interpolation; beyond the border the nearest pixel is repeated. A side that is longer
    than S is first shrunk to it, through a filter (`shrinking`). Unlike Keras' Random* layers this runs under
    XLA, and the strength is a variable, (N,) float32: each image has its own.

    The pixels lie on the device. Where they are more than `largest` bytes they stay in `host_pixels`, and
    each batch is sent.
    """

    def __init__(
        self,
        pixels: np.ndarray,
        size: int,
        augmentation: Augmentation | None,
        largest: int = LARGEST_BANK,
    ) -> None:
        super().__init__(name="pixels", dtype="float32")
        self.size, self.augmentation = size, augmentation
        self.number, self.image_shape = len(pixels), pixels.shape[1:]
        sides = pixels.shape[1:3]
        self.height, self.width = (min(side, size) for side in sides)  # of what is interpolated
        self._shrinking = [shrinking(side, size) if side > size else None for side in sides]
        self.host_pixels: np.ndarray | None = pixels if pixels.size > largest else None
        if self.host_pixels is None:
            self.pixels = self.add_weight(
                name="bank",
                shape=pixels.shape,
                dtype="uint8",
                initializer="zeros",
                trainable=False,
                autocast=False,
            )
            self.pixels.assign(pixels)
        self.strength = self.add_weight(
            name="strength", shape=(len(pixels),), initializer="ones", trainable=False, autocast=False
        )
        self.seeds = keras.random.SeedGenerator(0, name="augmentation_seeds")
        self.built = True

    def reset(self, seed: int, strength: np.ndarray) -> None:
        """Begin the draws of augmentation anew from a seed, with a strength for each image, (N,) float32."""
        self.seeds.state.assign([seed, 0])
        self.strength.assign(strength)

    def images(self, inputs: Tensor, augmentation: Augmentation | None, factor: float = 1.0) -> Tensor:
        """Images (B, S, S, C) float32 with this augmentation, its strength multiplied by a factor."""
        if self.host_pixels is None:
            index, images = inputs, ops.take(self.pixels, ops.cast(inputs, "int32"), axis=0)
        else:
            index, images = inputs
        if augmentation is None:
            return self.transformed(images, None, None)
        strength = ops.take(ops.convert_to_tensor(self.strength), index, axis=0)
        return self.transformed(images, augmentation, strength * factor)

    def transformed(self, images: Tensor, augmentation: Augmentation | None, strength: Tensor) -> Tensor:
        """Images (B, S, S, C) float32 of pixels (B, H, W, C), augmented with a strength (B,) for each."""
        images = self._shrunk(ops.cast(images, "float32"))
        if augmentation is None:
            return self._sample(images, None, None)
        draws = keras.random.uniform((images.shape[0], 7), -1.0, 1.0, seed=self.seeds, dtype="float32")
        images = self._sample(images, *affine(augmentation, draws, strength))
        return erased(images, augmentation.erase, self.seeds) if augmentation.erase else images

    def _shrunk(self, images: Tensor) -> Tensor:
        """Images (B, H, W, C) with sides that are longer than S brought to it."""
        rows, columns = self._shrinking
        if rows is not None:
            images = ops.einsum(SHRINK_ROWS, images, rows)
        return images if columns is None else ops.einsum(SHRINK_COLUMNS, images, columns)

    def _sample(self, images: Tensor, matrix: Tensor, shift: Tensor) -> Tensor:
        """Images (B, S, S, C), interpolated bilinearly at the mapped centres of their pixels.

        `matrix` (B, 2, 2) and `shift` (B, 2) as `affine` returns them; None leaves all but the size as it is.
        """
        if matrix is None and self.size == self.height == self.width:
            return images
        position = self._positions(matrix, shift)
        before = ops.floor(position)
        pixel = ops.cast(before[:, 1] * self.width + before[:, 0], "int32")
        a, b, c, d = self._neighbours(images, pixel)
        share = ops.expand_dims(position - before, -1)
        top, bottom = a + (b - a) * share[:, 0], c + (d - c) * share[:, 0]
        return top + (bottom - top) * share[:, 1]

    def _positions(self, matrix: Tensor, shift: Tensor) -> Tensor:
        """Positions (B or 1, 2, S, S) float32 in the input, x and y in pixels, of the output's pixels.

        An affine map is the sum of a term that depends on the column and one that depends on the row: only
        the sum is over all pixels.
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

    def _neighbours(self, images: Tensor, pixel: Tensor) -> list[Tensor]:
        """Four pixels, each (B, S, S, C): at offsets (B or 1, S, S), right of these, below, and diagonally.

        Looked up together, in a copy of the batch that holds the four side by side: a look-up costs about the
        same however little it fetches.
        """
        channels = images.shape[-1]
        right = ops.concatenate([images[:, :, 1:], images[:, :, -1:]], axis=2)
        pair = ops.concatenate([images, right], axis=-1)
        square = ops.concatenate([pair, ops.concatenate([pair[:, 1:], pair[:, -1:]], axis=1)], axis=-1)
        start = ops.arange(ops.shape(images)[0], dtype="int32") * (self.height * self.width)
        pixel = ops.reshape(start, (-1, 1, 1)) + pixel
        four = ops.take(ops.reshape(square, (-1, 4 * channels)), pixel, axis=0)
        return [four[..., i * channels : (i + 1) * channels] for i in range(4)]


class PhasePixels(keras.layers.Layer):
    """A bank's pixels with another augmentation, or none: for a phase that has its own."""

    def __init__(self, bank: PixelBank | BankWithRoom, augmentation: Augmentation | None) -> None:
        super().__init__(name="phase_pixels", dtype="float32")
        self.bank, self.augmentation = bank, augmentation
        usual = (
            bank.augmentation.strength if bank.augmentation else 1.0
        )  # what the bank's strength begins with
        self.factor = augmentation.strength / (usual or 1.0) if augmentation else 1.0
        self.host_pixels, self.inputs = bank.host_pixels, bank.inputs
        self.built = True

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Images (B, S, S, C) float32, in training augmented."""
        return self.bank.images(inputs, self.augmentation if training else None, self.factor)


def shrinking(old: int, new: int) -> np.ndarray:
    """Matrix (old, new) float32 that brings `old` pixels in a row to fewer `new` ones: each a weighted mean.

    The weights fall linearly from the new pixel's centre to those of its neighbours. So do those of Pillow's
    bilinear filter, and of Keras' with `antialias`, which XLA can't compile.
    """
    places = (np.arange(old) + 0.5) * new / old  # in new pixels
    weights = np.maximum(1 - np.abs(places[:, None] - (np.arange(new) + 0.5)), 0)
    return (weights / weights.sum(axis=0)).astype("float32")


def affine(ranges: Augmentation, draws: Tensor, strength: Tensor) -> tuple[Tensor, Tensor]:
    """Maps from positions in the output to positions in the input, centred, in shares of the side.

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
