"""SMOTE in feature space: rare classes get further examples, drawn between neighbours of the class.

    x' = x_i + u (x_j - x_i),   u ~ U(0, 1),   x_j one of the k nearest of x_i in its class

Until class c has n'_c = max(n_c, ratio * n_max) of them. The features are the frozen trunk's; k is 5, or the
number of the others where a class has fewer; the only image of a class is repeated. It acts in phases that
train on cached features, trunk frozen and nothing augmented; in later ones images are drawn as they are.
Chawla et al., SMOTE: Synthetic Minority Over-sampling Technique, JAIR 16, 2002.
https://doi.org/10.1613/jair.953
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fer_bench.search_space import tunable
from fer_bench.strategies.base import STRATEGIES, Strategy

if TYPE_CHECKING:
    from imblearn.over_sampling.base import BaseOverSampler

NEIGHBOURS = 5


def raised(class_counts: np.ndarray, ratio: float) -> np.ndarray:
    """Counts (K,) in which each class that is there has at least ratio * n_max."""
    least = round(ratio * class_counts.max())
    return np.where(class_counts > 0, np.maximum(class_counts, least), 0)


def add_rows(
    features: np.ndarray, labels: np.ndarray, wanted: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Features (M, d) and labels (M,): those given, then SMOTE's, so that class c has wanted[c] (K,)."""
    from imblearn.over_sampling import SMOTE

    counts = np.bincount(labels)
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


def add_rows_by(
    make: Callable[[dict[int, int], int, int], BaseOverSampler],
    features: np.ndarray,
    labels: np.ndarray,
    wanted: np.ndarray,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """As `add_rows`, but with rows of another sampler, as far as it makes any.

    `make(goal, k, seed)` is a sampler of imbalanced-learn's with k neighbours for one class. Of rows beyond
    those wanted some are left out by chance; rows that are missing, or all of a class that the sampler can't
    make any for, are SMOTE's.
    """
    counts = np.bincount(labels)
    random, made, missing = np.random.default_rng(seed), [features], wanted - counts
    made_labels = [labels]
    for c in np.flatnonzero((missing > 0) & (counts > 1)):
        sampler = make({int(c): int(wanted[c])}, int(min(NEIGHBOURS, counts[c] - 1)), seed % 2**32)
        try:
            rows = sampler.fit_resample(features, labels)[0][len(labels) :]
        except (ValueError, RuntimeError):
            continue
        made.append(random.permutation(rows)[: missing[c]])
        made_labels.append(np.full(len(made[-1]), c, labels.dtype))
        missing[c] -= len(made[-1])
    rest, rest_labels = add_rows(features, labels, counts + missing, seed)
    made.append(rest[len(labels) :])
    made_labels.append(rest_labels[len(labels) :])
    return np.concatenate(made), np.concatenate(made_labels)


@STRATEGIES.register("smote")
@dataclass(frozen=True)
class Smote(Strategy):
    """Synthetic features for rare classes, by imbalanced-learn's SMOTE."""

    ratio: float = tunable(1.0, low=0.1, high=1.0)

    def feature_counts(self, class_counts: np.ndarray) -> np.ndarray:
        """Counts (K,) in which each class that is there has at least ratio * n_max rows."""
        return raised(class_counts, self.ratio)

    def resample_features(
        self, features: np.ndarray, labels: np.ndarray, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Features (M, d) and labels (M,): those given, then the synthetic ones."""
        return add_rows(features, labels, self.feature_counts(np.bincount(labels)), seed)
