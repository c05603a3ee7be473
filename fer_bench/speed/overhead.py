"""What a trial costs beside its training: search, tracking, result file, metrics."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import numpy as np

from fer_bench.speed.side_by_side import Figure, contest, limited
from fer_bench.speed.workloads import trial_data

if TYPE_CHECKING:
    from fer_bench.data.trial_data import TrialData
    from fer_bench.strategies.base import Strategy
    from fer_bench.study.recipe import Settings
    from fer_bench.training.checkpoint import Checkpoint
    from fer_bench.training.outcome import Outcome, Row, Stage
    from fer_bench.training.trainer import Trainer

VALIDATION = 3589  # images of FER-2013's PublicTest
SECONDS = 1.0
BUDGETS = ("quick", "full")
SLOTS = 16  # trials of the budget `full`: from the ninth on the search has a history to model


def measure() -> list[Figure]:
    """Seconds of a trial of the study `imbalance`, databases as by default: SQLite in a folder."""
    figures = []
    for budget in BUDGETS:
        with tempfile.TemporaryDirectory() as folder:
            rounds = contest({budget: partial(trials, budget, Path(folder))}, SLOTS - 1)[budget]
        epochs = rounds[0][1]
        seconds = median(seconds for seconds, _ in rounds)
        figures.append(limited(f"a trial of {epochs} epochs, training left out", seconds, "s", SECONDS))
    return figures


def trials(budget: str, folder: Path, validation: int = VALIDATION) -> Callable[[], tuple[float, int]]:
    """Trials that aren't trained, one a round, slot after slot of a cell; seconds, and epochs of each."""
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    from fer_bench.runner.context import WorkerContext
    from fer_bench.runner.search import draw
    from fer_bench.runner.slot import LockedTask
    from fer_bench.storage.cell_store import CellStore
    from fer_bench.storage.stores import open_stores
    from fer_bench.study.plan import make_plan

    plan = make_plan(
        "imbalance", dataset="synthetic", budget=budget, backbones=("mobilenet_v2",),
        strategies=("focal_loss",), mlruns=folder, may_download=False,
    )  # fmt: skip
    (task,) = plan.tasks
    data, stores = trial_data(700, validation), open_stores(plan)
    context = WorkerContext(plan, data, stores, report=lambda event: None, train=untrained)
    trainer = cast(
        "Trainer", SimpleNamespace(recipe=task.cell.recipe, net=SimpleNamespace(parameters=2_000_000))
    )
    store = CellStore(plan, task, data, stores)
    locked = LockedTask(context, task, store, lambda: trainer)

    def play() -> tuple[float, int]:
        begun = time.perf_counter()
        history = store.results("trial")
        slot = len(history)
        locked.fill("trial", slot, draw(task.cell, task.seed_key, slot, history))
        seconds = time.perf_counter() - begun
        result = store.results("trial")[slot]
        if result.status != "complete":
            raise RuntimeError(result.error)
        return seconds, len(result.history)

    return play


def untrained(
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
    """Stand-in for `run_trial`: random logits, scored after each epoch; of validation only."""
    from fer_bench.evaluation.metrics import scores
    from fer_bench.training.outcome import Outcome

    rng, labels = np.random.default_rng(seed), data.labels[data.val]
    counts = data.class_counts
    for epoch in range(trainer.recipe.epochs):
        logits = rng.normal(size=(len(labels), len(data.classes))).astype("float32")
        scored = scores(labels, strategy.adjust_logits(logits, counts), data.classes)
        trained = dict.fromkeys(("train/objective", "train/loss", "train/accuracy"), float(epoch))
        validated = {f"val/{name}": scored[name] for name in ("loss", "accuracy", "macro_f1")}
        rest = {"learning_rate": 1e-3, "seconds": 1.0, "phase": 0.0, "time": time.time()}
        on_epoch({**trained, **validated, **rest})
    return Outcome(val_logits=logits, test_logits=None)
