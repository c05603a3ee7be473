"""Learnable weight scaling (LWS): behind plain training, one factor per class on the logits, and no more.

    z_c = f_c (w_c . h + b_c),   q_c = 1 / K

The layer that computes the logits is frozen; its factors f begin at 1 and are trained on equally common
classes. What tau_norm sets by a formula is learnt here; the source scales logits without bias.
Kang et al., Decoupling Representation and Classifier for Long-Tailed Recognition, ICLR 2020.
https://arxiv.org/abs/1910.09217
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fer_bench.strategies.base import STRATEGIES, Head, Strategy
from fer_bench.strategies.class_aware_sampling import ClassAwareSampling


@STRATEGIES.register("learnable_weight_scaling")
@dataclass(frozen=True)
class LearnableWeightScaling(Strategy):
    """Factors on the logits, balanced."""

    head: ClassVar[Head] = "scaled"

    def resample(self, labels: np.ndarray, seed: int, progress: float) -> np.ndarray:
        """Indices into labels (N,), about N of them, equally many of each class that is there."""
        return ClassAwareSampling().resample(labels, seed, progress)
