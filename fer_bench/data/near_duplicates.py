"""Near-duplicates: images whose pixels correlate by 0.95 or more, as they are or mirrored.

They are compared as thumbnails, of zero mean and length 1. Of such images x = (a, r) and y = (b, s), with a
and b their low frequencies and r and s the rest, the correlation is a.b + r.s <= a.b + |r| |s|. Where the
right side is less than 0.95 nobody needs to look at the rest: products of short vectors leave few of all
pairs to compare, and miss none. A mirror image has the same frequencies, with the other sign every second
horizontal one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fer_bench.data.draft import Track, quiet
from fer_bench.data.thumbnails import low_frequencies, normalised

LEAST = 0.95
LOW = 8  # frequencies in each direction
ROUNDING = 1e-4  # of a product of outlines
ROWS, COLUMNS, PAIRS = 1024, 8192, 4096  # that are compared at once
MIRROR = np.append(np.tile(np.where(np.arange(LOW) % 2, -1, 1), LOW), 1).astype(np.float32)
"""What turns the outline of an image into that of its mirror image."""


@dataclass(frozen=True)
class Closest:
    """Of each of n images the nearest of another set.

    other (n,) int64, its index, -1 where none is a near-duplicate; correlation (n,) float32; mirrored (n,)
    bool, whether one is the mirror image of the other.
    """

    other: np.ndarray
    correlation: np.ndarray
    mirrored: np.ndarray


def near_groups(small: np.ndarray, twins: np.ndarray, track: Track = quiet) -> np.ndarray:
    """Group number of each image, (N,) int64: near-duplicates share one, and all that these link.

    `small` (N, 48, 48) are thumbnails, `twins` (N,) numbers that identical images share, in the order of
    their first. Images without contrast are with identical ones alone.
    """
    _, first = np.unique(twins, return_index=True)
    found, group = outlines(small)[first], np.arange(len(first))
    blocks = range(0, len(first), ROWS)
    for begin in track(blocks, len(blocks)):
        for flipped in (False, True):
            mine = found[begin : begin + ROWS] * (MIRROR if flipped else 1)
            for rows, columns in above(mine, found[begin:], LEAST - ROUNDING):
                pairs = np.stack([rows, columns])[:, rows < columns] + begin
                group = _joined(group, small, first, pairs, flipped)
    _, number = np.unique(group[twins], return_inverse=True)
    return number.astype(np.int64)


def closest(small: np.ndarray, others: np.ndarray, track: Track = quiet) -> Closest:
    """Of each thumbnail (n, 48, 48) the nearest of others (m, 48, 48)."""
    mine, theirs = outlines(small), outlines(others)
    other, correlation = np.full(len(small), -1), np.full(len(small), LEAST, np.float32)
    mirrored = np.zeros(len(small), bool)
    blocks = range(0, len(small), ROWS)
    for begin in track(blocks, len(blocks)):
        for flipped in (False, True):
            block = mine[begin : begin + ROWS] * (MIRROR if flipped else 1)
            for rows, columns in above(block, theirs, LEAST - ROUNDING):
                for left, right in zip(_parts(rows + begin), _parts(columns), strict=True):
                    values = correlations(small[left], others[right], flipped)
                    for place in np.flatnonzero(values >= correlation[left]):
                        image, value = left[place], values[place]
                        if value > correlation[image] or other[image] < 0:
                            other[image], correlation[image], mirrored[image] = right[place], value, flipped
    correlation[other < 0] = 0
    return Closest(other, correlation, mirrored)


def outlines(small: np.ndarray) -> np.ndarray:
    """Low frequencies of thumbnails and, last, the length of the rest: (n, 65) float32."""
    found = np.empty((len(small), LOW * LOW + 1), np.float32)
    for begin in range(0, len(small), ROWS):
        values = normalised(small[begin : begin + ROWS])
        low = low_frequencies(values, LOW).reshape(-1, LOW * LOW)
        rest = np.square(values).sum(axis=(1, 2)) - np.square(low).sum(axis=1)
        found[begin : begin + ROWS] = np.column_stack([low, np.sqrt(np.maximum(rest, 0))])
    return found


def above(left: np.ndarray, right: np.ndarray, least: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of `left` (n, d) and of `right` (m, d) whose product is `least` or more, part by part."""
    for begin in range(0, len(left), ROWS):
        for start in range(0, len(right), COLUMNS):
            products = left[begin : begin + ROWS] @ right[start : start + COLUMNS].T
            rows, columns = np.divmod(np.flatnonzero(products >= least), products.shape[1])
            if len(rows):
                yield rows + begin, columns + start


def correlations(small: np.ndarray, others: np.ndarray, flipped: bool) -> np.ndarray:
    """Correlation (n,) float32 of thumbnails (n, 48, 48) each with its other, that mirrored if `flipped`."""
    values, beside = normalised(small), normalised(others)
    return np.einsum("nij,nij->n", values, beside[..., ::-1] if flipped else beside)


def _parts(indices: np.ndarray) -> Iterator[np.ndarray]:
    return (indices[begin : begin + PAIRS] for begin in range(0, len(indices), PAIRS))


def _joined(
    group: np.ndarray, small: np.ndarray, first: np.ndarray, pairs: np.ndarray, flipped: bool
) -> np.ndarray:
    """The groups (n,), joined where near-duplicates are among the pairs (2, p); those of one are skipped."""
    while pairs.size:
        pairs = pairs[:, group[pairs[0]] != group[pairs[1]]]
        some, pairs = pairs[:, :PAIRS], pairs[:, PAIRS:]
        left, right = first[some]
        near = correlations(small[left], small[right], flipped) >= LEAST
        if near.any():
            group = joined(group, *some[:, near])
    return group


def joined(group: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Group numbers (n,) below n, those of the members `left` and `right` (p,) made one, pair by pair."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(left), np.int8), (group[left], group[right])), (len(group),) * 2)
    return connected_components(links, directed=False)[1][group].astype(np.int64)
