"""Generalised cross-entropy: what the model finds impossible counts less, for it may be a wrong label.

    L = (1 - p_y^q) / q

Near q = 0 it is cross-entropy, at 1 it is 1 - p_y, the mean absolute error: the gradient is that of
cross-entropy times p_y^q. It answers wrong labels, not imbalance, as focal_loss does the opposite; a rare
class that is still improbable learns more slowly.
Zhang and Sabuncu, Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels,
NeurIPS 2018. https://arxiv.org/abs/1805.07836
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.search_space import tunable
from fer_bench.strategies.base import STRATEGIES, LossTerms, Strategy


@STRATEGIES.register("generalised_cross_entropy")
@dataclass(frozen=True)
class GeneralisedCrossEntropy(Strategy):
    """A Box-Cox transform in the place of the logarithm."""

    q: float = tunable(0.7, low=0.1, high=1.0)

    def loss_terms(self, class_counts: np.ndarray, progress: float) -> LossTerms:
        """The exponent of the transform."""
        return LossTerms(box_cox=self.q)
