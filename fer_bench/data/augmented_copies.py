"""Augmented copies: images that are another one of their class turned, enlarged, shifted, maybe mirrored.

Near-duplicates tell them only where the change is small. Here the middle of every image is seen as each of
270 such changes would show it, and its lowest frequencies are compared with those of the others. Pairs that
are alike after one of them are aligned, by steps of Gauss and Newton from there on. They are copies where the
middles then correlate by 0.95 or more.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from fer_bench.data.draft import Track, quiet
from fer_bench.data.near_duplicates import above, joined
from fer_bench.data.thumbnails import SIDE, diagonals

MIDDLE = 32  # pixels of 48
TURNS, ZOOMS, SHIFTS = (-12, -6, 0, 6, 12), (0.92, 1.0, 1.08), (-3.2, 0.0, 3.2)  # degrees, factors, pixels
WAVES = diagonals(6)
ALIKE = 0.88  # of the lowest frequencies
NEEDED = (-1.0, 0.8, 0.88, 0.9, 0.95)  # correlation after each step of the alignment
LARGEST_STEP = np.array([0.15, 0.1, 2.0, 2.0], np.float32)  # radians, factor, pixels
ROWS, AT_ONCE = 1024, 1000
Y, X = (axis.ravel() - (MIDDLE - 1) / 2 for axis in np.mgrid[:MIDDLE, :MIDDLE].astype(np.float32))


@dataclass(frozen=True)
class Changes:
    """n changes: turn, zoom, shift to the right and down, (n, 4) float32; whether mirrored, (n,) bool."""

    numbers: np.ndarray
    mirrored: np.ndarray

    @classmethod
    def tried(cls) -> Changes:
        """None at all, and then all that are tried."""
        every = [(0, 1, 0, 0, 0), *product(TURNS, ZOOMS, SHIFTS, SHIFTS, (0, 1))]
        numbers = np.array(every, np.float32)
        numbers[:, 0] = np.deg2rad(numbers[:, 0])
        return cls(numbers[:, :4], numbers[:, 4] > 0)

    def __getitem__(self, index: np.ndarray) -> Changes:
        return Changes(self.numbers[index], self.mirrored[index])

    def turned(self) -> tuple[np.ndarray, np.ndarray]:
        """Places of the middle's pixels (n, 1024), right and down of the centre, turned and enlarged."""
        x = np.where(self.mirrored[:, None], -X, X)
        cos, sin = (wave(self.numbers[:, :1]) * self.numbers[:, 1:2] for wave in (np.cos, np.sin))
        return cos * x - sin * Y, sin * x + cos * Y

    def sampled(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Columns, rows and weights, (n, 1024) each, of the four pixels that one of the middle is made of."""
        shift = self.numbers[:, 2:].T[..., None] + (SIDE - 1) / 2
        x, y = ((a + b).clip(0, SIDE - 1.001) for a, b in zip(self.turned(), shift, strict=True))
        column, row = x.astype(int), y.astype(int)
        right, down = x - column, y - row
        return [
            (column + i, row + j, (right if i else 1 - right) * (down if j else 1 - down))
            for i, j in product((0, 1), (0, 1))
        ]


def copy_groups(small: np.ndarray, labels: np.ndarray, track: Track = quiet) -> np.ndarray:
    """Group number of each thumbnail (N, 48, 48), (N,) int64, which copies within a class share.

    All that copies link is one group.
    """
    group, changes = np.arange(len(small)), Changes.tried()
    views = _views(changes)
    for label in np.unique(labels):
        of_class = np.flatnonzero(labels == label)
        left, right = _copies(small[of_class], changes, views, track)
        group = joined(group, of_class[left], of_class[right])
    return group


def _copies(
    small: np.ndarray, changes: Changes, views: np.ndarray, track: Track
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of thumbnails (n, 48, 48) that are copies: the indices of either."""
    values = small.reshape(len(small), -1).astype(np.float32)
    plain = _unit(values @ views[0].T)
    found = [np.zeros((4, 0), np.float32)]
    for number in track(range(1, len(views)), len(views) - 1):
        seen = _unit(values @ views[number].T)
        for begin in range(0, len(small), ROWS):
            for rows, columns in above(seen[begin : begin + ROWS], plain[begin:], ALIKE):
                left, right = rows[rows < columns] + begin, columns[rows < columns] + begin
                alike = np.einsum("nd,nd->n", seen[left], plain[right])
                found.append(np.stack([left, right, np.full(len(left), number), -alike]).astype(np.float32))
    left, right, number, alike = np.concatenate(found, axis=1)
    order = np.lexsort([alike, right, left])
    left, right, number = (part[order].astype(int) for part in (left, right, number))
    best = np.append(True, (np.diff(left) != 0) | (np.diff(right) != 0))[: len(left)]
    left, right, number = left[best], right[best], number[best]
    blocks = [slice(begin, begin + AT_ONCE) for begin in range(0, len(left), AT_ONCE)]
    aligned = [
        _aligned(small[left[b]], small[right[b]], changes[number[b]]) for b in track(blocks, len(blocks))
    ]
    copies = np.concatenate([np.zeros(0, bool), *aligned])
    return left[copies], right[copies]


def _views(changes: Changes) -> np.ndarray:
    """What turns a thumbnail into the lowest frequencies of its middle, changed: (n, 27, 2304) float32."""
    from scipy.sparse import csr_array

    place = (np.arange(MIDDLE) + 0.5) * np.pi / MIDDLE
    waves = np.stack([np.outer(np.cos(row * place), np.cos(column * place)).ravel() for row, column in WAVES])
    waves /= np.linalg.norm(waves, axis=1, keepdims=True)
    columns, rows, weights = (np.stack(parts, axis=-1) for parts in zip(*changes.sampled(), strict=True))
    begins, shape = np.arange(0, 4 * MIDDLE**2 + 1, 4), (MIDDLE**2, SIDE**2)
    pixels = rows * SIDE + columns
    views = [
        waves @ csr_array((weight.ravel(), pixel.ravel(), begins), shape)
        for weight, pixel in zip(weights, pixels, strict=True)
    ]
    return np.stack(views).astype(np.float32)


def _unit(values: np.ndarray) -> np.ndarray:
    """Rows (n, d) of length 1."""
    return values / np.maximum(np.linalg.norm(values, axis=-1, keepdims=True), 1e-3)


def _aligned(small: np.ndarray, others: np.ndarray, changes: Changes) -> np.ndarray:
    """Whether thumbnails (n, 48, 48) are copies of others, from what is nearly the change: (n,) bool."""
    edge = (SIDE - MIDDLE) // 2
    middles = others[:, edge:-edge, edge:-edge].reshape(len(others), -1).astype(np.float32)
    wanted = _unit(middles - middles.mean(axis=1, keepdims=True))
    values = small.astype(np.float32)
    slopes = np.stack([values, *np.gradient(values, axis=(2, 1))], axis=-1)  # to the right, then down
    copies, left = np.zeros(len(small), bool), np.arange(len(small))
    for needed in NEEDED:
        shown, step = _step(slopes[left], wanted[left], changes)
        kept = shown >= needed
        left, changes = left[kept], changes[kept]
        changes = Changes(changes.numbers + step[kept].clip(-LARGEST_STEP, LARGEST_STEP), changes.mirrored)
    copies[left] = True
    return copies


def _step(slopes: np.ndarray, wanted: np.ndarray, changes: Changes) -> tuple[np.ndarray, np.ndarray]:
    """Correlation (n,) of changed images with what is wanted, and the next step to raise it, (n, 4) float32.

    Of images with their slopes to the right and down (n, 48, 48, 3), and middles (n, 1024) of length 1.
    """
    image = np.arange(len(slopes))[:, None]
    sampled = sum(slopes[image, row, column] * w[..., None] for column, row, w in changes.sampled())
    shown, right, down = np.moveaxis(np.asarray(sampled), -1, 0)
    shown = shown - shown.mean(axis=1, keepdims=True)
    length = np.maximum(np.linalg.norm(shown, axis=1), 1e-3)[:, None]
    shown = shown / length
    x, y = changes.turned()
    by_number = [down * x - right * y, (right * x + down * y) / changes.numbers[:, 1:2], right, down]
    slope = np.stack(by_number, axis=1) / length[..., None]
    slope -= slope.mean(axis=2, keepdims=True)
    slope -= (slope @ shown[..., None]) * shown[:, None]
    square = slope @ slope.transpose(0, 2, 1) + 1e-4 * np.eye(4, dtype=np.float32)
    step = np.linalg.solve(square, slope @ (wanted - shown)[..., None])[..., 0]
    return np.einsum("nd,nd->n", shown, wanted), step.astype(np.float32)
