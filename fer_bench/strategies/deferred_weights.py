"""Deferred re-weighting (DRW): plain training first, class weights in the last part of it.

    w_c = 1 for t < start,   w_c = 1 / E_c after that

t is the share of the training done, E_c the effective number of images with a `ratio` of weights as in
effective_number. Features are learnt from the data as they are; weights then move the decisions. No epoch
before `start` is kept as the best. (In the source the learning rate falls at the same time, at 0.8; here that
is the recipe's.)
Cao et al., Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss, NeurIPS 2019.
https://arxiv.org/abs/1906.07413
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.search_space import tunable
from fer_bench.strategies.base import STRATEGIES, LossTerms, Strategy
from fer_bench.strategies.effective_number import RATIO_ON_FER2013, effective_weights


def begun(progress: float, start: float) -> bool:
    """Whether what begins at `start` acts; rounding may have made a sum of shares a little too small."""
    return progress > start - 1e-6


@STRATEGIES.register("deferred_weights")
@dataclass(frozen=True)
class DeferredWeights(Strategy):
    """Weights by effective numbers, late."""

    start: float = tunable(0.8, low=0.5, high=0.9)
    ratio: float = tunable(RATIO_ON_FER2013, low=1.5, high=16.5, log=True)

    @property
    def selectable_from(self) -> float:
        """When the weights begin."""
        return self.start

    def loss_terms(self, class_counts: np.ndarray, progress: float) -> LossTerms:
        """Weights (K,) once they have begun."""
        if not begun(progress, self.start):
            return LossTerms()
        return LossTerms(weights=effective_weights(class_counts, self.ratio))
