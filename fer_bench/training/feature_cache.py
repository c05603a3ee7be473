"""Features of a frozen trunk, computed once and looked up by index."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

Resample = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Features (n, d) float32 and labels (n,) -> both as given, then those of rows that are made of them."""


class FeatureBank(keras.layers.Layer):
    """Features (N, ...) float32 that a frozen trunk gave once, by index (B,) int32."""

    streamed = None

    def __init__(self, rows: int, shape: tuple[int, ...]) -> None:
        super().__init__(name="features", dtype="float32")
        self.bank = self.add_weight(
            name="bank", shape=(rows, *shape), initializer="zeros", trainable=False, autocast=False
        )
        self.built = True

    def given(self, index: np.ndarray) -> Any:
        """What `call` wants for indices (B,)."""
        return index.astype("int32")

    def call(self, index: Any, training: bool = False) -> Any:
        """Rows of the bank."""
        return ops.take(self.bank, index, axis=0)


class FeatureCache:
    """Features of frozen trunks, each computed once: those in use on the device, others in memory.

    With random weights every seed has a trunk of its own, which all strategies share; the least recently
    used go where `limit` bytes are not enough. Behind the images the source has room for rows that a trial
    makes of their features.
    """

    def __init__(self, images: int, shape: tuple[int, ...], limit: int, room: int = 0) -> None:
        self._images, self._shape, self._limit = images, shape, limit
        self._kept: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self.make_room(room)

    def make_room(self, rows: int) -> None:
        """Have a new source, with room for so many rows; features that are known stay so."""
        self.source = FeatureBank(self._images + rows, self._shape)
        self._made = np.zeros((rows, *self._shape), "float32")
        self._shown: int | None = None

    def extend(
        self, trunk: int, index: np.ndarray, labels: np.ndarray, resample: Resample, wanted: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Have `wanted` rows made of images `index`, whose features are known; the next `ensure` shows them.

        Gives the images' and the rows' indices, and `labels` (N,) with those of the rows behind. Raises
        ValueError for another number of rows.
        """
        features = self._kept[trunk][1][index]
        rows, found = resample(features.reshape(len(index), -1), labels[index])
        made = rows[len(index) :].reshape(-1, *self._shape)
        if len(made) != wanted:
            raise ValueError(f"resample_features made {len(made)} rows, feature_counts promised {wanted}")
        self._made[: len(made)] = made
        self._shown = None
        beyond = np.arange(self._images, self._images + len(made))
        return np.concatenate([index, beyond]), np.concatenate([labels, found[len(index) :]])

    def ensure(self, trunk: int, index: np.ndarray, compute: Callable[[np.ndarray], np.ndarray]) -> None:
        """Have the source hold a trunk's features of images `index`; `compute` gives those not known yet."""
        empty = np.zeros(self._images, bool), np.zeros((self._images, *self._shape), "float32")
        known, rows = self._kept[trunk] = self._kept.pop(trunk, empty)
        missing = index[~known[index]]
        if len(missing):
            rows[missing] = compute(missing)
            known[missing] = True
        if len(missing) or self._shown != trunk:
            self.source.bank.assign(np.concatenate([rows, self._made]) if len(self._made) else rows)
            self._shown = trunk
        while len(self._kept) > max(1, self._limit // rows.nbytes):
            del self._kept[next(iter(self._kept))]
