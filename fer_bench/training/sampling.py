"""How a phase samples its training rows: the strategy's resampling, in a seeded random order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fer_bench.hashing import derive_seed
from fer_bench.strategies.base import Strategy
from fer_bench.study.recipe import Recipe
from fer_bench.training.outcome import TrialFailed


@dataclass(frozen=True, kw_only=True)
class PhaseSampler:
    """A strategy's resampling in one phase of a trial.

    `seed` is the trial's; `progress` in [0, 1] is the share of the training done when the phase begins.
    """

    strategy: Strategy
    recipe: Recipe
    phase: int
    seed: int
    progress: float

    def resample_features(self, features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features (n, d) float32 and labels (n,), with those of the strategy's synthetic rows appended."""
        return self.strategy.resample_features(
            features, labels, derive_seed(self.seed, "features", self.phase)
        )

    def stream(self, labels: np.ndarray, images: int) -> np.ndarray:
        """Indices into `labels` in the order of training, (epochs, steps * B) int64.

        `labels` are those of the training images, then of any synthetic rows. An epoch is floor(images / B)
        steps for every strategy, however large the strategy's pool is: the stream runs through the shuffled
        pool, which is resampled after each pass, without regard to epochs.
        Raises TrialFailed for fewer images than a batch.
        """
        epochs, batch = self.recipe.phases[self.phase].epochs, self.recipe.batch_size
        length = images // batch * batch
        if not length:
            raise TrialFailed(f"{images} training images are fewer than a batch of {batch}")
        parts, total = [], 0
        for pool in self._shuffled_pools(labels, length * epochs):
            parts.append(pool)
            total += len(pool)
            if total >= length * epochs:
                break
        return np.concatenate(parts)[: length * epochs].reshape(epochs, length)

    def _shuffled_pools(self, labels: np.ndarray, total: int) -> Iterator[np.ndarray]:
        """The strategy's pool, resampled and shuffled again for each pass; a phase needs `total` rows."""
        recipe = self.recipe
        share = recipe.phases[self.phase].epochs / recipe.epochs_of(recipe.trained_together(self.phase))
        seed = derive_seed(self.seed, "stream", self.phase)
        drawn = passes = 0
        while True:
            progress = min(self.progress + share * drawn / total, 1.0)
            pool = self.strategy.resample(labels, derive_seed(seed, "pool", passes), progress)
            yield np.random.default_rng(derive_seed(seed, "order", passes)).permutation(pool)
            drawn, passes = drawn + len(pool), passes + 1
