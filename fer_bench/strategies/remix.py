"""Remix: mixup, but the label is all the rarer class's where that has enough of the image.

    l_y = 0 if n_i / n_j >= kappa and l < threshold,   1 if n_j / n_i >= kappa and 1 - l < threshold,   else l

x = l x_i + (1 - l) x_j and l ~ Beta(1, 1) are mixup's, which it is for an infinite kappa. On FER-2013 the
source's kappa 3 only touches pairs with disgust; surprise and happy are 2.28 apart.
Chou et al., Remix: Rebalanced Mixup, ECCV 2020 workshops. https://arxiv.org/abs/2007.03943
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.search_space import tunable
from fer_bench.strategies.base import STRATEGIES, Mixing, Strategy


@STRATEGIES.register("remix")
@dataclass(frozen=True)
class Remix(Strategy):
    """Weighted sums of pairs, labels in favour of the rare."""

    kappa: float = tunable(3.0, low=1.5, high=4.0, log=True)
    threshold: float = tunable(0.5, low=0.2, high=0.6)

    def mixing(self, class_counts: np.ndarray, progress: float) -> Mixing | None:
        """All images are mixed."""
        return Mixing(alpha=1.0, kappa=self.kappa, threshold=self.threshold)
