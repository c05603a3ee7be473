"""Targeted augmentation: the same operations for all images, the more strongly the rarer their class.

    s_c = s min((n_max / n_c)^power, 4)

The commonest class keeps the recipe's strength s; no class has more than four times that. Operations and
flips are the same for all classes: one that a single class has would become its mark. So may a distortion
that only rare classes show, hence small powers. Without augmentation in the recipe it does nothing.
Ahn, Ko and Yun, CUDA: Curriculum of Data Augmentation for Long-tailed Recognition, ICLR 2023, where the
strength of a class follows what was learnt of it; here rarity fixes it. https://arxiv.org/abs/2302.05499
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.search_space import tunable
from fer_bench.strategies.base import STRATEGIES, Strategy

STRONGEST = 4.0


@STRATEGIES.register("targeted_augmentation")
@dataclass(frozen=True)
class TargetedAugmentation(Strategy):
    """Strength by a power of rarity."""

    power: float = tunable(0.25, low=0.0, high=0.5)

    def augment_strength(self, class_counts: np.ndarray) -> np.ndarray:
        """Factors (K,) from the counts (K,), 1 for the commonest class and for those without images."""
        seen = class_counts > 0
        rarity = np.where(seen, class_counts.max() / np.maximum(class_counts, 1), 1.0)
        return np.minimum(rarity**self.power, STRONGEST)
