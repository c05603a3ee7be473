"""What a strategy is: data about sampling, loss and logits, which can be checked before anything trains."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fer_bench.registry import Registry

STRATEGIES: Registry[type[Strategy]] = Registry("strategy", "fer_bench.strategies")


@dataclass(frozen=True)
class LossTerms:
    """The terms of the loss that strategies share; the defaults make it cross-entropy.

    L(z, y) = - sum_c t_c w_c (1 - p_c)^gamma log p_c,  p = softmax(scale (z - margins_y e_y) + shift)

    with t the target after smoothing. Each field is a float, the same for all classes, or a float array (K,).
    """

    weights: np.ndarray | float = 1.0
    gamma: float = 0.0
    margins: np.ndarray | float = 0.0
    scale: float = 1.0
    shift: np.ndarray | float = 0.0
    smoothing: np.ndarray | float | None = field(default=None)
    """Share of the target spread evenly over all classes, per true class; None leaves it to the recipe."""


@dataclass(frozen=True)
class Strategy:
    """One answer to class imbalance: a frozen dataclass of `tunable` fields and of the hooks it overrides.

    A strategy sees labels, counts, features and logits, never the images, the model or the study. `progress`
    in [0, 1] is the share of training steps done, for methods that change on the way.
    """

    def resample(self, labels: np.ndarray, seed: int, progress: float) -> np.ndarray:
        """Pool that epochs draw from: indices (M,) into labels (N,) int32; by default every image once."""
        return np.arange(len(labels))

    def loss_terms(self, class_counts: np.ndarray, progress: float) -> LossTerms:
        """Terms of the loss, from the (K,) counts of the training split; by default cross-entropy's."""
        return LossTerms()

    def adjust_logits(self, logits: np.ndarray, class_counts: np.ndarray) -> np.ndarray:
        """Logits (N, K) float32 that predictions are taken from; by default unchanged."""
        return logits

    def augment_strength(self, class_counts: np.ndarray) -> np.ndarray:
        """Factor on the augmentation's strength for each class, (K,), not negative; by default 1."""
        return np.ones(len(class_counts))

    def feature_counts(self, class_counts: np.ndarray) -> np.ndarray:
        """Counts (K,) int of the classes after `resample_features`, none smaller; by default unchanged."""
        return class_counts

    def resample_features(
        self, features: np.ndarray, labels: np.ndarray, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Features (N, d) float32 and labels (N,) int32, first those given, then new ones made from them.

        Called in phases that train on features of a frozen trunk, if `feature_counts` asks for more rows than
        there are images; each pass through the pool then includes them all. By default nothing is added.
        """
        return features, labels


def normalised_weights(terms: LossTerms, shares: np.ndarray) -> np.ndarray:
    """Class weights (K,) float64 scaled to mean 1 over the sampled stream with the given class shares.

    So weights don't change the size of the gradients, which would act like another learning rate.
    """
    weights = np.broadcast_to(np.asarray(terms.weights, float), shares.shape)
    return weights / (shares @ weights)
