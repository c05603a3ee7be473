"""The images of a split as a training uses them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fer_bench.data.images import FaceImages
from fer_bench.data.splits import Split

LARGEST_BANK = 2**31 - 1  # bytes of pixels copied to the device at once; of more, batch by batch


@dataclass(frozen=True)
class TrialData:
    """The images of a split in one array, and which of them are train, val and test.

    pixels (N, H, W, C) uint8, labels (N,) int32, ids (N,) str, groups (N,) int64 (identical images share a
    number); train, val, test are indices into these; dedup (len(test),) bool, and near_dedup, None
    where unknown.
    """

    pixels: np.ndarray
    labels: np.ndarray
    ids: np.ndarray
    groups: np.ndarray
    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    dedup: np.ndarray
    classes: tuple[str, ...]
    near_dedup: np.ndarray | None = None

    @classmethod
    def of(cls, images: FaceImages, split: Split, largest_bank: int = LARGEST_BANK) -> TrialData:
        """Copy the images that a split uses; too many for the device are left in their memory map."""
        used = np.unique(np.concatenate([split.train, split.val, split.test]))
        large = len(used) * images.pixels[0].size > largest_bank
        if large:
            used = np.arange(len(images))
        indices = {name: np.searchsorted(used, getattr(split, name)) for name in ("train", "val", "test")}
        return cls(
            pixels=images.pixels if large else np.ascontiguousarray(images.pixels[used]),
            labels=np.asarray(images.labels[used]),
            ids=np.asarray(images.ids[used]),
            groups=images.twins()[used],
            dedup=split.dedup,
            classes=images.classes,
            near_dedup=split.near_dedup,
            **indices,
        )

    @property
    def class_counts(self) -> np.ndarray:
        """Training images of each class, (K,) int64."""
        return np.bincount(self.labels[self.train], minlength=len(self.classes))
