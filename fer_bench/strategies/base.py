"""What a strategy is: data about sampling, loss and logits, which can be checked before anything trains."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np

from fer_bench.registry import Registry

STRATEGIES: Registry[type[Strategy]] = Registry("strategy", "fer_bench.strategies")


@dataclass(frozen=True)
class LossTerms:
    """The numbers that make one general loss into a particular one; the defaults make cross-entropy.

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
    """One answer to class imbalance: a frozen dataclass of `tunable` fields and the hooks that it needs.

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
        """Logits (N, K) float32 as decided on at prediction; by default as they are."""
        return logits

    def augment_strength(self, class_counts: np.ndarray) -> np.ndarray:
        """Factor on the augmentation's strength for each class, (K,), not negative; by default 1."""
        return np.ones(len(class_counts))

    def feature_counts(self, class_counts: np.ndarray) -> np.ndarray:
        """Counts (K,) int of the classes after `resample_features`, none smaller; by default as they are."""
        return class_counts

    def resample_features(
        self, features: np.ndarray, labels: np.ndarray, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Features (N, d) float32 and labels (N,) int32 as given, then rows that are made of them.

        Asked in phases that train on features of a frozen trunk, if `feature_counts` wants more rows than
        there are images; a pass through the pool then has all of them. By default nothing is added.
        """
        return features, labels


def sampled_shares(strategy: Strategy, labels: np.ndarray, classes: int, progress: float = 0.0) -> np.ndarray:
    """Share of each class, (K,) float64, in the stream that a strategy trains on.

    Rows made of features are counted in: the shares are those of the phases that have them.
    """
    counts = np.bincount(labels, minlength=classes)
    made = np.repeat(np.arange(classes), strategy.feature_counts(counts) - counts)
    rows = np.concatenate([labels, made.astype(labels.dtype)])
    drawn = np.bincount(rows[strategy.resample(rows, 0, progress)], minlength=classes)
    return drawn / drawn.sum()


def normalised_weights(terms: LossTerms, shares: np.ndarray) -> np.ndarray:
    """Class weights (K,) float64 scaled to mean 1 over the sampled stream with the given class shares.

    So no strategy changes the learning rate by the back door.
    """
    weights = np.broadcast_to(np.asarray(terms.weights, float), shares.shape)
    return weights / (shares @ weights)


def effective_prior(strategy: Strategy, labels: np.ndarray, classes: int) -> np.ndarray:
    """Class prior (K,) float64 that a strategy trains for: sampling x weights / prior shift, at half-time.

    The natural shares stand for the accuracy rule, flat for the balanced rule; beyond flat is a double
    correction.
    """
    counts = np.bincount(labels, minlength=classes)
    shares = sampled_shares(strategy, labels, classes, 0.5)
    terms = strategy.loss_terms(counts, 0.5)
    adjusted = strategy.adjust_logits(np.zeros((1, classes), np.float32), counts)[0]
    prior = shares * normalised_weights(terms, shares) * np.exp(adjusted - np.asarray(terms.shift, float))
    return prior / prior.sum()


def tilts_beyond_flat(prior: np.ndarray, class_counts: np.ndarray, tolerance: float = 1.1) -> bool:
    """Whether the rarest class weighs more than the commonest by over `tolerance`: corrected twice."""
    return bool(prior[np.argmin(class_counts)] > tolerance * prior[np.argmax(class_counts)])


def is_no_op(
    strategy: Strategy, labels: np.ndarray, classes: int, augmented: bool = True, tolerance: float = 0.01
) -> bool:
    """Whether a strategy changes nothing on these labels: plain sampling, cross-entropy, plain logits.

    `augmented`: whether there is an augmentation whose strength could be changed.
    """
    counts = np.bincount(labels, minlength=classes)
    natural = counts / counts.sum()
    if augmented and not np.allclose(strategy.augment_strength(counts)[counts > 0], 1, rtol=tolerance):
        return False
    probe = np.linspace(-3, 3, 5 * classes, dtype=np.float32).reshape(5, classes)
    for progress in (0.0, 0.5, 1.0):
        terms, plain = strategy.loss_terms(counts, progress), LossTerms()
        shares = sampled_shares(strategy, labels, classes, progress)
        if not np.allclose(shares, natural, rtol=tolerance, atol=0):
            return False
        if not np.allclose(normalised_weights(terms, shares), 1, rtol=tolerance):
            return False
        for term in fields(LossTerms):
            if term.name in ("weights", "shift"):
                continue
            if getattr(terms, term.name) is not None and np.any(
                np.not_equal(getattr(terms, term.name), getattr(plain, term.name))
            ):
                return False
        if np.ptp(np.broadcast_to(terms.shift, (classes,))) > tolerance:
            return False
    return np.allclose(strategy.adjust_logits(probe, counts), probe)
