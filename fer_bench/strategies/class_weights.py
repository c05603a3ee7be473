"""Class weights: an image counts the more, the rarer its class.

    L = - w_y log p_y,   w_c = (N / (K n_c))^power

Power 1 is scikit-learn's "balanced", 1/2 the square root of rarity, 0 plain cross-entropy.
King and Zeng, Logistic regression in rare events data, Political Analysis 9(2), 2001.
https://doi.org/10.1093/oxfordjournals.pan.a004868
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.search_space import tunable
from fer_bench.strategies.base import STRATEGIES, LossTerms, Strategy


@STRATEGIES.register("class_weights")
@dataclass(frozen=True)
class ClassWeights(Strategy):
    """Weights by a power of rarity."""

    power: float = tunable(1.0, low=0.0, high=1.0)

    def loss_terms(self, class_counts: np.ndarray, progress: float) -> LossTerms:
        """Weights (K,) from the counts (K,); a class without images weighs nothing."""
        seen = class_counts > 0
        rarity = np.where(seen, class_counts.sum() / (seen.sum() * np.maximum(class_counts, 1)), 0.0)
        return LossTerms(weights=np.where(seen, rarity**self.power, 0.0))
