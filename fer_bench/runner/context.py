"""What all cells of a worker share."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from fer_bench.data.trial_data import TrialData
from fer_bench.errors import UserError
from fer_bench.runner.events import Report
from fer_bench.storage.stores import Stores
from fer_bench.strategies.base import Strategy
from fer_bench.study.plan import Plan
from fer_bench.study.recipe import Settings
from fer_bench.study.task import Task

if TYPE_CHECKING:
    from fer_bench.training.checkpoint import Checkpoint
    from fer_bench.training.outcome import Outcome, Row, Stage
    from fer_bench.training.trainer import Trainer


CHECKPOINT_SECONDS = "FER_BENCH_CHECKPOINT_SECONDS"


class TrainTrial(Protocol):
    """What trains one trial: `training.trial.run_trial`, or what tests and `speed` put in its place."""

    def __call__(
        self,
        trainer: Trainer,
        strategy: Strategy,
        settings: Settings,
        seed: int,
        data: TrialData,
        *,
        stage: Stage | None = ...,
        test: bool = ...,
        on_epoch: Callable[[Row], None] = ...,
        checkpoint: Checkpoint | None = ...,
    ) -> Outcome:
        """Train once from scratch; raise what makes the slot fail."""
        ...


class Trainers(Protocol):
    """Where trainers come from: `runner.worker.TrainerAtHand`, or what tests put in its place."""

    def has(self, task: Task) -> bool:
        """Whether the trainer for a task is at hand, so that it needn't be built."""
        ...

    def of(self, task: Task) -> Trainer:
        """Trainer for a task's backbone and recipe."""
        ...


@dataclass(frozen=True)
class WorkerContext:
    """The plan of a worker, its images and databases, where its events go, and what trains a trial.

    `begun` (unix seconds) tells failures of this run from those of earlier ones, which may be tried again. A
    training is saved after an epoch if `checkpoint_seconds` have passed since it was saved last.
    """

    plan: Plan
    data: TrialData
    stores: Stores
    report: Report
    train: TrainTrial
    begun: float = field(default_factory=time.time)
    checkpoint_seconds: float = 30.0


def checkpoint_seconds() -> float:
    """What $FER_BENCH_CHECKPOINT_SECONDS says, 30 where it is not set. Raises UserError for another word."""
    given = os.environ.get(CHECKPOINT_SECONDS) or "30"
    try:
        if (seconds := float(given)) >= 0:
            return seconds
    except ValueError:
        pass
    raise UserError(f"{CHECKPOINT_SECONDS}={given}: expected a number of seconds, 0 or more")
