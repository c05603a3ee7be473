"""ADASYN in feature space: SMOTE, with more examples where a rare class is among others.

    g_i = G r_i / sum_k r_k,   r_i the share of other classes among the k nearest of x_i

of the G that class c lacks to n'_c = max(n_c, ratio * n_max) are made from x_i, each between x_i and one of
its k nearest in the class. Phases, features and k are those of smote, which also makes what rounding leaves
over, and all of a class that no other comes near.
He et al., ADASYN: Adaptive Synthetic Sampling Approach for Imbalanced Learning, IJCNN 2008.
https://doi.org/10.1109/IJCNN.2008.4633969
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.strategies.base import STRATEGIES
from fer_bench.strategies.smote import Smote, add_rows_by


@STRATEGIES.register("adasyn")
@dataclass(frozen=True)
class Adasyn(Smote):
    """Synthetic features for rare classes, by imbalanced-learn's ADASYN."""

    def resample_features(
        self, features: np.ndarray, labels: np.ndarray, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Features (M, d) and labels (M,): those given, then the synthetic ones."""
        from imblearn.over_sampling import ADASYN

        def sampler(goal: dict[int, int], neighbours: int, seed: int) -> ADASYN:
            return ADASYN(sampling_strategy=goal, n_neighbors=neighbours, random_state=seed)

        wanted = self.feature_counts(np.bincount(labels))
        return add_rows_by(sampler, features, labels, wanted, seed)
