"""Face images as uint8 arrays with labels, and what can be told from the pixels: blank and identical ones."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fer_bench.errors import UserError

SUBSETS = ("train", "val", "test", "none")


@dataclass(frozen=True, eq=False)
class FaceImages:
    """N labelled face images of one size, as imported; arrays may be read-only memory maps.

    - pixels: (N, H, W, C) uint8, C = 1 (grey) or 3 (RGB), raw values 0..255;
    - labels: (N,) int32, index into `classes`; subsets: (N,) uint8, index into `SUBSETS`;
    - ids: (N,) str, file or row within the source; classes: names in alphabetical order;
    - source: one line, where it came from; notes: warnings, shown wherever the images are used;
    - fingerprint: hex SHA-256 over pixels, labels, subsets and classes (computed here unless given);
    - skipped: "id: reason" for every image of the source that could not be read.

    Raises ValueError where the arrays don't fit one another.
    """

    pixels: np.ndarray
    labels: np.ndarray
    subsets: np.ndarray
    ids: np.ndarray
    classes: tuple[str, ...]
    name: str
    source: str
    notes: tuple[str, ...] = ()
    fingerprint: str = ""
    skipped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.pixels.ndim != 4 or self.pixels.dtype != np.uint8 or self.pixels.shape[-1] not in (1, 3):
            raise ValueError(
                f"pixels are {self.pixels.dtype} {self.pixels.shape}, expected uint8 (N, H, W, 1 or 3)"
            )
        if {len(self.labels), len(self.subsets), len(self.ids)} != {len(self.pixels)}:
            raise ValueError("pixels, labels, subsets and ids differ in length")
        if list(self.classes) != sorted(set(self.classes)):
            raise ValueError(f"classes {self.classes} are not in alphabetical order, each once")
        if len(self.labels) and not 0 <= self.labels.min() <= self.labels.max() < len(self.classes):
            raise ValueError(f"labels reach outside the {len(self.classes)} classes")
        if not self.fingerprint:
            computed = fingerprint(self.pixels, self.labels, self.subsets, self.classes)
            object.__setattr__(self, "fingerprint", computed)

    def __len__(self) -> int:
        return len(self.labels)

    def blank(self) -> np.ndarray:
        """Which images are constant: (N,) bool."""
        return self._blank

    def twins(self) -> np.ndarray:
        """Group number of each image, (N,) int64: images with exactly identical pixels share one.

        Groups are numbered in the order of their first image.
        """
        return self._twins

    def in_subset(self, *names: str) -> np.ndarray:
        """Which images were imported in one of these subsets: (N,) bool."""
        return np.isin(self.subsets, [SUBSETS.index(name) for name in names])

    def counts(self, indices: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Images of each class among `indices` (numbers, a mask, or all): (K,) int64."""
        return np.bincount(self.labels[indices], minlength=len(self.classes))

    def check_intact(self) -> None:
        """Raise UserError where the arrays no longer have the fingerprint that they were imported with."""
        if not self._intact:
            raise UserError(
                f"dataset {self.name!r}: its stored images or labels have changed since their import "
                "(a damaged disk?): import it again"
            )

    @cached_property
    def _intact(self) -> bool:
        return self.fingerprint == fingerprint(self.pixels, self.labels, self.subsets, self.classes)

    @cached_property
    def _blank(self) -> np.ndarray:
        return (self.pixels.min(axis=(1, 2)) == self.pixels.max(axis=(1, 2))).all(axis=1)

    @cached_property
    def _twins(self) -> np.ndarray:
        groups: dict[bytes, int] = {}
        digests = (hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in self.pixels)
        return np.fromiter(
            (groups.setdefault(digest, len(groups)) for digest in digests), np.int64, len(self)
        )


def imbalance_ratio(counts: np.ndarray) -> float:
    """Largest class over smallest, n_max/n_min; infinite where a class has no image."""
    return float(counts.max() / counts.min()) if counts.min() else math.inf


def fingerprint(pixels: np.ndarray, labels: np.ndarray, subsets: np.ndarray, classes: tuple[str, ...]) -> str:
    """Hex SHA-256 over shape, pixels, labels, subsets and classes; the same on every machine."""
    digest = hashlib.sha256(repr((tuple(pixels.shape), tuple(classes))).encode())
    for start in range(0, len(pixels), 4096):
        digest.update(pixels[start : start + 4096].tobytes())
    digest.update(labels.astype("<i4").tobytes())
    digest.update(subsets.astype("u1").tobytes())
    return digest.hexdigest()
