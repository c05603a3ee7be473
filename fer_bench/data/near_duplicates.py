"""Near-duplicates: images whose pixels correlate by 0.95 or more, as they are or mirrored.

Pixels are grey, of 48x48, zero mean and length 1. Of such images x = (a, r) and y = (b, s), with a and b
their low frequencies and r and s the rest, the correlation is a.b + r.s <= a.b + |r| |s|. Where the right
side is less than 0.95 nobody needs to look at the rest: products of short vectors leave few of all pairs to
compare, and miss none. A mirror image has the same frequencies, the odd horizontal ones with the other sign.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fer_bench.data.draft import Track, quiet

LEAST = 0.95
SIDE = 48
LOW = 8  # frequencies in each direction
FAINT = 1.0  # grey levels: images of less contrast have no near-duplicates but identical ones
ROWS, COLUMNS, PAIRS = 1024, 8192, 4096  # that are compared at once
ROUNDING = 1e-4
GREY = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue


@dataclass(frozen=True)
class Outlines:
    """Low frequencies of n images and, last, the length of the rest: (n, 65) float32; zeros of faint ones."""

    upright: np.ndarray
    mirrored: np.ndarray

    @classmethod
    def of(cls, pixels: np.ndarray, indices: np.ndarray) -> Outlines:
        """Outlines of some of the images (N, H, W, C) uint8."""
        waves, lengths = [], []
        for begin in range(0, len(indices), ROWS):
            faces = normalised(pixels, indices[begin : begin + ROWS])
            waves.append(low_frequencies(faces, LOW))
            energy = np.square(faces).sum(axis=(1, 2)) - np.square(waves[-1]).sum(axis=(1, 2))
            lengths.append(np.sqrt(np.maximum(energy, 0)))
        low = np.concatenate(waves) if waves else np.zeros((0, LOW, LOW), np.float32)
        rest = np.concatenate(lengths)[:, None] if lengths else np.zeros((0, 1), np.float32)
        sign = np.where(np.arange(LOW) % 2, np.float32(-1), np.float32(1))
        upright, mirrored = (np.hstack([w.reshape(-1, LOW * LOW), rest]) for w in (low, low * sign))
        return cls(upright, mirrored)


@dataclass(frozen=True)
class Closest:
    """Of each image of one set the nearest of another.

    other (n,) int64, its index, -1 where none is a near-duplicate; correlation (n,) float32; mirrored (n,)
    bool, whether one is the mirror image of the other.
    """

    other: np.ndarray
    correlation: np.ndarray
    mirrored: np.ndarray


def near_groups(pixels: np.ndarray, twins: np.ndarray, track: Track = quiet) -> np.ndarray:
    """Group number of each image, (N,) int64: near-duplicates share one, and all that these link.

    `pixels` (N, H, W, C) uint8; `twins` (N,) numbers that identical images share, in the order of their first.
    Faint images are with identical ones alone.
    """
    _, first = np.unique(twins, return_index=True)
    group = np.arange(len(first))
    outlines = Outlines.of(pixels, first)
    blocks = range(0, len(first), ROWS)
    for begin in track(blocks, len(blocks)):
        for flipped, other in ((False, outlines.upright), (True, outlines.mirrored)):
            for rows, columns in above(outlines.upright[begin : begin + ROWS], other[begin:], _bound()):
                left, right = rows + begin, columns + begin
                group = _joined(group, pixels, first, left[left < right], right[left < right], flipped)
    _, number = np.unique(group[twins], return_inverse=True)
    return number.astype(np.int64)


def closest(pixels: np.ndarray, others: np.ndarray, track: Track = quiet) -> Closest:
    """Of each image (N, H, W, C) uint8 the nearest of others (M, H, W, C), of any size."""
    everything, all_others = np.arange(len(pixels)), np.arange(len(others))
    outlines, beside = Outlines.of(pixels, everything), Outlines.of(others, all_others)
    found = Closest(
        np.full(len(pixels), -1), np.zeros(len(pixels), np.float32), np.zeros(len(pixels), bool)
    )
    blocks = range(0, len(pixels), ROWS)
    for begin in track(blocks, len(blocks)):
        for flipped, waves in ((False, beside.upright), (True, beside.mirrored)):
            for rows, right in above(outlines.upright[begin : begin + ROWS], waves, _bound()):
                _enter_closest(found, pixels, others, rows + begin, right, flipped)
    return found


def above(left: np.ndarray, right: np.ndarray, least: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of `left` (n, d) and of `right` (m, d) whose product is `least` or more, part by part."""
    for begin in range(0, len(left), ROWS):
        for start in range(0, len(right), COLUMNS):
            products = left[begin : begin + ROWS] @ right[start : start + COLUMNS].T
            rows, columns = np.divmod(np.flatnonzero(products >= least), products.shape[1])
            if len(rows):
                yield rows + begin, columns + start


