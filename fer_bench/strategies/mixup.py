"""Mixup: training images are weighted sums of two, and their labels the same sums.

    x = l x_i + (1 - l) x_j,   y = l y_i + (1 - l) y_j,   l ~ Beta(alpha, alpha)

Pairs are drawn as images are, so each class keeps its share. It makes predictions less sure; what it does for
rare classes is an open question, and the control for remix.
Zhang et al., mixup: Beyond Empirical Risk Minimization, ICLR 2018. https://arxiv.org/abs/1710.09412
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.search_space import tunable
from fer_bench.strategies.base import STRATEGIES, Mixing, Strategy


@STRATEGIES.register("mixup")
@dataclass(frozen=True)
class Mixup(Strategy):
    """Weighted sums of pairs."""

    alpha: float = tunable(0.2, low=0.05, high=1.0, log=True)

    def mixing(self, class_counts: np.ndarray, progress: float) -> Mixing | None:
        """All images are mixed, most of them little where alpha is small."""
        return Mixing(alpha=self.alpha)
