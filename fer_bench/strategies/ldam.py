"""LDAM: an image has to win by a margin, the larger, the rarer its class.

    L = - log softmax(s (z - m_y e_y))_y,   m_c = m_max (n_min / n_c)^(1/4)

z are cosines between features and the columns of the kernel, both normalised: else a margin could be met by
longer vectors. s scales them, in predictions too, which have no margin. On FER-2013 with m_max 0.5 the margin
of disgust is 0.50 and those of the others 0.25 to 0.30, so little more than one margin for all.
Cao et al., Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss, NeurIPS 2019.
https://arxiv.org/abs/1906.07413
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fer_bench.search_space import tunable
from fer_bench.strategies.base import STRATEGIES, Head, LossTerms, Strategy

SCALE = 30.0


def label_margins(class_counts: np.ndarray, largest: float) -> np.ndarray:
    """Margins (K,) float64, `largest` for the rarest class; for one without images, which uses none, too."""
    fewest = class_counts[class_counts > 0].min()
    return largest * (fewest / np.maximum(class_counts, fewest)) ** 0.25


@STRATEGIES.register("ldam")
@dataclass(frozen=True)
class Ldam(Strategy):
    """Margins by rarity between cosines."""

    head: ClassVar[Head] = "cosine"
    max_margin: float = tunable(0.5, low=0.1, high=0.8)
    scale: float = tunable(SCALE, low=10.0, high=30.0)

    def loss_terms(self, class_counts: np.ndarray, progress: float) -> LossTerms:
        """Margins (K,) in units of the cosine, and the scale."""
        return LossTerms(margins=label_margins(class_counts, self.max_margin), scale=self.scale)

    def adjust_logits(self, logits: np.ndarray, class_counts: np.ndarray) -> np.ndarray:
        """Cosines (N, K) times the scale: the logits of the probabilities that were trained."""
        return logits * np.float32(self.scale)
