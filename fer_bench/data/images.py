"""Face images as uint8 arrays with labels, and what can be told from the pixels: blank and identical ones."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from mmap import mmap

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
    - skipped: "id: reason" for every image of the source that could not be read;
    - subjects: (N,) int64, images of one person or sequence share a number; None where the source has none;
    - votes: (N, K) float32, shares of raters for each class, each row of sum 1; None without any;
    - attributes: (N,) str by name (age, gender), "" where unknown;
    - near: (N,) int64, near-duplicates and what they link share a number (`data.near_duplicates`, of some
      sets also `data.augmented_copies`); None where they were not looked for, as by earlier versions;
    - refused: splits that these images are not to give, for a reason that the notes say.

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
    subjects: np.ndarray | None = None
    votes: np.ndarray | None = None
    attributes: Mapping[str, np.ndarray] = field(default_factory=dict)
    near: np.ndarray | None = None
    refused: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.pixels.ndim != 4 or self.pixels.dtype != np.uint8 or self.pixels.shape[-1] not in (1, 3):
            raise ValueError(
                f"pixels are {self.pixels.dtype} {self.pixels.shape}, expected uint8 (N, H, W, 1 or 3)"
            )
        if {len(self.labels), len(self.subsets), len(self.ids)} != {len(self.pixels)}:
            raise ValueError("pixels, labels, subsets and ids differ in length")
        for extra in (self.subjects, self.votes, self.near, *self.attributes.values()):
            if extra is not None and len(extra) != len(self.pixels):
                raise ValueError("subjects, votes, near and attributes need a row for each image")
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

    def groups(self) -> np.ndarray:
        """Number of each image, (N,) int64, that the images which a split keeps on one side share.

        These are those of one subject, or where subjects are unknown, near-duplicates; and those with
        identical pixels. So are all that are linked by such pairs.
        """
        return self._groups

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
        return twin_groups(self.pixels)

    @cached_property
    def _groups(self) -> np.ndarray:
        alike = self.near if self.subjects is None else self.subjects
        return self.twins() if alike is None else linked(self.twins(), alike)


def blocks(pixels: np.ndarray, size: int = 1024) -> Iterator[np.ndarray]:
    """Images (N, H, W, C) uint8 in blocks of some, in order.

    A whole memory map is read from its file instead, as what was seen of a map stays in memory.
    """
    for begin in range(0, len(pixels), size):
        block = pixels[begin : begin + size]
        if isinstance(pixels, np.memmap) and isinstance(pixels.base, mmap):
            place = pixels.offset + begin * pixels[0].size
            block = np.fromfile(pixels.filename, np.uint8, block.size, offset=place).reshape(block.shape)
        yield block


def pixel_digests(pixels: np.ndarray) -> Iterator[bytes]:
    """Of each image a hash that those with identical pixels share."""
    for block in blocks(pixels):
        for image in block:
            yield hashlib.blake2b(image.tobytes(), digest_size=16).digest()


def twin_groups(pixels: np.ndarray) -> np.ndarray:
    """Group number of each of N images, (N,) int64, as of `FaceImages.twins`."""
    groups: dict[bytes, int] = {}
    numbers = (groups.setdefault(digest, len(groups)) for digest in pixel_digests(pixels))
    return np.fromiter(numbers, np.int64, len(pixels))


def linked(*groupings: np.ndarray) -> np.ndarray:
    """Numbers (N,) int64 shared by all that are linked: by a number shared in any of the groupings (N,).

    They are numbered in the order of their first member.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count, offset, rows, columns = len(groupings[0]), len(groupings[0]), [], []
    for grouping in groupings:
        _, number = np.unique(grouping, return_inverse=True)
        rows.append(np.arange(count))
        columns.append(offset + number)
        offset += int(number.max(initial=-1)) + 1
    edges = np.ones(count * len(groupings), np.int8), (np.concatenate(rows), np.concatenate(columns))
    _, component = connected_components(coo_array(edges, (offset, offset)), directed=False)
    _, first, member = np.unique(component[:count], return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[member].astype(np.int64)


def imbalance_ratio(counts: np.ndarray) -> float:
    """Largest class over smallest, n_max/n_min; infinite where a class has no image."""
    return float(counts.max() / counts.min()) if counts.min() else math.inf


def fingerprint(pixels: np.ndarray, labels: np.ndarray, subsets: np.ndarray, classes: tuple[str, ...]) -> str:
    """Hex SHA-256 over shape, pixels, labels, subsets and classes; the same on every machine."""
    digest = hashlib.sha256(repr((tuple(pixels.shape), tuple(classes))).encode())
    for block in blocks(pixels):
        digest.update(block.tobytes())
    digest.update(labels.astype("<i4").tobytes())
    digest.update(subsets.astype("u1").tobytes())
    return digest.hexdigest()
