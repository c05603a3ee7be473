"""Root weights: an image counts by the root of its class's rarity.

    L = - w_y log p_y,   w_c = (n_max / n_c)^(1/2)

Mahajan et al., Exploring the Limits of Weakly Supervised Pretraining, ECCV 2018, draw images by that root.
https://arxiv.org/abs/1805.00932
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.strategies.base import STRATEGIES, LossTerms, Strategy


@STRATEGIES.register("root_weights")
@dataclass(frozen=True)
class RootWeights(Strategy):
    """Weights by the root of rarity."""

    def loss_terms(self, class_counts: np.ndarray, progress: float) -> LossTerms:
        """Weights (K,) from the counts (K,)."""
        return LossTerms(weights=np.sqrt(class_counts.max() / np.maximum(class_counts, 1)))
