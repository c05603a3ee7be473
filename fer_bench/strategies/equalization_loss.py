"""Softmax equalization loss: images of other classes mostly leave the rare classes out of the softmax.

    L = - log( exp z_y / sum_c w_c exp z_c ),   w_c = 1 - b r_c (c != y),   b ~ Bernoulli(suppression)

So rare classes are pushed down less often, b being drawn for each image. A class is rare, r_c = 1, if it has
fewer images than `rarity` times the mean over the classes. (The source's 0.005 of all images is for long
tails: no class of FER-2013 is that rare. There a `rarity` of 0.11 to 0.77 means disgust, up to 0.97 surprise
too.) To be left out with the source's probability 0.9 multiplies the odds of a class by 1 / (1 - 0.9) = 10,
which counts in the effective prior; 0.95 does so by 20, about the ratio of FER-2013.
Tan et al., Equalization Loss for Long-Tailed Object Recognition, CVPR 2020. https://arxiv.org/abs/2003.05176
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.search_space import tunable
from fer_bench.strategies.base import STRATEGIES, LossTerms, Strategy


@STRATEGIES.register("equalization_loss")
@dataclass(frozen=True)
class EqualizationLoss(Strategy):
    """Protection of rare classes from the images of others."""

    suppression: float = tunable(0.9, low=0.5, high=0.95)
    rarity: float = tunable(0.5, low=0.2, high=0.9)

    def loss_terms(self, class_counts: np.ndarray, progress: float) -> LossTerms:
        """Probabilities (K,); none for a class without images, which nothing but others' images teaches."""
        seen = class_counts > 0
        rare = seen & (class_counts < self.rarity * class_counts[seen].mean())
        return LossTerms(suppression=np.where(rare, self.suppression, 0.0))
