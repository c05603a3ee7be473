"""Balanced experts (BalPoE): three heads, each trained for another class prior, decide by their mean.

    L = mean_e - log softmax(z_e + tau_e log pi)_y,   tau = 0, middle, 2 middle,   z = mean_e z_e

One learns the classes as they come, one as if equally common (middle 1), one as if rare ones were common;
the mean of the logits is a product of experts, and its prior that of the mean tau. The source's experts have
parts of the trunk of their own, and mixup for calibration; here they differ in the layer of the logits alone.
Sanchez Aimar et al., Balanced Product of Calibrated Experts for Long-Tailed Recognition, CVPR 2023.
https://arxiv.org/abs/2206.05260
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fer_bench.search_space import tunable
from fer_bench.strategies.base import EXPERTS, STRATEGIES, Head, LossTerms, Strategy
from fer_bench.strategies.logit_adjustment import log_prior


@STRATEGIES.register("balanced_experts")
@dataclass(frozen=True)
class BalancedExperts(Strategy):
    """Log priors in the loss, by a factor for each head."""

    head: ClassVar[Head] = "experts"
    middle: float = tunable(1.0, low=0.5, high=1.5)

    def loss_terms(self, class_counts: np.ndarray, progress: float) -> LossTerms:
        """A shift (EXPERTS, K) of the logits."""
        return LossTerms(shift=np.outer(self.middle * np.arange(EXPERTS), log_prior(class_counts)))
