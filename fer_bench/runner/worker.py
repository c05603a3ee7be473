"""A worker's shift: open the stores, then take cells until every one is done."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from fer_bench.errors import UserError
from fer_bench.study.plan import Plan, Task

if TYPE_CHECKING:
    from fer_bench.training.trainer import Trainer

PAUSE = 2.0  # seconds until cells that others work on are looked at again


def work(plan: Plan, report: Any) -> None:
    """Bring every cell of a plan to its planned slots, together with whoever else works on it."""
    report("loading")
    import keras  # noqa: F401  (first, so that the time it takes is not taken for the stores')

    from fer_bench.data.splits import split
    from fer_bench.data.trial_data import TrialData
    from fer_bench.datasets.base import open_dataset
    from fer_bench.runner.context import WorkerContext
    from fer_bench.storage.cell_store import close_orphans
    from fer_bench.storage.claims import claim
    from fer_bench.storage.mlflow_client import create_store
    from fer_bench.storage.optuna_store import OptunaStore
    from fer_bench.storage.tracking import Tracker

    create_store(plan.mlruns)
    tracker = Tracker(plan.mlruns, plan.experiment)
    describe(plan, tracker)
    images, spec = open_dataset(plan.spec.dataset), plan.spec
    if images.fingerprint != plan.fingerprint:
        raise UserError(f"dataset {spec.dataset} has changed since the plan was made; run again")
    data = TrialData.of(images, split(images, spec.split, *spec.samples))
    check_weights(plan)
    bench = WorkerContext(plan, data, tracker, OptunaStore(plan.mlruns, plan.storage), report)
    take_cells(bench, Trainers(data))
    close_orphans(bench, lambda cell: claim(plan.results, plan.storage, cell))
    report("end", failures=bench.failures)


def check_weights(plan: Plan) -> None:
    """Read all pretrained weights once: that a file is of another model is said now, not after hours."""
    from fer_bench.backbones.base import BACKBONES
    from fer_bench.backbones.pretrained import load_trunk

    files = {task.cell.backbone: task.weights.path for task in plan.tasks if task.weights.path}
    for name, path in files.items():
        load_trunk(BACKBONES[name]().trunk(plan.spec.recipe.image_size), path)


def take_cells(bench: Any, trainers: Trainers) -> None:
    """Work on free cells: first those of the backbone at hand, then of one that fewest others work on."""
    from fer_bench.runner.cell import work_cell

    left = list(bench.plan.tasks)
    busy: set[str] = set()
    crowd: Counter[str] = Counter()
    crowded = False
    while left:
        free = [task for task in left if task.key not in busy]
        if not free:
            bench.report("waiting", cells=[task.cell.name for task in left])
            time.sleep(PAUSE)
            busy.clear()
            crowd.clear()
            continue
        # In order as long as nobody else is met, then at random: in one order, all would ask for the same.
        task = min(
            free,
            key=lambda t: (not trainers.has(t), crowd[t.cell.backbone], random.random() if crowded else 0),
        )
        bench.report("cell", cell=task.cell.name)
        if work_cell(bench, task, lambda task=task: trainers.of(task)) == "done":  # type: ignore[misc]
            left.remove(task)
            bench.report("cell_end", cell=task.cell.name)
        else:
            busy.add(task.key)
            crowded = True
            crowd[task.cell.backbone] += 1


class Trainers:
    """The compiled backbone at hand; another one takes its place, and its memory."""

    def __init__(self, data: Any) -> None:
        self._data = data
        self._key: tuple[str, str] | None = None
        self._learner: Trainer | None = None

    def has(self, task: Task) -> bool:
        """Whether a task's backbone and recipe are those at hand."""
        return self._key == (task.cell.backbone, task.cell.recipe_hash)

    def of(self, task: Task) -> Trainer:
        """Trainer for a task's backbone and recipe."""
        from fer_bench.backbones.base import BACKBONES
        from fer_bench.training.trainer import Trainer, forget

        if self._learner is None or not self.has(task):
            self._learner = None
            forget()
            backbone, data = BACKBONES[task.cell.backbone](), self._data
            self._key = (task.cell.backbone, task.cell.recipe_hash)
            self._learner = Trainer(
                backbone, task.cell.recipe, data.pixels, len(data.classes), task.weights.path
            )
        return self._learner


def describe(plan: Plan, tracker: Any) -> None:
    """Write into the experiment what is planned, so that a leaderboard knows the cells not begun."""
    images = plan.tags["images"]
    planned = {t.key: f"{t.cell.name} {plan.spec.split} {t.cell.recipe_hash} {images}" for t in plan.tasks}
    replaced = {tuple(line.split(" ")[:2]) for line in planned.values()}
    before: dict[str, str] = json.loads(tracker.description().get("cells", "{}"))
    kept = {key: line for key, line in before.items() if tuple(line.split(" ")[:2]) not in replaced}
    tracker.describe({**plan.tags, "cells": json.dumps(kept | planned), "repeats": str(plan.repeats)})
