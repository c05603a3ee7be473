"""Class weights by the effective number of images: further images of a class count ever less.

    w_c = 1 / E_c,   E_c = (1 - beta^n_c) / (1 - beta)

beta 0 weighs all classes alike, beta near 1 by inverse frequency. What beta does depends on the counts (0.99
does nothing at those of FER-2013), so what is searched is the ratio of the largest weight to the smallest,
and beta is solved for. The default is the ratio that the source's 0.9999 gives on FER-2013. A ratio above
n_max / n_min can't be reached: it gives inverse frequency.
Cui et al., Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019.
https://arxiv.org/abs/1901.05555
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.search_space import tunable
from fer_bench.strategies.base import STRATEGIES, LossTerms, Strategy

RATIO_ON_FER2013 = 12.0  # of the weights for beta = 0.9999


def effective_weights(class_counts: np.ndarray, ratio: float) -> np.ndarray:
    """Weights (K,) float64 whose largest is `ratio` times the smallest; 0 for a class without images."""
    seen = class_counts[class_counts > 0].astype(float)
    fewest, most = seen.min(), seen.max()
    rarity = 1 / seen
    if ratio < most / fewest:
        # Bisection for x = log10(-log beta): at -12 the ratio is n_max / n_min, at 2 it is 1.
        low, high = -12.0, 2.0
        for _ in range(60):
            log_beta = -(10 ** ((low + high) / 2))
            if np.expm1(most * log_beta) / np.expm1(fewest * log_beta) > ratio:
                low = (low + high) / 2
            else:
                high = (low + high) / 2
        rarity = -1 / np.expm1(seen * log_beta)
    weights = np.zeros(len(class_counts))
    weights[class_counts > 0] = rarity / rarity.mean()
    return weights


@STRATEGIES.register("effective_number")
@dataclass(frozen=True)
class EffectiveNumber(Strategy):
    """Weights by effective numbers, of a given ratio."""

    ratio: float = tunable(RATIO_ON_FER2013, low=1.5, high=16.5, log=True)

    def loss_terms(self, class_counts: np.ndarray, progress: float) -> LossTerms:
        """Weights (K,) of mean 1 over the classes that are there."""
        return LossTerms(weights=effective_weights(class_counts, self.ratio))
