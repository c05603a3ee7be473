"""Logit adjustment in the loss: the log prior is added to the logits in training, and only there.

    L = - log softmax(z + tau log pi)_y,   pi_c = n_c / N

So the net learns what is left of the logits when the classes are taken as equally common (tau 1). tau 0 is
cross-entropy; macro-F1 is often best below 1. The same after training: posthoc_adjustment.
Menon et al., Long-tail learning via logit adjustment, ICLR 2021. https://arxiv.org/abs/2007.07314
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.search_space import tunable
from fer_bench.strategies.base import STRATEGIES, LossTerms, Strategy


def log_prior(class_counts: np.ndarray) -> np.ndarray:
    """Log of each class's share of the images, (K,) float64, always finite.

    A class without images has the commonest one's. A low prior would excuse it in training from being pushed
    down, and raise it in predictions: it would be predicted, though nothing was learnt of it.
    """
    counts = np.where(class_counts > 0, class_counts, class_counts.max())
    return np.log(counts / class_counts.sum())


@STRATEGIES.register("logit_adjustment")
@dataclass(frozen=True)
class LogitAdjustment(Strategy):
    """Log prior in the loss, by a factor."""

    tau: float = tunable(1.0, low=0.25, high=1.75)

    def loss_terms(self, class_counts: np.ndarray, progress: float) -> LossTerms:
        """A shift (K,) of the logits."""
        return LossTerms(shift=self.tau * log_prior(class_counts))
