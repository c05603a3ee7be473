"""From stored logits to stored decisions: what a strategy makes of them, and how short they may be kept."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fer_bench.storage.records import UNKNOWN, Outputs
from fer_bench.strategies.base import STRATEGIES, Strategy
from fer_bench.study.spec import UNTUNED


def strategy_as_used(name: str, parameters: Mapping[str, float]) -> Strategy | None:
    """A strategy with the parameters of a run; None where this fer-bench has none such."""
    name = name.removesuffix(UNTUNED)
    if name == UNKNOWN:
        return Strategy()
    if name not in STRATEGIES:
        return None
    own = {
        key.removeprefix(f"{name}."): value for key, value in parameters.items() if key.startswith(f"{name}.")
    }
    try:
        return STRATEGIES[name](**own)
    except TypeError:
        return None


def adjusted(outputs: Outputs, strategy: str, logits: np.ndarray) -> np.ndarray | None:
    """What a run decides by, (n, K), of its logits (n, K); None where its strategy isn't here.

    With `fit_decision` that is what test is decided by: each fifth of validation has offsets of its own.
    """
    used = strategy_as_used(strategy, outputs.parameters)
    if used is None:
        return None
    offset = 0 if outputs.decision_offset is None else outputs.decision_offset
    return np.asarray(used.adjust_logits(logits, outputs.class_counts) + offset)


def without_loss(outputs: Outputs, strategy: str) -> np.ndarray:
    """Logits of validation, then test, (n_val + n, K): float16 where each decision stays, else float32.

    Those of an image are less their greatest, which no probability and no decision depends on: so the two
    that a decision is between are kept with many digits.
    """
    logits = np.concatenate([outputs.val_logits, outputs.logits]).astype("float32")
    logits -= logits.max(axis=1, keepdims=True)
    with np.errstate(over="ignore"):
        short = logits.astype("float16")
    if not np.isfinite(short).all() or (short.argmax(axis=1) != logits.argmax(axis=1)).any():
        return logits
    n = len(outputs.val_logits)
    decided = adjusted(outputs, strategy, short[n:].astype("float32"))
    if decided is not None and (decided.argmax(axis=1) != outputs.predicted).any():
        return logits
    return short
