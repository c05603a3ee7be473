"""Classifier re-training (cRT): behind what plain training has learnt, a new head on equally common classes.

    q_c = 1 / K,   head drawn anew

The features that imbalanced data give are good, only the head is skewed: so the source trains it again, with
the trunk frozen. Here that is a phase with `trainable: head` behind the shared ones, and this strategy is
class_aware_sampling with a head that forgets what the shared phases taught it. In phases that train the trunk
too it goes on to train that.
Kang et al., Decoupling Representation and Classifier for Long-Tailed Recognition, ICLR 2020.
https://arxiv.org/abs/1910.09217
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fer_bench.strategies.base import STRATEGIES, Head, Strategy
from fer_bench.strategies.class_aware_sampling import ClassAwareSampling


@STRATEGIES.register("classifier_retraining")
@dataclass(frozen=True)
class ClassifierRetraining(Strategy):
    """A fresh head, balanced."""

    head: ClassVar[Head] = "fresh"

    def resample(self, labels: np.ndarray, seed: int, progress: float) -> np.ndarray:
        """Indices into labels (N,), about N of them, equally many of each class that is there."""
        return ClassAwareSampling().resample(labels, seed, progress)
