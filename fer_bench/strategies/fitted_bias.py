"""Fitted bias: plain training, then an offset for each class that raises macro-F1 on validation.

    z'_c = z_c - tau log pi_c + (1 - shrinkage) b_c

tau is fitted first, as in posthoc_adjustment; then b by coordinate ascent, class by class, within [-1, 1].
With few validation images of a rare class (disgust has 56) so many numbers fit chance as well, so they are
shrunk: `shrinkage` 1 is posthoc_adjustment, 0 takes what was fitted.
Lipton, Elkan and Naryanaswamy, Optimal Thresholding of Classifiers to Maximize F1 Measure, ECML PKDD 2014.
https://arxiv.org/abs/1402.1892
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.evaluation.decisions import fit_bias
from fer_bench.search_space import tunable
from fer_bench.strategies.base import STRATEGIES, Strategy
from fer_bench.strategies.posthoc_adjustment import PosthocAdjustment


@STRATEGIES.register("fitted_bias")
@dataclass(frozen=True)
class FittedBias(Strategy):
    """One number per class, fitted to validation and shrunk."""

    shrinkage: float = tunable(0.5, low=0.0, high=1.0)

    def fit_decision(self, logits: np.ndarray, labels: np.ndarray, class_counts: np.ndarray) -> np.ndarray:
        """Offsets (K,); a class without images here is given the one of the first fit."""
        family = PosthocAdjustment().fit_decision(logits, labels, class_counts)
        return family + (1 - self.shrinkage) * fit_bias(logits + family, labels)
