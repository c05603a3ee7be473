"""Random over-sampling: images of rare classes are drawn more often.

    n'_c = max(n_c, ratio * n_max)

Ratio 1 makes all classes equally common. Drawn anew for every pass through the pool, on indices, of the
training split alone.
Batista, Prati and Monard, A study of the behavior of several methods for balancing machine learning
training data, SIGKDD Explorations 6(1), 2004. https://doi.org/10.1145/1007730.1007735
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.search_space import tunable
from fer_bench.strategies.base import STRATEGIES, Strategy


@STRATEGIES.register("oversampling")
@dataclass(frozen=True)
class Oversampling(Strategy):
    """Repetition of the rare, by imbalanced-learn's RandomOverSampler."""

    ratio: float = tunable(1.0, low=0.1, high=1.0)

    def resample(self, labels: np.ndarray, seed: int, progress: float) -> np.ndarray:
        """Indices (M,) in which each class of labels (N,) that is there has at least ratio * n_max images."""
        from imblearn.over_sampling import RandomOverSampler

        counts = np.bincount(labels)
        goal = {c: max(n, round(self.ratio * counts.max())) for c, n in enumerate(counts) if n}
        if all(goal[c] == counts[c] for c in goal):
            return np.arange(len(labels))
        sampler = RandomOverSampler(sampling_strategy=goal, random_state=seed % 2**32)
        return np.ravel(sampler.fit_resample(np.arange(len(labels))[:, None], labels)[0])
