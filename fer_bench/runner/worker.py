"""A worker: opens the databases, then takes cells until every one is done."""

from __future__ import annotations

import contextlib
import gc
import random
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from fer_bench.errors import UserError
from fer_bench.runner.events import CellBegun, CellEnded, Loading, Report, Waiting
from fer_bench.study.plan import Plan
from fer_bench.study.task import StageTask, Task

if TYPE_CHECKING:
    from fer_bench.data.trial_data import TrialData
    from fer_bench.runner.context import Trainers, TrainTrial, WorkerContext
    from fer_bench.training.trainer import Trainer

PAUSE = 2.0  # seconds until cells that others work on are looked at again


def work(
    plan: Plan, report: Report, train: TrainTrial | None = None, trainers: Trainers | None = None
) -> list[str]:
    """Bring every cell of a plan to its planned slots, together with other workers; what failed, a line each.

    `train` takes the place of `training.trial.run_trial`, and `trainers` that of `TrainerAtHand`; with both,
    Keras is not loaded. Raises UserError for data that has changed since the plan was made, for weights of
    another model, for databases that can't be opened, and for what is no number of seconds between
    checkpoints.
    """
    report(Loading())
    with _nothing_collected():
        train = train or load_training()  # first, so that the time it takes is not taken for the databases'
        from fer_bench.data.trial_data import TrialData
        from fer_bench.datasets.base import open_dataset
        from fer_bench.runner.context import WorkerContext, checkpoint_seconds
        from fer_bench.storage.cell_store import end_abandoned_runs
        from fer_bench.storage.stores import open_stores

        seconds = checkpoint_seconds()
        stores = open_stores(plan)
    images, spec = open_dataset(plan.spec.dataset), plan.spec
    if images.fingerprint != plan.fingerprint:
        raise UserError(f"dataset {spec.dataset} has changed since the plan was made; run again")
    used = plan.variant.use(images, spec)
    data = TrialData.of(images, used.parts, used.labels)
    check_weights(plan)
    context = WorkerContext(plan, data, stores, report, train, checkpoint_seconds=seconds)
    failures = take_cells(context, trainers or TrainerAtHand(data))
    end_abandoned_runs(plan, stores.tracker)
    return failures


@contextlib.contextmanager
def _nothing_collected() -> Iterator[None]:
    """Without garbage collection: while modules are loaded it takes a tenth of the time and finds nothing.

    What is there at the end stays, and no later collection looks at it again.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def load_training() -> TrainTrial:
    """What trains a trial. Loads Keras."""
    from fer_bench.training.trial import run_trial

    return run_trial


def check_weights(plan: Plan) -> None:
    """Read all pretrained weights once: that a file is of another model is said now, not after hours."""
    from fer_bench.backbones.base import BACKBONES
    from fer_bench.backbones.pretrained import load_trunk

    files = {task.cell.backbone: task.weights.path for task in plan.tasks if task.weights.path}
    for name, path in files.items():
        backbone = BACKBONES[name]()
        load_trunk(backbone, backbone.trunk(plan.spec.recipe_of(name).image_size), path)


def take_cells(context: WorkerContext, trainers: Trainers) -> list[str]:
    """Run free cells: first those of the backbone at hand, then of one that fewest others work on.

    A cell is free when the stages that it needs are on this machine. What failed, a line each.
    """
    left: list[Task] = [*context.plan.stages, *context.plan.tasks]
    failures: list[str] = []
    busy: set[str] = set()  # cells that others have
    others: Counter[str] = Counter()  # how many workers were met at each backbone
    others_met = False
    while left:
        unfinished = {task.key for task in left}
        free = [t for t in left if t.key not in busy and unfinished.isdisjoint(t.stages)]
        if not free:
            context.report(Waiting(cells=tuple(dict.fromkeys(task.name for task in left))))
            time.sleep(PAUSE)
            busy.clear()
            others.clear()
            continue
        # In order as long as nobody else is met, then at random: in one order, all would ask for the same.
        task = min(
            free,
            key=lambda t: (
                not trainers.has(t),
                others[t.cell.backbone],
                random.random() if others_met else 0,
            ),
        )
        failed = _run(context, task, trainers)
        if failed is None:
            busy.add(task.key)
            others_met = True
            others[task.cell.backbone] += 1
        else:
            failures += failed
            left.remove(task)
            context.report(CellEnded(cell=task.name, task=task.key))
    return failures


def _run(context: WorkerContext, task: Task, trainers: Trainers) -> list[str] | None:
    """Bring a cell or a stage to its planned slots: what failed, or None where another worker has it."""
    from fer_bench.runner.cell import run_cell
    from fer_bench.runner.stage import run_stage

    context.report(CellBegun(cell=task.name, stage=isinstance(task, StageTask)))
    build = partial(trainers.of, task)
    if isinstance(task, StageTask):
        return run_stage(context, task, build)
    return run_cell(context, task, build)


class TrainerAtHand:
    """The compiled backbone at hand; another one takes its place, and its memory."""

    def __init__(self, data: TrialData) -> None:
        self._data = data
        self._key: tuple[str, str] | None = None
        self._trainer: Trainer | None = None

    def has(self, task: Task) -> bool:
        """Whether a task's backbone and recipe are those at hand."""
        return self._key == (task.cell.backbone, task.cell.recipe_hash)

    def of(self, task: Task) -> Trainer:
        """Trainer for a task's backbone and recipe."""
        from fer_bench.backbones.base import BACKBONES
        from fer_bench.training.backend import forget
        from fer_bench.training.trainer import Trainer

        if self._trainer is None or not self.has(task):
            self._trainer = None
            forget()
            backbone, data = BACKBONES[task.cell.backbone](), self._data
            self._key = (task.cell.backbone, task.cell.recipe_hash)
            self._trainer = Trainer(
                backbone, task.cell.recipe, data.pixels, len(data.classes), task.weights.path
            )
        return self._trainer
