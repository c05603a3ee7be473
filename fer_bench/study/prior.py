"""The class prior that a strategy trains for, known before anything trains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from math import exp, lgamma

import numpy as np

from fer_bench.strategies.base import STRATEGIES, LossTerms, Mixing, Strategy, normalised_weights, overrides
from fer_bench.study.recipe import Recipe, Settings


def assess(
    strategy: Strategy,
    labels: np.ndarray,
    classes: Sequence[str],
    recipe: Recipe,
    used: Settings,
    votes: np.ndarray | None = None,
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Effective prior of a strategy by class, and warnings, on these (n,) int training labels.

    `votes` (n, K) are the shares of raters, which count where the recipe trains on them.
    """
    votes = votes if recipe.labels == "votes" else None
    prior = effective_prior(strategy, labels, len(classes), votes)
    counts, warnings = np.bincount(labels, minlength=len(classes)), []
    own, augmentations = recipe.own_phases, map(recipe.augmentation_of, recipe.own_phases)
    augmented = used.augmentation_strength > 0 and any(each and each.scales for each in augmentations)
    if type(strategy) is not STRATEGIES["none"] and is_no_op(
        strategy, labels, len(classes), augmented, votes=votes
    ):
        warnings.append("no-op: changes nothing on this data")
    if tilts_beyond_flat(prior, counts):
        warnings.append("effective prior beyond flat: the rarest class is corrected more than once")
    acting = sum(recipe.phases[place].epochs for place in own if recipe.frozen(place))
    if acting < recipe.epochs and np.any(strategy.feature_counts(counts) != counts):
        warnings.append(
            f"acts in the first {acting} of {recipe.epochs} epochs: the trunk is frozen in these only"
        )
    if strategy.caution:
        warnings.append(strategy.caution)
    if (start := strategy.selectable_from) > (recipe.epochs - 1) / recipe.epochs:
        warnings.append(f"begins at {start:.2g} of the training: none of {recipe.epochs} epochs begins later")
    return {c: round(float(p), 4) for c, p in zip(classes, prior, strict=True)}, tuple(warnings)


def sampled_shares(
    strategy: Strategy,
    labels: np.ndarray,
    classes: int,
    progress: float = 0.0,
    votes: np.ndarray | None = None,
) -> np.ndarray:
    """Share of each class, (K,) float64, in the targets of the stream that a strategy trains on.

    Images that a strategy makes and rows that it adds to the features are included: the shares are those of
    phases that have them.
    Targets are the labels (n,), or instead of them `votes` (n, K).
    """
    counts = np.bincount(labels, minlength=classes)
    made = strategy.feature_counts(counts) + strategy.image_counts(counts) - 2 * counts
    added = np.repeat(np.arange(classes), made)
    rows = np.concatenate([labels, added.astype(labels.dtype)])
    targets = np.eye(classes)[rows]
    if votes is not None:
        targets[: len(labels)] = votes
    sampled = np.bincount(strategy.resample(rows, 0, progress), minlength=len(rows)) @ targets
    return sampled / sampled.sum()


def effective_prior(
    strategy: Strategy, labels: np.ndarray, classes: int, votes: np.ndarray | None = None
) -> np.ndarray:
    """Class prior (K,) float64 that a strategy trains for: sampling x weights / prior shift, and the like.

    It is that of the end of the training, which is what methods that begin late or change on the way train
    for. The natural shares maximise accuracy, equal ones balanced accuracy; where rare classes have more,
    imbalance is corrected twice. A factor on the logits, a margin, and what is done to the head or fitted to
    validation afterwards have no prior that is known beforehand: they are not in it. With `votes` (n, K) it
    is the prior of these.
    """
    counts = np.bincount(labels, minlength=classes)
    shares = sampled_shares(strategy, labels, classes, 1.0, votes)
    terms = strategy.loss_terms(counts, 1.0)
    targets, mixing = shares, strategy.mixing(counts, 1.0)
    if mixing:
        targets = mixed_shares(mixing, shares, counts)
    # Smoothing takes the same share off a class's target wherever it is likely. Being left out of a share s
    # of the softmaxes of other classes' images multiplies a class's odds by 1 / (1 - s).
    smoothing = 0.0 if terms.smoothing is None else np.asarray(terms.smoothing, float)
    odds = (1 - smoothing) / (1 - np.asarray(terms.suppression, float))
    adjusted = strategy.adjust_logits(np.zeros((1, classes), np.float32), counts)[0]
    decided = np.exp(adjusted - _shift(terms, classes))
    prior = targets * normalised_weights(terms, shares) * odds * decided
    return prior / prior.sum()


