"""Fitted bias: plain training, then an offset for each class that raises macro-F1 on validation.

    z'_c = z_c - tau log pi_c + (1 - shrinkage) b_c

tau is fitted first, as in posthoc_adjustment; then b by coordinate ascent, class by class, within [-1, 1].
With few validation images of a rare class (disgust has 56) so many numbers fit chance as well, so they are
shrunk: `shrinkage` 1 is posthoc_adjustment, 0 takes what was fitted.
Lipton, Elkan and Naryanaswamy, Optimal Thresholding of Classifiers to Maximize F1 Measure, ECML PKDD 2014.
https://arxiv.org/abs/1402.1892
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.search_space import tunable
from fer_bench.strategies.base import STRATEGIES, Strategy
from fer_bench.strategies.posthoc_adjustment import PosthocAdjustment, macro_f1

STEPS = np.array(sorted(np.linspace(-1, 1, 41), key=abs))  # of equally good offsets the smallest is taken
PASSES = 3


def ascent(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Offsets (K,) of logits (n, K), changed one after another where that raises macro-F1 on labels (n,)."""
    offsets = np.zeros(logits.shape[1])
    for _ in range(PASSES):
        before = offsets.copy()
        for c in np.unique(labels):
            offsets[c] = STEPS[np.argmax(_scores(logits + offsets, logits[:, c], labels, c))]
        if np.array_equal(offsets, before):
            break
    return offsets


def _scores(decisions: np.ndarray, logit: np.ndarray, labels: np.ndarray, c: int) -> np.ndarray:
    """Macro-F1 for each of STEPS as the offset of class c; its logit (n,), decisions (n, K) of the others."""
    one_hot = np.eye(decisions.shape[1])
    support = np.bincount(labels, minlength=decisions.shape[1])
    rivals = np.where(np.arange(decisions.shape[1]) == c, -np.inf, decisions)
    rival = rivals.argmax(axis=1)
    wins = logit + STEPS[:, None] > rivals.max(axis=1)
    won, lost = wins.astype(float), 1.0 - wins
    predicted = lost @ one_hot[rival] + np.outer(won.sum(axis=1), one_hot[c])
    right = lost @ (one_hot[rival] * one_hot[labels]) + np.outer(won @ (labels == c), one_hot[c])
    return macro_f1(right, predicted, support)


@STRATEGIES.register("fitted_bias")
@dataclass(frozen=True)
class FittedBias(Strategy):
    """One number per class, fitted to validation and shrunk."""

    shrinkage: float = tunable(0.5, low=0.0, high=1.0)

    def fit_decision(self, logits: np.ndarray, labels: np.ndarray, class_counts: np.ndarray) -> np.ndarray:
        """Offsets (K,); a class without images here is given the one of the first fit."""
        family = PosthocAdjustment().fit_decision(logits, labels, class_counts)
        return family + (1 - self.shrinkage) * ascent(logits + family, labels)
