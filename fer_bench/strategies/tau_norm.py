"""Tau-normalisation: after plain training, each class's logit is divided by a power of its kernel's length.

    z'_c = (w_c . h + b_c) (r / |w_c|)^tau,   r the mean of the lengths |w_k|

Rare classes tend to end with a shorter kernel; tau 1 makes them all equally long, 0 changes nothing. How much
the lengths follow the counts depends on the optimizer: under Adam they may not at all. The source's head has
no bias; one learnt with a bias would be torn apart without it, so it is scaled along. The factor r, the same
for all classes, changes no decision and leaves probabilities about as sharp as they were.
Kang et al., Decoupling Representation and Classifier for Long-Tailed Recognition, ICLR 2020.
https://arxiv.org/abs/1910.09217
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.search_space import tunable
from fer_bench.strategies.base import STRATEGIES, ClassMeans, Strategy


@STRATEGIES.register("tau_norm")
@dataclass(frozen=True)
class TauNorm(Strategy):
    """Kernels of more equal length."""

    tau: float = tunable(0.7, low=0.0, high=1.5)

    def adjust_head(
        self, kernel: np.ndarray, bias: np.ndarray, class_counts: np.ndarray, class_means: ClassMeans
    ) -> tuple[np.ndarray, np.ndarray]:
        """Kernel (d, K) and bias (K,) times a factor for each class; a kernel of zeros stays as it is."""
        length = np.linalg.norm(kernel, axis=0)
        mean = length.mean() or 1.0
        factors = (mean / np.where(length > 0, length, mean)) ** self.tau
        return kernel * factors, bias * factors
