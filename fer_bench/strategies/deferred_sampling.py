"""Deferred re-sampling (DRS): images as they come first, equally common classes in the last part of training.

    q_c = n_c / N for t < start,   q_c = 1 / K after that

t is the share of the training done. The counterpart of deferred_weights by sampling. No epoch before `start`
is kept as the best.
Cao et al., Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss, NeurIPS 2019.
https://arxiv.org/abs/1906.07413
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.search_space import tunable
from fer_bench.strategies.base import STRATEGIES, Strategy
from fer_bench.strategies.class_aware_sampling import ClassAwareSampling
from fer_bench.strategies.deferred_weights import begun


@STRATEGIES.register("deferred_sampling")
@dataclass(frozen=True)
class DeferredSampling(Strategy):
    """Class-aware sampling, late."""

    start: float = tunable(0.8, low=0.5, high=0.9)

    @property
    def selectable_from(self) -> float:
        """When classes begin to be equally common."""
        return self.start

    def resample(self, labels: np.ndarray, seed: int, progress: float) -> np.ndarray:
        """Indices into labels (N,): each once, or about N of them with equally common classes."""
        if not begun(progress, self.start):
            return np.arange(len(labels))
        return ClassAwareSampling().resample(labels, seed, progress)
