"""Stand-ins: trainings that sleep or go as they are told, without a net, and strategies of no meaning."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from blank_figures import blank_figures

from fer_bench.data.trial_data import TrialData
from fer_bench.hashing import derive_seed
from fer_bench.strategies.base import Strategy
from fer_bench.study.recipe import Recipe, Settings
from fer_bench.study.task import Task
from fer_bench.training.outcome import Outcome, Row, Stage

if TYPE_CHECKING:
    from fer_bench.training.checkpoint import Checkpoint
    from fer_bench.training.trainer import Trainer

MODULE = """\
from dataclasses import dataclass

from fer_bench.strategies.base import STRATEGIES, Strategy

for name in {names!r}:
    STRATEGIES.register(name)(dataclass(frozen=True)(type(name, (Strategy,), {{}})))
"""


def install_strategies(folder: Path, number: int) -> list[str]:
    """Names of so many strategies, which every process finds that has `folder` on its path when it looks.

    They are declared as those of another package are, by an entry point.
    """
    names = [f"s{place:02}" for place in range(number)]
    (folder / "stand_in_strategies.py").write_text(MODULE.format(names=names))
    information = folder / "stand_in_strategies-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: stand-in-strategies\nVersion: 1\n")
    (information / "entry_points.txt").write_text("[fer_bench.strategies]\nstand_ins = stand_in_strategies\n")
    return names


class NoNet:
    """Takes the place of `TrainerAtHand`: for every cell a trainer without a net, so that Keras isn't loaded.

    `recipe`: that of the cell asked for last. Its weights are a file of noise.
    """

    parameters = 0
    recipe: Recipe

    def has(self, task: Task) -> bool:
        return True

    def of(self, task: Task) -> NoNet:
        self.recipe = task.cell.recipe
        return self

    def read(self, key: str, weights: Path, check: Callable[[], None] = lambda: None) -> Stage:
        check()
        return Stage(key, [])

    @property
    def stages(self) -> NoNet:
        return self

    @property
    def net(self) -> NoNet:
        return self

    @property
    def whole(self) -> NoNet:
        return self

    def save_weights(self, path: Path) -> None:
        path.write_bytes(np.random.default_rng(0).bytes(20_000))


@dataclass
class SleepingTraining:
    """Takes the place of `run_trial`: sleeps from `shortest` to `longest` seconds, and guesses.

    Half of the time before its only epoch has ended, half after it. What it guesses depends on strategy,
    settings and seed, and is the same each time. `slept` is the sum of all its sleeps.
    """

    shortest: float = 0.0
    longest: float = 0.0
    slept: float = 0.0

    def __call__(
        self,
        trainer: Trainer,
        strategy: Strategy,
        settings: Settings,
        seed: int,
        data: TrialData,
        *,
        stage: Stage | None = None,
        test: bool = False,
        on_epoch: Callable[[Row], None] = lambda row: None,
        checkpoint: Checkpoint | None = None,
    ) -> Outcome:
        self._sleep()
        row = _epoch()
        on_epoch(row)
        self._sleep()
        rng = np.random.default_rng(derive_seed(repr(strategy), repr(settings), seed))
        logits = [rng.normal(size=(len(part), len(data.classes))) for part in (data.val, data.test)]
        return _outcome(logits[0], logits[1] if test else None, row)

    def _sleep(self) -> None:
        seconds = random.uniform(self.shortest, self.longest) / 2
        time.sleep(seconds)
        self.slept += seconds


@contextmanager
def stand_in_here() -> Iterator[None]:
    """Let the commands of this process train nothing, as `stand_in` of soak.py does with processes.

    The worker is this process, figures are blank, and there is no report.
    """
    from command import work_here

    with pytest.MonkeyPatch.context() as patch, blank_figures():
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setattr("fer_bench.runner.processes.run", work_here)
        patch.setattr("fer_bench.runner.worker.load_training", SleepingTraining)
        patch.setattr("fer_bench.runner.worker.TrainerAtHand", lambda data: NoNet())
        patch.setattr("fer_bench.cli.run.report_of_run", lambda *args: None)
        patch.setattr("fer_bench.environment.device", lambda: "none")
        yield


class ScriptedTraining:
    """Takes the place of `run_trial`: one training after the other goes as it is told.

    It gets that share of the images right (the higher, the higher its macro-F1), or it raises that error.
    """

    def __init__(self, *script: float | BaseException) -> None:
        self._script = iter(script)

    def __call__(
        self,
        trainer: Trainer,
        strategy: Strategy,
        settings: Settings,
        seed: int,
        data: TrialData,
        *,
        stage: Stage | None = None,
        test: bool = False,
        on_epoch: Callable[[Row], None] = lambda row: None,
        checkpoint: Checkpoint | None = None,
    ) -> Outcome:
        share = next(self._script)
        if isinstance(share, BaseException):
            raise share
        row = _epoch()
        on_epoch(row)
        logits = [_logits(data.labels[part], len(data.classes), share) for part in (data.val, data.test)]
        return _outcome(logits[0], logits[1] if test else None, row)


def _logits(labels: np.ndarray, classes: int, share: float) -> np.ndarray:
    """Logits (images, classes) that are right for about that share of the images, the same ones each time."""
    right = np.random.default_rng(0).random(len(labels)) < share
    return np.eye(classes)[np.where(right, labels, (labels + 1) % classes)]


def _epoch() -> Row:
    row = dict.fromkeys(("train/objective", "train/loss", "train/accuracy", "val/loss"), 1.0)
    row |= dict.fromkeys(("val/accuracy", "val/macro_f1", "learning_rate", "seconds", "phase"), 0.5)
    return row | {"time": time.time()}


def _outcome(val: np.ndarray, test: np.ndarray | None, row: Row) -> Outcome:
    tested = test if test is None else test.astype("float32")
    return Outcome(val.astype("float32"), tested, [row], 1, 6, 0.1, 0.1, 100.0, 100.0)
