"""SMOTE in feature space: rare classes get further examples, drawn between neighbours of the class.

    x' = x_i + u (x_j - x_i),   u ~ U(0, 1),   x_j one of the k nearest of x_i in its class

Until class c has n'_c = max(n_c, ratio * n_max) of them. The features are the frozen trunk's; k is 5, or the
number of the others where a class has fewer; the only image of a class is repeated. It acts in phases that
train on cached features, trunk frozen and nothing augmented; in later ones images are drawn as they are.
Chawla et al., SMOTE: Synthetic Minority Over-sampling Technique, JAIR 16, 2002.
https://doi.org/10.1613/jair.953
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.search_space import tunable
from fer_bench.strategies.base import STRATEGIES, Strategy

NEIGHBOURS = 5


@STRATEGIES.register("smote")
@dataclass(frozen=True)
class Smote(Strategy):
    """Synthetic features for rare classes, by imbalanced-learn's SMOTE."""

    ratio: float = tunable(1.0, low=0.1, high=1.0)

    def feature_counts(self, class_counts: np.ndarray) -> np.ndarray:
        """Counts (K,) in which each class that is there has at least ratio * n_max rows."""
        least = round(self.ratio * class_counts.max())
        return np.where(class_counts > 0, np.maximum(class_counts, least), 0)

    def resample_features(
        self, features: np.ndarray, labels: np.ndarray, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Features (M, d) and labels (M,): those given, then the synthetic ones."""
        from imblearn.over_sampling import SMOTE

        counts = np.bincount(labels)
        wanted = self.feature_counts(counts)
        nearest = np.minimum(NEIGHBOURS, counts - 1)
        all_features, all_labels = [features], [labels]
        for k in np.unique(nearest[wanted > counts]):
            rare = np.flatnonzero((wanted > counts) & (nearest == k))
            if k == 0:
                alone = np.flatnonzero(np.isin(labels, rare))
                repeated = np.repeat(alone, wanted[labels[alone]] - 1)
                new_features, new_labels = features[repeated], labels[repeated]
            else:
                goal = {int(c): int(wanted[c]) for c in rare}
                sampler = SMOTE(sampling_strategy=goal, k_neighbors=int(k), random_state=seed % 2**32)
                resampled = sampler.fit_resample(features, labels)
                new_features, new_labels = (part[len(labels) :] for part in resampled)
            all_features.append(new_features)
            all_labels.append(new_labels)
        return np.concatenate(all_features), np.concatenate(all_labels)
