"""Balanced CutMix (CMO): rectangles of rarer classes' images are pasted into images as they come.

    x = M x_i + (1 - M) x_j,   y = l y_i + (1 - l) y_j,   q(j) ~ n_{y_j}^-rarity,   l the mean of M

So rare classes are seen in the surroundings that common ones have. M is 0 in a random rectangle of about the
share 1 - u, u ~ Beta(1, 1), cut at the border, and 1 elsewhere; a `share` of the images is mixed. The second
image is drawn with that probability: `rarity` 1 makes its classes equally common, 2 as common as the inverse
of their counts. (The source draws each batch to be mixed or not, and mixes in neither the first nor the last
three epochs.) On aligned faces a rectangle may put another's mouth below the eyes.
Park et al., The Majority Can Help The Minority: Context-rich Minority Oversampling for Long-tailed
Classification, CVPR 2022. https://arxiv.org/abs/2112.00412
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.search_space import tunable
from fer_bench.strategies.base import STRATEGIES, Mixing, Strategy
from fer_bench.strategies.power_sampling import power_shares


@STRATEGIES.register("cmo")
@dataclass(frozen=True)
class CutmixMinority(Strategy):
    """Rectangles of the rare."""

    share: float = tunable(0.5, low=0.3, high=0.7)
    rarity: float = tunable(1.0, low=0.5, high=2.0)

    def mixing(self, class_counts: np.ndarray, progress: float) -> Mixing | None:
        """Partners (K,) of a class by a power of its count."""
        partners = power_shares(class_counts, 1 - self.rarity)
        return Mixing(alpha=1.0, share=self.share, box=True, partners=partners)
