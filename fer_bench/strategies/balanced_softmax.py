"""Balanced softmax: each class counts in the softmax as often as it has images, in training alone.

    L = - log( n_y exp z_y / sum_c n_c exp z_c )

That is logit_adjustment with tau 1, to the last digits; it has a name of its own in the literature, and
nothing to tune.
Ren et al., Balanced Meta-Softmax for Long-Tailed Visual Recognition, NeurIPS 2020.
https://arxiv.org/abs/2007.10740
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.strategies.base import STRATEGIES, LossTerms, Strategy
from fer_bench.strategies.logit_adjustment import log_prior


@STRATEGIES.register("balanced_softmax")
@dataclass(frozen=True)
class BalancedSoftmax(Strategy):
    """Log prior in the loss, as it is."""

    def loss_terms(self, class_counts: np.ndarray, progress: float) -> LossTerms:
        """A shift (K,) of the logits."""
        return LossTerms(shift=log_prior(class_counts))
