"""Class-balanced focal loss: weights by the effective number of images, times the focus on what is hard.

    L = - w_y (1 - p_y)^gamma log p_y,   w_c = 1 / E_c

w and its `ratio` are those of effective_number, gamma is that of focal_loss. The source has one sigmoid per
class; this is the softmax form, which shares the other strategies' head and predictions.
Cui et al., Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019.
https://arxiv.org/abs/1901.05555
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.search_space import tunable
from fer_bench.strategies.base import STRATEGIES, LossTerms, Strategy
from fer_bench.strategies.effective_number import RATIO_ON_FER2013, effective_weights


@STRATEGIES.register("class_balanced_focal")
@dataclass(frozen=True)
class ClassBalancedFocal(Strategy):
    """Rare classes and hard images."""

    ratio: float = tunable(RATIO_ON_FER2013, low=1.5, high=16.5, log=True)
    gamma: float = tunable(0.5, low=0.25, high=3.0)

    def loss_terms(self, class_counts: np.ndarray, progress: float) -> LossTerms:
        """Weights (K,) and the focusing parameter."""
        return LossTerms(weights=effective_weights(class_counts, self.ratio), gamma=self.gamma)