def normalised(pixels: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Some of the images (N, H, W, C) uint8 as (n, 48, 48) float32 of zero mean and length 1; faint ones 0."""
    chosen = pixels[indices].astype(np.float32)
    grey = chosen @ GREY if chosen.shape[-1] == 3 else chosen[..., 0]
    if grey.shape[1:] != (SIDE, SIDE):
        grey = resampling(grey.shape[1]) @ grey @ resampling(grey.shape[2]).T
    grey -= grey.mean(axis=(1, 2), keepdims=True)
    length = np.sqrt(np.square(grey).sum(axis=(1, 2), keepdims=True))
    return np.where(length > FAINT * SIDE, grey / np.maximum(length, 1e-6), np.float32(0))


def low_frequencies(faces: np.ndarray, count: int) -> np.ndarray:
    """The lowest frequencies (n, count, count) of faces (n, 48, 48), vertical ones first; orthonormal."""
    place = (np.arange(SIDE) + 0.5) * np.pi / SIDE
    waves = np.cos(np.arange(count)[:, None] * place) * np.sqrt(2 / SIDE)
    waves[0] /= np.sqrt(2)
    basis = waves.astype(np.float32)
    return basis @ faces @ basis.T


def resampling(side: int) -> np.ndarray:
    """Matrix (48, side) float32 that brings a row of pixels to 48: a triangle as wide as the smaller pixels."""
    scale = side / SIDE
    centre = (np.arange(SIDE)[:, None] + 0.5) * scale - 0.5
    weight = np.maximum(1 - np.abs(np.arange(side) - centre) / max(scale, 1), 0)
    return (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)


def _bound() -> float:
    return LEAST - ROUNDING


def _joined(
    group: np.ndarray, pixels: np.ndarray, first: np.ndarray, left: np.ndarray, right: np.ndarray, flipped: bool
) -> np.ndarray:
    """The groups (n,), those joined that near-duplicates among the pairs link; pairs of one are skipped."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    while len(left):
        apart = group[left] != group[right]
        left, right = left[apart], right[apart]
        some, left, others, right = left[:PAIRS], left[PAIRS:], right[:PAIRS], right[PAIRS:]
        near = _correlations(pixels, first[some], pixels, first[others], flipped) >= LEAST
        if near.any():
            ends = group[some[near]], group[others[near]]
            links = coo_array((np.ones(near.sum(), np.int8), ends), (len(group),) * 2)
            group = connected_components(links, directed=False)[1][group]
    return group


def _enter_closest(
    found: Closest, pixels: np.ndarray, others: np.ndarray, left: np.ndarray, right: np.ndarray, flipped: bool
) -> None:
    """Enter near-duplicates among the pairs that are nearer than what was found before."""
    for begin in range(0, len(left), PAIRS):
        some, beside = left[begin : begin + PAIRS], right[begin : begin + PAIRS]
        correlation = _correlations(pixels, some, others, beside, flipped)
        for place in np.flatnonzero(correlation >= LEAST):
            if correlation[place] > found.correlation[some[place]]:
                found.other[some[place]] = beside[place]
                found.correlation[some[place]] = correlation[place]
                found.mirrored[some[place]] = flipped


def _correlations(
    pixels: np.ndarray, left: np.ndarray, others: np.ndarray, right: np.ndarray, flipped: bool
) -> np.ndarray:
    """Correlation of each pair of images, (n,) float32, the second ones mirrored where `flipped`."""
    shown, beside = normalised(pixels, left), normalised(others, right)
    return np.einsum("nij,nij->n", shown, beside[..., ::-1] if flipped else beside)
