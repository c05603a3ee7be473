"""Decision rules: from logits to a class, fitted on validation. The rungs of a ladder from argmax upwards.

    temperature   z / T                              T minimises the cross-entropy of validation
    prior shift   z / T - tau log pi                 pi: each class's share of the training images; tau = 1
    tau           the same                           tau maximises the macro-F1 of validation
    bias          z / T - tau log pi + b / 2         b by coordinate ascent from there, class by class

A temperature changes no decision; it gives tau its unit: 1 takes off what calibrated probabilities owe to the
prior. A negative tau undoes what flattened the prior in training. Menon et al., ICLR 2021,
https://arxiv.org/abs/2007.07314; Guo et al., ICML 2017, https://arxiv.org/abs/1706.04599.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

TAUS = np.round(np.arange(-2, 2.025, 0.05), 2)
SHRINKAGE = 0.5  # of the offsets of single classes: some have few images in validation
HOTTEST = 100.0
RULES = ("argmax", "temperature", "prior_shift", "tau", "bias")
STEPS = np.linspace(-1, 1, 41)
SMALLEST_FIRST = np.argsort(np.abs(STEPS), kind="stable")  # of equally good offsets the smallest is taken
PASSES = 3


@dataclass(frozen=True, eq=False)
class Rule:
    """Decides by logits / temperature + offsets; offsets (K,) float64. `parameter` is T, tau or NaN."""

    temperature: float
    offsets: np.ndarray
    parameter: float

    def logits(self, raw: np.ndarray) -> np.ndarray:
        """Logits (n, K) float64: their softmax are the rule's probabilities, their argmax its decision."""
        return raw / self.temperature + self.offsets


@dataclass(frozen=True, eq=False)
class Ladder:
    """The rules fitted to one run's validation, by name.

    taus (T,) were tried; tau is the place of the one that was fitted, drawn (D,) those of draws of
    validation.
    """

    rules: dict[str, Rule]
    taus: np.ndarray
    log_prior: np.ndarray
    tau: int
    drawn: np.ndarray

    def shifted(self, raw: np.ndarray) -> np.ndarray:
        """Decisions (T, n) int by logits (n, K) at each of the taus."""
        return shifted(raw / self.rules["temperature"].temperature, self.log_prior, self.taus)


def fit_ladder(
    logits: np.ndarray,
    labels: np.ndarray,
    log_prior: np.ndarray,
    weights: np.ndarray | None = None,
    taus: np.ndarray = TAUS,
) -> Ladder:
    """Fit argmax, temperature, prior_shift, tau and bias to logits (n, K) and labels (n,) of validation.

    log_prior (K,) of the training images; weights (D, n): how often each image is in draws of validation.
    """
    zeros = np.zeros(logits.shape[1])
    temperature = fit_temperature(logits, labels)
    calibrated = logits / temperature
    found, drawn = fit_tau(calibrated, labels, log_prior, weights, taus)
    tau, at_tau = float(taus[found]), -taus[found] * log_prior
    bias = (1 - SHRINKAGE) * fit_bias(calibrated + at_tau, labels)
    rules = {
        "argmax": Rule(1.0, zeros, np.nan),
        "temperature": Rule(temperature, zeros, temperature),
        "prior_shift": Rule(temperature, -log_prior, 1.0),
        "tau": Rule(temperature, at_tau, tau),
        "bias": Rule(temperature, at_tau + bias, tau),
    }
    return Ladder(rules, taus, log_prior, found, drawn)


def unfitted_ladder(classes: int, draws: int = 0, taus: np.ndarray = TAUS) -> Ladder:
    """The rules of `fit_ladder` where there is no validation to fit them to: all decide by argmax."""
    zeros, nearest = np.zeros(classes), int(np.abs(taus).argmin())
    rules = dict.fromkeys(RULES, Rule(1.0, zeros, np.nan))
    return Ladder(rules, taus, zeros, nearest, np.full(draws, nearest))


