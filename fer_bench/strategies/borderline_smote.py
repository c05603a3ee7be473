"""Borderline-SMOTE in feature space: SMOTE, from those examples alone that lie where their class ends.

    x' = x_i + u (x_j - x_i),   only of x_i with m / 2 <= m_i < m

m_i of the m = 10 nearest of x_i are of other classes; one with m_i = m is taken for noise. u ~ U(0, 1), and
x_j is one of the k nearest in the class. Until class c has n'_c = max(n_c, ratio * n_max) of them; phases,
features and k are those of smote, which makes all of a class that has no such border.
Han, Wang and Mao, Borderline-SMOTE: A New Over-Sampling Method in Imbalanced Data Sets Learning, ICIC 2005.
https://doi.org/10.1007/11538059_91
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.strategies.base import STRATEGIES
from fer_bench.strategies.smote import Smote, add_rows_by

NEIGHBOURHOOD = 10


@STRATEGIES.register("borderline_smote")
@dataclass(frozen=True)
class BorderlineSmote(Smote):
    """Synthetic features for rare classes, by imbalanced-learn's BorderlineSMOTE."""

    def resample_features(
        self, features: np.ndarray, labels: np.ndarray, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Features (M, d) and labels (M,): those given, then the synthetic ones."""
        from imblearn.over_sampling import BorderlineSMOTE

        def sampler(goal: dict[int, int], neighbours: int, seed: int) -> BorderlineSMOTE:
            return BorderlineSMOTE(
                sampling_strategy=goal, k_neighbors=neighbours, m_neighbors=NEIGHBOURHOOD, random_state=seed
            )

        wanted = self.feature_counts(np.bincount(labels))
        return add_rows_by(sampler, features, labels, wanted, seed)
