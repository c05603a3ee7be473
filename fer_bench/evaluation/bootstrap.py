"""Resampled images: for what has no derivative, such as a threshold that is fitted to them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

CHUNK_BYTES = 64 * 2**20  # of image weights in memory at a time


def image_weights(
    groups: np.ndarray, draws: int, seed: int = 0, chunk_bytes: int = CHUNK_BYTES
) -> Iterator[np.ndarray]:
    """Blocks (b, n) float32 of how often each image is drawn: multinomial over groups, b draws at a time."""
    _, member = np.unique(groups, return_inverse=True)
    count = int(member.max()) + 1
    generator = np.random.default_rng([seed, 0])
    block = max(1, chunk_bytes // (4 * len(member)))
    for start in range(0, draws, block):
        rows = min(block, draws - start)
        resampled = generator.integers(count, size=(rows, count)) + count * np.arange(rows)[:, None]
        times = np.bincount(resampled.ravel(), minlength=rows * count).reshape(rows, count)
        yield times.astype(np.float32)[:, member]
