"""Progressively balanced sampling: from the data's shares at the start to equal ones at the end.

    q_c(t) = (1 - t) n_c / N + t / K

t is the share of the training done, of its first part `end`; balanced from there on. It changes from pass to
pass, and a pass is as long as an epoch.
Kang et al., Decoupling Representation and Classifier for Long-Tailed Recognition, ICLR 2020.
https://arxiv.org/abs/1910.09217
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.search_space import tunable
from fer_bench.strategies.base import STRATEGIES, Strategy
from fer_bench.strategies.pools import pool_of_shares
from fer_bench.strategies.power_sampling import power_shares


@STRATEGIES.register("progressive_sampling")
@dataclass(frozen=True)
class ProgressiveSampling(Strategy):
    """A mixture of two samplings that shifts."""

    end: float = tunable(1.0, low=0.5, high=1.0)

    def resample(self, labels: np.ndarray, seed: int, progress: float) -> np.ndarray:
        """Indices into labels (N,), about N of them."""
        counts, t = np.bincount(labels), min(progress / self.end, 1.0)
        shares = (1 - t) * power_shares(counts, 1.0) + t * power_shares(counts, 0.0)
        return pool_of_shares(labels, shares, seed)
