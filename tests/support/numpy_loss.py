"""The loss of a strategy in NumPy, to check its formula and what it becomes at the ends of its parameters."""

import numpy as np

from fer_bench.strategies.base import Strategy


def losses(
    strategy: Strategy,
    logits: np.ndarray,
    labels: np.ndarray,
    counts: np.ndarray,
    progress: float = 1.0,
    draws: np.ndarray | float = 1.0,
) -> np.ndarray:
    """Loss (n,) float64 of logits (n, K) for labels (n,); class counts (K,) are those of the training.

    Experts all have these logits. `draws` (n,) in [0, 1) decide which classes images leave out, none without
    them. Influence isn't in it.
    """
    terms, classes = strategy.loss_terms(np.asarray(counts), progress), len(counts)
    truth = np.eye(classes)[labels]
    share = np.broadcast_to(0.0 if terms.smoothing is None else terms.smoothing, classes)[labels][:, None]
    factors = (truth * (1 - share) + share / classes) * terms.weights
    left_out = (np.reshape(draws, (-1, 1)) < terms.suppression) & (truth == 0)
    of_experts = []
    for shift in np.atleast_2d(terms.shift):
        z = (np.asarray(logits, float) - terms.margins * truth) * terms.scale + shift
        e = np.exp(z - z.max(axis=1, keepdims=True))
        p = e / np.where(left_out, 0, e).sum(axis=1, keepdims=True)
        phi = (1 - p**terms.box_cox) / terms.box_cox if terms.box_cox else -np.log(p)
        of_experts.append((factors * (1 - np.minimum(p, 1)) ** terms.gamma * phi).sum(axis=1))
    return np.mean(of_experts, axis=0)


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Plain cross-entropy (n,) float64."""
    z = np.asarray(logits, float)
    return np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), labels]


def drawn_logits(classes: int = 7, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Logits (n, K) and labels (n,), the same ones every time."""
    random = np.random.default_rng(0)
    return random.normal(0, 2, (n, classes)), random.integers(0, classes, n)
