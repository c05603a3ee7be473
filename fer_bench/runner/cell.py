"""One cell, slot by slot: tune, then repeat; whatever is finished is never done again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fer_bench.runner.context import WorkerContext
from fer_bench.runner.search import draw
from fer_bench.runner.slot import LockedTask, LockLost
from fer_bench.storage.cell_store import CellStore
from fer_bench.storage.locks import cell_lock
from fer_bench.storage.stage_store import FinishedStage, finished_stage
from fer_bench.study.task import Task

if TYPE_CHECKING:
    from fer_bench.training.trainer import Trainer


def run_cell(context: WorkerContext, task: Task, trainer: Callable[[], Trainer]) -> list[str] | None:
    """Bring a cell to its planned trials and repeats; what failed, or None where another worker has it.

    The stages that it needs are finished and on this machine.
    """
    with cell_lock(context.plan.results, context.plan.storage, task.key) as still_held:
        if still_held is None:
            return None
        store = CellStore(context.plan, task, context.data, context.stores)
        store.reconcile()
        try:
            failures = CellRunner(LockedTask(context, task, store, trainer, still_held), store).run()
        except LockLost:
            return None
        store.finish()
    return failures


class CellRunner:
    """The slots of one locked cell."""

    def __init__(self, locked: LockedTask, store: CellStore) -> None:
        self._locked, self._store = locked, store
        self._plan, self._task = locked.context.plan, locked.task

    def run(self) -> list[str]:
        """Fill the slots that are missing: trials, then repeats of the best one; what failed, a line each."""
        for slot in range(self._task.trials):
            history = self._store.results("trial")
            if not self._locked.spent(history.get(slot)):
                parameters = draw(self._task.cell, self._task.seed_key, slot, history)
                # One seed for all: the best is the best by its parameters, not by its seed.
                seed_of = slot if self._store.seeds_differ() else 0
                self._locked.fill("trial", slot, parameters, self._stage(0), seed_of)
        chosen = self._store.chosen()
        if chosen is not None:
            self._repeat(chosen)
        return self._failures(chosen)

    def _stage(self, slot: int) -> FinishedStage | None:
        """The stage with the seed of a repeat; trials go on from the first repeat's."""
        if not self._task.stages:
            return None
        return finished_stage(self._plan.results, self._task.stages[slot], slot)

    def _repeat(self, parameters: dict[str, float]) -> None:
        self._store.settle(parameters)
        repeats = self._store.results("repeat")
        for slot in range(self._plan.repeats):
            result = repeats.get(slot)
            if not self._locked.spent(result) or (result and result.parameters != parameters):
                self._locked.fill("repeat", slot, parameters, self._stage(slot))
        self._store.note_seeds()
        self._store.keep_weights(parameters)

    def _failures(self, chosen: dict[str, float] | None) -> list[str]:
        name = self._task.cell.name
        results = [r for slot, r in self._store.results("trial").items() if slot < self._task.trials]
        repeats = self._store.results("repeat").items()
        results += [r for slot, r in repeats if slot < self._plan.repeats and r.parameters == chosen]
        failures = [f"{name} {r.kind} {r.slot}: {r.error}" for r in results if r.status == "failed"]
        return failures if chosen is not None else [*failures, f"{name}: no trial could be scored"]
