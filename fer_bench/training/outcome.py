"""The result of one training, and the error of one that can't be scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

Row = dict[str, float]
"""An epoch's figures by name: losses, scores, learning rate, seconds, phase, and the unix time of its end."""


class TrialFailed(Exception):
    """A trial that can't be scored; says why."""


@dataclass(frozen=True, eq=False)
class Stage:
    """The result of the shared phases of a recipe: the state that a training goes on from.

    `key` tells stages apart; `state` are the values of the whole net's variables, in their order.
    """

    key: str
    state: Sequence[np.ndarray] = field(repr=False)


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of a training: logits (n, K) float32 of the best epoch, before `adjust_logits`; costs."""

    val_logits: np.ndarray
    test_logits: np.ndarray | None
    history: list[Row] = field(default_factory=list)
    best_epoch: int = 0  # from 1, counted over all phases
    steps: int = 0
    train_seconds: float = 0.0  # of the training steps, and of making images before them
    setup_seconds: float = 0.0  # tracing, features of a frozen trunk, synthetic rows
    views_seconds: float = 0.0  # of the recipe's test views, at the end
    images_per_second: float = 0.0
    peak_memory_mib: float = 0.0
    made_images: np.ndarray | None = None  # with real ones, as `MadeImages.sheet` has them


@dataclass(frozen=True, eq=False)
class TrialState:
    """What a `TrialCallback` knows after an epoch."""

    history: list[Row]
    epochs_before_phase: int
    best_score: float
    best_epoch: int
    best_phase: int
    best_logits: np.ndarray
    best_state: list[np.ndarray]
    setup_seconds: float
