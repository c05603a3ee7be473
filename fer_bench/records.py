"""What the leaderboard needs to know of runs and cells, wherever it is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Predictions:
    """What one run predicts for its n test images.

    labels (n,) int; predicted (n,) int, after `adjust_logits`; groups (n,) int, identical images share a
    number; dedup (n,) bool, without a twin in train or val; ids (n,) str.
    """

    labels: np.ndarray
    predicted: np.ndarray
    groups: np.ndarray
    dedup: np.ndarray
    ids: np.ndarray


@dataclass(frozen=True)
class RepeatRecord:
    """One counted repeat, as it was logged.

    `cell` is the key; `board` says what may be ranked together: study, dataset, data_fingerprint, split,
    budget; `recipe` is a short hash; `started` is in unix seconds; `predictions` loads them when called. Tags
    that are read: weights, weights_hash, selects_on_test, honest_ceiling, warnings (";"-joined).
    """

    cell: str
    board: dict[str, str]
    backbone: str
    strategy: str
    recipe: str
    slot: int
    seed: int
    run_id: str
    commit: str
    started: float
    metrics: dict[str, float]
    tags: dict[str, str]
    predictions: Callable[[], Predictions]


@dataclass(frozen=True)
class CellStatus:
    """How far a cell of the study is; trials done have a score, those failed spent their slot without."""

    cell: str
    board: dict[str, str]
    backbone: str
    strategy: str
    recipe: str
    trials_done: int
    trials_failed: int
    trials_planned: int
    repeats_done: int
    repeats_planned: int
    warnings: tuple[str, ...] = ()
