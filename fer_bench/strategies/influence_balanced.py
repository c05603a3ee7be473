"""Influence-balanced loss: late in training an image counts the less, the more it bends the boundary.

    L = - w_y / (|p - e_y|_1 |h|_1) log p_y,   w_c = N / (K n_c),   from `start` on

h are the features that the logits are computed from: |p - e_y|_1 |h|_1 is the size of the gradient of
- log p_y in the last layer's kernel. Those that still pull late in training are mostly images of common
classes among the rare, on which the boundary overfits. Before `start` it is cross-entropy, and no epoch is
kept as the best.
Park et al., Influence-Balanced Loss for Imbalanced Visual Classification, ICCV 2021.
https://arxiv.org/abs/2110.02444
"""

from dataclasses import dataclass, replace

import numpy as np

from fer_bench.search_space import tunable
from fer_bench.strategies.base import STRATEGIES, LossTerms, Strategy
from fer_bench.strategies.class_weights import ClassWeights
from fer_bench.strategies.deferred_weights import begun


@STRATEGIES.register("influence_balanced")
@dataclass(frozen=True)
class InfluenceBalanced(Strategy):
    """Weights by rarity and by influence, late."""

    start: float = tunable(0.5, low=0.5, high=0.8)

    @property
    def selectable_from(self) -> float:
        """When influence begins to count."""
        return self.start

    def loss_terms(self, class_counts: np.ndarray, progress: float) -> LossTerms:
        """Weights (K,) and the exponent of the influence once they have begun."""
        if not begun(progress, self.start):
            return LossTerms()
        return replace(ClassWeights().loss_terms(class_counts, progress), influence=1.0)
