"""Focal loss: an image counts the less, the surer the model already is of it.

    L = - (1 - p_y)^gamma log p_y

It looks to the hard, not to the rare; gamma 0 is cross-entropy. No class weights (the paper's alpha) here.
Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, in its softmax form.
https://arxiv.org/abs/1708.02002
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.search_space import tunable
from fer_bench.strategies.base import STRATEGIES, LossTerms, Strategy


@STRATEGIES.register("focal_loss")
@dataclass(frozen=True)
class FocalLoss(Strategy):
    """Down-weighting of what is easy."""

    gamma: float = tunable(2.0, low=0.5, high=4.0)

    def loss_terms(self, class_counts: np.ndarray, progress: float) -> LossTerms:
        """Only the focusing parameter differs from cross-entropy."""
        return LossTerms(gamma=self.gamma)
