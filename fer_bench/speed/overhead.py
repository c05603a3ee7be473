"""What a trial costs beside its training: search, tracking, result file, metrics; no figures."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from fer_bench.speed.side_by_side import Figure, contest, limited
from fer_bench.speed.workloads import trial_data

VALIDATION = 3589  # images of FER-2013's PublicTest
SECONDS = 1.0
SLOTS = 16  # trials of the budget `full`: from the ninth on the search has a history to model


def measure(budgets: tuple[str, ...] = ("quick", "full"), slots: int = SLOTS) -> list[Figure]:
    """Seconds a trial of the study `imbalance`, stores as by default: SQLite in a folder."""
    figures = []
    for budget in budgets:
        with tempfile.TemporaryDirectory() as folder:
            played = contest({budget: partial(fill, budget, Path(folder))}, slots - 1)[budget]
        epochs = played[0][1]
        seconds = median(seconds for seconds, _ in played)
        figures.append(limited(f"a trial of {epochs} epochs, training left out", seconds, "s", SECONDS))
    return figures


def fill(budget: str, folder: Path, validation: int = VALIDATION) -> Callable[[], tuple[float, int]]:
    """Fill slot after slot of a cell with trials that aren't trained; seconds, and epochs they played."""
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    from fer_bench.runner.cell import CellRunner
    from fer_bench.runner.context import WorkerContext
    from fer_bench.runner.search import draw
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
    trainer = cast(Any, SimpleNamespace(recipe=task.cell.recipe, parameters=2_000_000))
    store = CellStore(plan, task, data, stores)
    runner = CellRunner(context, task, store, lambda: trainer)

    def play() -> tuple[float, int]:
        begun = time.perf_counter()
        history = store.results("trial")
        slot = len(history)
        runner.fill("trial", slot, draw(task.cell, task.shared_key, slot, history))
        seconds = time.perf_counter() - begun
        result = store.results("trial")[slot]
        if result.status != "complete":
            raise RuntimeError(result.error)
        return seconds, len(result.history)

    return play


def untrained(
    trainer: Any,
    strategy: Any,
    settings: Any,
    seed: int,
    data: Any,
    *,
    test: bool = False,
    on_epoch: Callable[[dict[str, float]], None] = lambda row: None,
) -> Any:
    """Stand-in for `run_trial`: random logits, scored after each epoch."""
    from fer_bench.evaluation.metrics import scores
    from fer_bench.training.outcome import Outcome

    rng, labels = np.random.default_rng(seed), data.labels[data.val]
    counts = np.bincount(data.labels[data.train])
    for epoch in range(trainer.recipe.epochs):
        logits = rng.normal(size=(len(labels), len(data.classes))).astype("float32")
        found = scores(labels, strategy.adjust_logits(logits, counts), data.classes)
        trained = dict.fromkeys(("train/objective", "train/loss", "train/accuracy"), float(epoch))
        validated = {f"val/{name}": found[name] for name in ("loss", "accuracy", "macro_f1")}
        on_epoch({**trained, **validated, "learning_rate": 1e-3, "seconds": 1.0, "phase": 0.0})
    return Outcome(val_logits=logits, test_logits=None)
