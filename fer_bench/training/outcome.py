"""What a training gives."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

Row = dict[str, float]


class TrialFailed(Exception):
    """A trial that can't be scored; says why."""


@dataclass
class Outcome:
    """What a training gave: raw logits (before `adjust_logits`) of the best epoch, and how it went."""

    val_logits: np.ndarray
    test_logits: np.ndarray | None
    history: list[Row] = field(default_factory=list)
    best_epoch: int = 0  # counted from 1, as the curves are
    steps: int = 0
    train_seconds: float = 0.0  # of the steps alone
    setup_seconds: float = 0.0  # tracing, a frozen trunk's features, rows made of them
    images_per_second: float = 0.0
    peak_memory_mib: float = 0.0
