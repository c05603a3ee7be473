"""Power sampling: a class is drawn by a power of its count, an image by chance within its class.

    q_c = n_c^a / sum_k n_k^a

a = 1 draws images as they come, a = 0 classes equally often, 1/2 is square-root sampling. A pass is as long
as without it; which images of a class it repeats or leaves out is drawn anew each time.
Mahajan et al., Exploring the Limits of Weakly Supervised Pretraining, ECCV 2018 (a = 1/2); Kang et al.,
Decoupling Representation and Classifier for Long-Tailed Recognition, ICLR 2020, for any a.
https://arxiv.org/abs/1910.09217
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.search_space import tunable
from fer_bench.strategies.base import STRATEGIES, Strategy
from fer_bench.strategies.pools import pool_of_shares


def power_shares(class_counts: np.ndarray, exponent: float) -> np.ndarray:
    """Shares (K,) by a power of the counts; 0 for a class without images."""
    powers = np.where(class_counts > 0, np.maximum(class_counts, 1.0) ** exponent, 0.0)
    return powers / powers.sum()


@STRATEGIES.register("power_sampling")
@dataclass(frozen=True)
class PowerSampling(Strategy):
    """Between the data's shares and equal ones."""

    exponent: float = tunable(0.5, low=0.0, high=1.0)

    def resample(self, labels: np.ndarray, seed: int, progress: float) -> np.ndarray:
        """Indices into labels (N,), about N of them."""
        return pool_of_shares(labels, power_shares(np.bincount(labels), self.exponent), seed)
