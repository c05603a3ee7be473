"""Pixels by index with room behind them, for images that a trial makes."""

from __future__ import annotations

import numpy as np
from keras import ops

from fer_bench.study.augmentation import Augmentation
from fer_bench.training.backend import Tensor
from fer_bench.training.pixels import IndexedPixels, PixelBank


class PixelsBehind:
    """Pixels by index: `real` (N, H, W, C), maybe a memory map, then `made` (M, H, W, C)."""

    def __init__(self, real: np.ndarray, made: np.ndarray) -> None:
        self._real, self._made, self.shape = real, made, real.shape

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        is_made = rows >= len(self._real)
        found = self._real[np.where(is_made, 0, rows)]
        found[is_made] = self._made[rows[is_made] - len(self._real)]
        return found


class BankWithRoom(IndexedPixels):
    """A bank's pixels (N, H, W, C), and behind them room for `rows` images that are made.

    Made images are augmented like the others, each with a strength of its own; they lie where those do, on
    the device or not.
    """

    def __init__(self, bank: PixelBank, rows: int) -> None:
        super().__init__(name="pixels_with_room", dtype="float32")
        self.bank, self.augmentation, self.real, self.rows = bank, bank.augmentation, bank.number, rows
        self.on_host = np.zeros((rows, *bank.image_shape), np.uint8)
        self.host_pixels = None
        self.made = None
        if bank.host_pixels is not None:
            self.host_pixels = PixelsBehind(bank.host_pixels, self.on_host)
        else:
            self.made = self.add_weight(
                name="made",
                shape=self.on_host.shape,
                dtype="uint8",
                initializer="zeros",
                trainable=False,
                autocast=False,
            )
        self.strength = self.add_weight(
            name="made_strength", shape=(rows,), initializer="ones", trainable=False, autocast=False
        )
        self.built = True

    def fill(self, pixels: np.ndarray) -> None:
        """Put images (M, H, W, C) uint8 into the first rows, and on the device if the others are there."""
        self.on_host[: len(pixels)] = pixels
        if self.made is not None:
            self.made.assign(self.on_host)

    def set_strength(self, strength: np.ndarray) -> None:
        """Set the strength of augmentation of the first made images, (M,) float32."""
        self.strength.assign(np.pad(strength, (0, self.rows - len(strength))))

    def images(self, inputs: Tensor, augmentation: Augmentation | None, factor: float = 1.0) -> Tensor:
        """Images (B, S, S, C) float32 with this augmentation, its strength multiplied by a factor."""
        index, images = inputs if self.host_pixels is not None else (inputs, None)
        index = ops.cast(index, "int32")
        if images is None:
            images = self._either(index, self.bank.pixels, self.made)
        strength = self._either(index, self.bank.strength, self.strength) * factor if augmentation else None
        return self.bank.transformed(images, augmentation, strength)

    def _either(self, index: Tensor, real: Tensor, made: Tensor) -> Tensor:
        """Rows at indices (B,) of `real` (N, ...), and behind it of `made` (M, ...)."""
        place = index - self.real
        of_real = ops.take(ops.convert_to_tensor(real), ops.minimum(index, self.real - 1), axis=0)
        of_made = ops.take(ops.convert_to_tensor(made), ops.maximum(place, 0), axis=0)
        return ops.where(ops.reshape(place < 0, (-1, *[1] * (len(made.shape) - 1))), of_real, of_made)
