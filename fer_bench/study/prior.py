"""The class prior that a strategy trains for, known before anything trains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from fer_bench.strategies.base import STRATEGIES, LossTerms, Strategy, normalised_weights
from fer_bench.study.recipe import Recipe, Settings


def assess(
    strategy: Strategy, labels: np.ndarray, classes: Sequence[str], recipe: Recipe, used: Settings
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Effective prior of a strategy by class, and warnings, on these (n,) int training labels."""
    prior = effective_prior(strategy, labels, len(classes))
    counts, warnings = np.bincount(labels, minlength=len(classes)), []
    augmented = bool(recipe.augmentation and recipe.augmentation.scales and used.augmentation_strength)
    if type(strategy) is not STRATEGIES["none"] and is_no_op(strategy, labels, len(classes), augmented):
        warnings.append("no-op: changes nothing on this data")
    if tilts_beyond_flat(prior, counts):
        warnings.append("effective prior beyond flat: the rarest class is corrected more than once")
    acting = sum(p.epochs for place, p in enumerate(recipe.phases) if recipe.frozen(place))
    if acting < recipe.epochs and np.any(strategy.feature_counts(counts) != counts):
        warnings.append(
            f"acts in the first {acting} of {recipe.epochs} epochs: the trunk is frozen in these only"
        )
    return {c: round(float(p), 4) for c, p in zip(classes, prior, strict=True)}, tuple(warnings)


def sampled_shares(strategy: Strategy, labels: np.ndarray, classes: int, progress: float = 0.0) -> np.ndarray:
    """Share of each class, (K,) float64, in the stream that a strategy trains on.

    Rows that a strategy adds to the features are included: the shares are those of phases that have them.
    """
    counts = np.bincount(labels, minlength=classes)
    added = np.repeat(np.arange(classes), strategy.feature_counts(counts) - counts)
    rows = np.concatenate([labels, added.astype(labels.dtype)])
    sampled = np.bincount(rows[strategy.resample(rows, 0, progress)], minlength=classes)
    return sampled / sampled.sum()


def effective_prior(strategy: Strategy, labels: np.ndarray, classes: int) -> np.ndarray:
    """Class prior (K,) float64 that a strategy trains for: sampling x weights / prior shift, at half-time.

    The natural shares maximise accuracy, equal ones balanced accuracy; where rare classes have more,
    imbalance is corrected twice.
    """
    counts = np.bincount(labels, minlength=classes)
    shares = sampled_shares(strategy, labels, classes, 0.5)
    terms = strategy.loss_terms(counts, 0.5)
    adjusted = strategy.adjust_logits(np.zeros((1, classes), np.float32), counts)[0]
    prior = shares * normalised_weights(terms, shares) * np.exp(adjusted - np.asarray(terms.shift, float))
    return prior / prior.sum()


def tilts_beyond_flat(prior: np.ndarray, class_counts: np.ndarray, tolerance: float = 1.1) -> bool:
    """Whether the rarest class has over `tolerance` times the prior of the commonest: corrected twice."""
    return bool(prior[np.argmin(class_counts)] > tolerance * prior[np.argmax(class_counts)])


def is_no_op(
    strategy: Strategy, labels: np.ndarray, classes: int, augmented: bool = True, tolerance: float = 0.01
) -> bool:
    """Whether a strategy changes nothing on these labels: plain sampling, cross-entropy, plain logits.

    `augmented`: whether the recipe has an augmentation whose strength a strategy can change.
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