def mixed_shares(mixing: Mixing, shares: np.ndarray, class_counts: np.ndarray) -> np.ndarray:
    """Mean share of each class, (K,) float64, in targets of images that are sampled with these shares."""
    from scipy.special import betainc

    first = np.full((len(shares), len(shares)), 1 - _pasted(mixing.alpha) if mixing.box else 0.5)
    # Of a commoner class's share l of a pair, uniform or not, what is below the threshold goes to the rarer.
    commoner = (1 - betainc(mixing.alpha + 1, mixing.alpha, mixing.threshold)) / 2
    ratio = np.maximum(class_counts, 1)[:, None] / np.maximum(class_counts, 1)
    first = np.where(ratio >= mixing.kappa, commoner, first)
    first = np.where(1 / ratio >= mixing.kappa, 1 - commoner, first)
    pairs = shares[:, None] * (shares if mixing.partners is None else mixing.partners)
    mixed = (pairs * first).sum(axis=1) + (pairs * (1 - first)).sum(axis=0)
    return mixing.share * mixed + (1 - mixing.share) * shares


def _pasted(alpha: float) -> float:
    """Mean share of an image under a square with u ~ Beta(alpha, alpha) of its area, cut at the border.

    Its centre is uniform in the image, so of its side s = sqrt(u) there is s - s^2 / 4 inside on average.
    """

    def moment(k: float) -> float:
        logarithm = lgamma(alpha + k) + lgamma(2 * alpha) - lgamma(alpha) - lgamma(2 * alpha + k)
        return exp(logarithm)

    return moment(1) - moment(1.5) / 2 + moment(2) / 16


def _shift(terms: LossTerms, classes: int) -> np.ndarray:
    """Shift of the logits (K,) float64 in training; of experts, whose mean decides, the mean."""
    shift = np.asarray(terms.shift, float)
    return np.broadcast_to(shift.mean(axis=0) if shift.ndim == 2 else shift, (classes,))


def tilts_beyond_flat(prior: np.ndarray, class_counts: np.ndarray, tolerance: float = 1.1) -> bool:
    """Whether the rarest class has over `tolerance` times the prior of the commonest: corrected twice."""
    return bool(prior[np.argmin(class_counts)] > tolerance * prior[np.argmax(class_counts)])


def is_no_op(
    strategy: Strategy,
    labels: np.ndarray,
    classes: int,
    augmented: bool = True,
    tolerance: float = 0.01,
    votes: np.ndarray | None = None,
) -> bool:
    """Whether a strategy changes nothing on these labels: plain sampling, cross-entropy, plain logits.

    `augmented`: whether the recipe has an augmentation whose strength a strategy can change. Another head,
    mixing and a decision that is fitted always change something.
    """
    counts = np.bincount(labels, minlength=classes)
    natural = counts / counts.sum() if votes is None else votes.mean(axis=0)
    if augmented and not np.allclose(strategy.augment_strength(counts)[counts > 0], 1, rtol=tolerance):
        return False
    if strategy.head != "linear" or overrides(type(strategy), "fit_decision"):
        return False
    for progress in (0.0, 0.5, 1.0):
        shares = sampled_shares(strategy, labels, classes, progress, votes)
        if not np.allclose(shares, natural, rtol=tolerance, atol=0):
            return False
        if strategy.mixing(counts, progress):
            return False
        if not _is_cross_entropy(strategy.loss_terms(counts, progress), shares, tolerance):
            return False
    return _leaves_logits(strategy, counts)


def _is_cross_entropy(terms: LossTerms, shares: np.ndarray, tolerance: float) -> bool:
    if not np.allclose(normalised_weights(terms, shares), 1, rtol=tolerance):
        return False
    for term in fields(LossTerms):
        value = getattr(terms, term.name)
        if term.name in ("weights", "shift") or value is None:
            continue
        if np.any(np.not_equal(value, getattr(LossTerms(), term.name))):
            return False
    return bool(np.ptp(_shift(terms, len(shares))) <= tolerance)


def _leaves_logits(strategy: Strategy, counts: np.ndarray) -> bool:
    """Whether neither predictions nor the head are changed, tried out on numbers that stand for them."""
    classes = len(counts)
    probe = np.linspace(-3, 3, 5 * classes, dtype=np.float32).reshape(5, classes)
    kernel, bias = strategy.adjust_head(probe**3, probe[0], counts, lambda: probe.T.astype(float))
    return (
        np.allclose(strategy.adjust_logits(probe, counts), probe)
        and np.allclose(kernel, probe**3)
        and np.allclose(bias, probe[0])
    )
