"""Label-aware smoothing: of common classes more of the target is spread over all classes.

    e_c = rare + (common - rare) sin( pi (n_c - n_min) / (2 (n_max - n_min)) )

The commonest class has the share `common`, the rarest `rare` (the source: head and tail); where both are the
same, or all classes equally common, it is plain label smoothing. Which should have more is disputed: the
source smooths common classes, others rare ones, so a search may draw either. It takes the place of the
recipe's own smoothing. A class's prior loses the factor 1 - e_c.
Zhong et al., Improving Calibration for Long-Tailed Recognition, CVPR 2021. https://arxiv.org/abs/2104.00466
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.search_space import tunable
from fer_bench.strategies.base import STRATEGIES, LossTerms, Strategy


@STRATEGIES.register("label_aware_smoothing")
@dataclass(frozen=True)
class LabelAwareSmoothing(Strategy):
    """Smoothing by a quarter of a sine."""

    common: float = tunable(0.3, low=0.0, high=0.4)
    rare: float = tunable(0.0, low=0.0, high=0.4)

    def loss_terms(self, class_counts: np.ndarray, progress: float) -> LossTerms:
        """Shares (K,); a class without images has the rarest one's."""
        fewest, most = class_counts[class_counts > 0].min(), class_counts.max()
        commonness = np.ones(len(class_counts))
        if most > fewest:
            commonness = (np.maximum(class_counts, fewest) - fewest) / (most - fewest)
        return LossTerms(smoothing=self.rare + (self.common - self.rare) * np.sin(np.pi / 2 * commonness))
