"""Post-hoc logit adjustment: plain training, then the log prior is taken off the logits.

    z'_c = z_c - tau log pi_c,   pi_c = n_c / N

tau is the one of a grid from 0 to 2 with the highest macro-F1 on validation, the smallest of several; 0
leaves the logits as they are. For calibrated logits and balanced accuracy it would be 1; for macro-F1 it is
mostly less. The control for everything that only moves decisions: it costs nothing.
Menon et al., Long-tail learning via logit adjustment, ICLR 2021. https://arxiv.org/abs/2007.07314
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.evaluation.decisions import best_tau, macro_f1_paths, shifted
from fer_bench.strategies.base import STRATEGIES, Strategy
from fer_bench.strategies.logit_adjustment import log_prior

TAUS = np.linspace(0, 2, 41)


def fitted_tau(logits: np.ndarray, labels: np.ndarray, prior: np.ndarray) -> float:
    """The tau with the highest macro-F1 of logits (n, K) less tau times the log prior (K,)."""
    scores = macro_f1_paths(labels, shifted(logits, prior, TAUS), len(prior))[0]
    return float(TAUS[best_tau(scores, TAUS)])


@STRATEGIES.register("posthoc_adjustment")
@dataclass(frozen=True)
class PosthocAdjustment(Strategy):
    """One number, fitted to validation."""

    def fit_decision(self, logits: np.ndarray, labels: np.ndarray, class_counts: np.ndarray) -> np.ndarray:
        """Offsets (K,), those of the commonest class and of classes without images 0."""
        prior = log_prior(class_counts)
        return fitted_tau(logits, labels, prior) * (prior.max() - prior)
