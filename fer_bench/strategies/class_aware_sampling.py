"""Class-aware sampling: draw a class, all of them equally often, then one of its images.

    q_c = 1 / K

All images of a class have their turn before one of them comes again. A pass is as long as without it: those
of common classes come less than once in it, those of rare ones several times. It is what oversampling with
ratio 1 does in longer passes; there is nothing to tune.
Shen, Lin and Huang, Relay Backpropagation for Effective Learning of Deep Convolutional Neural Networks, ECCV
2016. https://arxiv.org/abs/1512.05830
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.strategies.base import STRATEGIES, Strategy
from fer_bench.strategies.power_sampling import PowerSampling


@STRATEGIES.register("class_aware_sampling")
@dataclass(frozen=True)
class ClassAwareSampling(Strategy):
    """Equally common classes."""

    def resample(self, labels: np.ndarray, seed: int, progress: float) -> np.ndarray:
        """Indices into labels (N,), about N of them, equally many of each class that is there."""
        return PowerSampling(0.0).resample(labels, seed, progress)
