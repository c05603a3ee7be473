"""LDAM with deferred re-weighting: margins from the start, class weights late in training.

    L = - w_y log softmax(s (z - m_y e_y))_y,   w_c = 1 / E_c from `start` on

Head, margins and predictions are those of ldam with its scale of 30, the weights those of deferred_weights
with its default ratio. No epoch before `start` is kept as the best.
Cao et al., Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss, NeurIPS 2019.
https://arxiv.org/abs/1906.07413
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from fer_bench.search_space import tunable
from fer_bench.strategies.base import STRATEGIES, Head, LossTerms, Strategy
from fer_bench.strategies.deferred_weights import DeferredWeights
from fer_bench.strategies.ldam import Ldam


@STRATEGIES.register("ldam_drw")
@dataclass(frozen=True)
class LdamDrw(Strategy):
    """Margins, and weights late."""

    head: ClassVar[Head] = Ldam.head
    max_margin: float = tunable(0.5, low=0.1, high=0.8)
    start: float = tunable(0.8, low=0.5, high=0.9)

    @property
    def selectable_from(self) -> float:
        """When the weights begin."""
        return self.start

    def loss_terms(self, class_counts: np.ndarray, progress: float) -> LossTerms:
        """Margins (K,), the scale, and weights (K,) once they have begun."""
        weights = DeferredWeights(self.start).loss_terms(class_counts, progress).weights
        return replace(Ldam(self.max_margin).loss_terms(class_counts, progress), weights=weights)

    def adjust_logits(self, logits: np.ndarray, class_counts: np.ndarray) -> np.ndarray:
        """Cosines (N, K) times the scale."""
        return Ldam().adjust_logits(logits, class_counts)
