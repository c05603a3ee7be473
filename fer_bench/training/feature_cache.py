"""Features of a frozen trunk: computed once per image, then looked up by index."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from fer_bench.training.backend import Tensor

LARGEST_FEATURES = 2**31  # bytes of features on the device

Resample = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Features (n, d) float32 and labels (n,) -> the same with those of synthetic rows appended."""


class FeatureBank(keras.layers.Layer):
    """Features (N, ...) float32 on the device: from indices (B,) int32 to rows (B, ...)."""

    host_pixels = None

    def __init__(self, rows: int, shape: tuple[int, ...]) -> None:
        super().__init__(name="features", dtype="float32")
        self.features = self.add_weight(
            name="bank", shape=(rows, *shape), initializer="zeros", trainable=False, autocast=False
        )
        self.built = True

    def inputs(self, index: np.ndarray) -> np.ndarray:
        """The input of `call` for indices (B,)."""
        return index.astype("int32")

    def call(self, index: Tensor, training: bool = False) -> Tensor:
        """Rows (B, ...) at these indices."""
        return ops.take(self.features, index, axis=0)


class FeatureCache:
    """Features of frozen trunks, a row per image, and synthetic rows that a trial makes of them.

    Every trunk's features are kept in memory; those of the trunk in use are also on the device, in `bank`,
    with the synthetic rows after those of the images. Trunks are told apart by a number or a word: with
    random weights every seed has its own, shared by all strategies, and so has every stage. Where all are
    more than `limit` bytes, those of the least recently used trunk are dropped.

    `compute` returns features (n, ...) float32 of images (n,) by index.
    """

    def __init__(
        self,
        images: int,
        shape: tuple[int, ...],
        compute: Callable[[np.ndarray], np.ndarray],
        limit: int = LARGEST_FEATURES,
    ) -> None:
        self._images, self._shape, self._compute, self._limit = images, shape, compute, limit
        self._by_trunk: dict[
            int | str, tuple[np.ndarray, np.ndarray]
        ] = {}  # which images are known, and features
        self._trunk: int | str = 0  # of the trial
        self._synthetic_rows = 0
        self._synthetic = np.zeros((0, *shape), "float32")
        self._bank: FeatureBank | None = None
        self._trunk_on_device: int | str | None = None

    @property
    def bank(self) -> FeatureBank:
        """The features on the device; another object after `begin_trial` has returned True."""
        if self._bank is None:
            self._bank = FeatureBank(self._images + len(self._synthetic), self._shape)
            self._trunk_on_device = None
        return self._bank

    @property
    def trunk(self) -> int | str:
        """Number or word of the trunk in use."""
        return self._trunk

    def fits(self, synthetic_rows: int = 0) -> bool:
        """Whether features of all images and so many synthetic rows are within the limit."""
        return self._bytes(synthetic_rows) <= self._limit

    def _bytes(self, synthetic_rows: int) -> int:
        return (self._images + synthetic_rows) * 4 * int(np.prod(self._shape))

    def begin_trial(self, trunk: int | str, synthetic_rows: int) -> bool:
        """Use this trunk, with room for so many synthetic rows; returns whether that takes a new `bank`.

        Raises MemoryError if the rows don't fit beside those of the images.
        """
        self._trunk, self._synthetic_rows = trunk, synthetic_rows
        if synthetic_rows <= len(self._synthetic):
            return False
        if not self.fits(synthetic_rows):
            raise MemoryError(
                f"features of {self._images:,} images and {synthetic_rows:,} made rows: "
                f"{self._bytes(synthetic_rows) / 2**30:.1f} GiB; at most {self._limit / 2**30:.1f} fit: "
                "use fewer train_images or a smaller image_size"
            )
        self._synthetic = np.zeros((synthetic_rows, *self._shape), "float32")
        self._bank = None
        return True

    def load(self, index: np.ndarray) -> None:
        """Put the trunk's features into `bank`, after computing those of images `index` not known yet.

        `index` may include synthetic rows.
        """
        bank = self.bank
        empty = np.zeros(self._images, bool), np.zeros((self._images, *self._shape), "float32")
        known, features = self._by_trunk[self._trunk] = self._by_trunk.pop(self._trunk, empty)
        images = index[index < self._images]
        missing = images[~known[images]]
        if len(missing):
            features[missing] = self._compute(missing)
            known[missing] = True
        if len(missing) or self._trunk_on_device != self._trunk:
            rows = np.concatenate([features, self._synthetic]) if len(self._synthetic) else features
            bank.features.assign(rows)
            self._trunk_on_device = self._trunk
        while len(self._by_trunk) > max(1, self._limit // features.nbytes):
            del self._by_trunk[next(iter(self._by_trunk))]

    def training_rows(
        self, index: np.ndarray, labels: np.ndarray, resample: Resample
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows to train on instead of images `index` (n,), and labels by row; `labels` (N,) are all images'.

        Both as they are in a trial without synthetic rows. Else these are made of the images' features, and
        the next `load` puts them into `bank`: then n + synthetic_rows indices and N + synthetic_rows
        labels. Raises ValueError where `resample` makes another number of rows.
        """
        if not self._synthetic_rows:
            return index, labels
        self.load(index)
        features = self._by_trunk[self._trunk][1][index]
        rows, row_labels = resample(features.reshape(len(index), -1), labels[index])
        synthetic = rows[len(index) :].reshape(-1, *self._shape)
        if len(synthetic) != self._synthetic_rows:
            raise ValueError(
                f"resample_features made {len(synthetic)} rows, "
                f"feature_counts promised {self._synthetic_rows}"
            )
        self._synthetic[: len(synthetic)] = synthetic
        self._trunk_on_device = None  # its synthetic rows are others now
        added = np.arange(self._images, self._images + len(synthetic))
        return np.concatenate([index, added]), np.concatenate([labels, row_labels[len(index) :]])
