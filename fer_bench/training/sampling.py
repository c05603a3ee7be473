"""The order in which a phase draws its images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fer_bench.hashing import derive_seed
from fer_bench.strategies.base import Strategy
from fer_bench.training.outcome import TrialFailed


def index_stream(
    strategy: Strategy,
    labels: np.ndarray,
    images: int,
    batch: int,
    epochs: int,
    done: float,
    share: float,
    seed: int,
) -> np.ndarray:
    """Draws of one phase, (epochs, steps * batch) int64: an endless shuffled run through the pool.

    `labels` are those of the training images and of what is made of them. `steps` is floor(images / batch)
    for every strategy, whatever the size of its pool. The phase goes from progress `done` to
    `done + share`; the pool is made anew each time it has been run through.
    """
    length = images // batch * batch
    if not length:
        raise TrialFailed(f"{images} training images are fewer than a batch of {batch}")

    def shuffled() -> Iterator[np.ndarray]:
        drawn = passes = 0
        while True:
            progress = min(done + share * drawn / (length * epochs), 1.0)
            pool = strategy.resample(labels, derive_seed(seed, "pool", passes), progress)
            yield np.random.default_rng(derive_seed(seed, "order", passes)).permutation(pool)
            drawn, passes = drawn + len(pool), passes + 1

    parts, total = [], 0
    for pool in shuffled():
        parts.append(pool)
        total += len(pool)
        if total >= length * epochs:
            return np.concatenate(parts)[: length * epochs].reshape(epochs, length)
    raise AssertionError("endless")