def fit_tau(
    logits: np.ndarray,
    labels: np.ndarray,
    log_prior: np.ndarray,
    weights: np.ndarray | None = None,
    taus: np.ndarray = TAUS,
) -> tuple[int, np.ndarray]:
    """Place of the tau with the highest macro-F1, and those (D,) on weighted sets; as for `fit_ladder`."""
    decisions, classes = shifted(logits, log_prior, taus), logits.shape[1]
    found = best_tau(macro_f1_paths(labels, decisions, classes)[0], taus)
    if weights is None:
        return int(found), np.empty(0, int)
    return int(found), best_tau(macro_f1_paths(labels, decisions, classes, weights), taus)


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Temperature in [1/100, 100] at which logits (n, K) give labels (n,) the least mean cross-entropy."""

    def loss(log_temperature: float) -> float:
        found = log_softmax(np.asarray(logits, np.float64) / np.exp(log_temperature), axis=1)
        return -float(found[np.arange(len(labels)), labels].mean())

    most = np.log(HOTTEST)
    return float(np.exp(minimize_scalar(loss, bounds=(-most, most), method="bounded").x))


def shifted(logits: np.ndarray, log_prior: np.ndarray, taus: np.ndarray) -> np.ndarray:
    """Decisions (T, n) int by logits (n, K) less each of T taus times the log prior (K,)."""
    columns = np.ascontiguousarray(logits.T, np.float64)
    best = columns[0] - np.multiply.outer(taus, log_prior[0])[:, None]
    winner = np.zeros(best.shape, np.min_scalar_type(-len(columns)))
    for label in range(1, len(columns)):  # many times faster than argmax over a short axis
        rival = columns[label] - np.multiply.outer(taus, log_prior[label])[:, None]
        winner[rival > best] = label
        np.maximum(best, rival, out=best)
    return winner


def best_tau(scores: np.ndarray, taus: np.ndarray) -> np.ndarray:
    """Place (...,) of the highest of scores (..., T) at taus (T,); of several the tau nearest to 0."""
    nearest = np.argsort(np.abs(taus), kind="stable")
    return nearest[scores[..., nearest].argmax(axis=-1)]


def macro_f1_paths(
    labels: np.ndarray, decisions: np.ndarray, classes: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """Macro-F1 (D, T) of decisions (T, n) on each of D weighted sets of the images with labels (n,).

    weights (D, n) say how often each image counts, by default once. Classes without an image are left out.
    What it costs goes by how many decisions change from one tau to the next, not by T.
    """
    weights = np.ones((1, len(labels)), np.float32) if weights is None else weights
    changed = np.ones(decisions.shape, bool)
    changed[1:] = decisions[1:] != decisions[:-1]
    step, image = np.nonzero(changed)
    later = step > 0
    left = decisions[step[later] - 1, image[later]]
    row = np.concatenate([step, step[later]]) * classes + np.concatenate([decisions[step, image], left])
    column = np.concatenate([image, image[later]])
    value = np.repeat(np.array([1, -1], np.float32), [len(step), len(left)])
    shape = len(decisions) * classes, len(labels)

    def counts(some: np.ndarray) -> np.ndarray:
        change = sparse.csr_matrix((value[some], (row[some], column[some])), shape) @ weights.T
        return change.reshape(len(decisions), classes, len(weights)).cumsum(axis=0, dtype=np.float64)

    predicted, right = counts(np.ones(len(row), bool)), counts(row % classes == labels[column])
    support = np.stack([weights[:, labels == label].sum(axis=1) for label in range(classes)])
    f1 = np.where(support > 0, 2 * right / np.maximum(predicted + support, 1), 0)
    present = np.count_nonzero(support, axis=0)
    return (f1.sum(axis=1) / np.maximum(present, 1)).T


def fit_bias(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Offsets (K,) of logits (n, K), changed one after another where that raises macro-F1 on labels (n,).

    Each stays within [-1, 1]. Source: Lipton, Elkan and Naryanaswamy 2014, https://arxiv.org/abs/1402.1892.
    """
    offsets = np.zeros(logits.shape[1])
    for _ in range(PASSES):
        before = offsets.copy()
        for c in np.unique(labels):
            scores = _scores(logits + offsets, logits[:, c], labels, c)
            offsets[c] = STEPS[SMALLEST_FIRST[np.argmax(scores[SMALLEST_FIRST])]]
        if np.array_equal(offsets, before):
            break
    return offsets


def _scores(decisions: np.ndarray, logit: np.ndarray, labels: np.ndarray, c: int) -> np.ndarray:
    """Macro-F1 for each of STEPS as the offset of class c; its logit (n,), decisions (n, K) of the others."""
    classes = decisions.shape[1]
    rivals = np.where(np.arange(classes) == c, -np.inf, decisions)
    rival = rivals.argmax(axis=1)
    first = np.searchsorted(STEPS, rivals.max(axis=1) - logit, side="right")  # with which class c wins

    def lost(some: np.ndarray) -> np.ndarray:
        """Images by step and by the class that wins them from c."""
        counts = np.bincount(first[some] * classes + rival[some], minlength=(len(STEPS) + 1) * classes)
        won = counts.reshape(-1, classes).cumsum(axis=0)
        return won[-1] - won[:-1]

    predicted, right = lost(np.ones(len(labels), bool)), lost(rival == labels)
    predicted[:, c] = len(labels) - predicted.sum(axis=1)
    right[:, c] = np.searchsorted(np.sort(first[labels == c]), np.arange(len(STEPS)), side="right")
    return macro_f1(right, predicted, np.bincount(labels, minlength=classes))


def macro_f1(true_positives: np.ndarray, predicted: np.ndarray, support: np.ndarray) -> np.ndarray:
    """Mean F1 of the classes that have images: (G,) float64 of counts (G, K), (G, K) and (K,)."""
    f1 = 2 * true_positives / np.maximum(predicted + support, 1)
    return f1[:, support > 0].sum(axis=1) / max(np.count_nonzero(support), 1)
