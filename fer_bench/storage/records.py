"""What the leaderboard needs to know of runs and cells, wherever it is kept."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np

BOARD = (
    *("study", "recipe_name", "dataset", "data_fingerprint", "split", "budget", "images"),
    "shared_phases",
)
"""What runs that are ranked together have in common, by the names of their tags."""


SCORED = "models from elsewhere, training data unknown"
"""In place of a recipe's name: boards of models that were scored, and not trained, here."""

UNKNOWN = "unknown"
"""In place of a strategy's name: of a model that was scored here; it decides by its logits as they are."""


def safe_name(name: str) -> str:
    """A name that may be part of a metric's key."""
    return re.sub(r"[^\w\-. :/]", "_", name)


def median_place(count: int) -> int:
    """Place of the median among `count` repeats in order of validation macro-F1: of two, the lower."""
    return (count - 1) // 2


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The n test images of one run or of many.

    labels (n,) int; groups (n,) int, identical images share a number; dedup (n,) bool, without a twin in
    train or val; ids (n,) str; near_dedup (n,) bool, without a near-duplicate there, None where unknown.
    """

    labels: np.ndarray
    groups: np.ndarray
    dedup: np.ndarray
    ids: np.ndarray
    near_dedup: np.ndarray | None = None

    @cached_property
    def digest(self) -> str:
        """The same for the same images in the same order."""
        return hashlib.sha256("\0".join(map(str, self.ids)).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Predictions:
    """What one run predicts for its test images: (n,) int, after `adjust_logits`."""

    images: HeldOut
    predicted: np.ndarray


@dataclass(frozen=True, eq=False)
class Outputs:
    """What one run's net put out before anything was decided, and how it was trained.

    logits (n, K) float32, of images of `HeldOut`; predicted (n,) int, as the strategy decides by them;
    val_labels, val_logits and val_predicted as for test, without a row where validation isn't known;
    class_counts (K,) int of the training split, zeros where that isn't known; history has a row for each
    epoch; parameters are those drawn; decision_offset (K,) is what `fit_decision` fitted, None without it.
    """

    images: HeldOut
    logits: np.ndarray
    predicted: np.ndarray
    val_labels: np.ndarray
    val_logits: np.ndarray
    val_predicted: np.ndarray
    classes: tuple[str, ...]
    class_counts: np.ndarray
    history: list[dict[str, float]]
    parameters: dict[str, float]
    decision_offset: np.ndarray | None = None


@dataclass(frozen=True)
class TrialRecord:
    """One counted trial; `value` is its validation macro-F1, None where it failed."""

    cell: str
    board: dict[str, str]
    backbone: str
    strategy: str
    slot: int
    seed: int
    value: float | None


@dataclass(frozen=True)
class RepeatRecord:
    """One counted repeat, as it was logged.

    `cell` is the key; `board` says what may be ranked together, by the names in BOARD; `recipe` is a short
    hash; `shared_key` is the cell's key less its strategy, the same for cells that a gain may be taken
    between; `selected_from` is the number of trials that its parameters are the best of; `started` is in unix
    seconds; `predictions` and `outputs` load them when called. Tags that are read: weights, weights_hash,
    selects_on_test, honest_ceiling, val_twins, planned_repeats (how many, when it began), reported (JSON),
    warnings, alarms and notes (";"-joined), and scored, "true" of a model from elsewhere.
    """

    cell: str
    board: dict[str, str]
    backbone: str
    strategy: str
    recipe: str
    shared_key: str
    selected_from: int
    slot: int
    seed: int
    run_id: str
    commit: str
    started: float
    metrics: dict[str, float]
    tags: dict[str, str]
    predictions: Callable[[], Predictions]
    outputs: Callable[[], Outputs]


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


class StudyRuns(NamedTuple):
    """What is known of a study, wherever it was read: how far its cells are, counted repeats and trials."""

    statuses: list[CellStatus]
    repeats: list[RepeatRecord]
    trials: list[TrialRecord]
