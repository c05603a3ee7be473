"""One cell, slot by slot: tune, then repeat; whatever is finished is never done again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fer_bench.hashing import derive_seed
from fer_bench.runner.context import WorkerContext
from fer_bench.runner.events import SlotBegun, SlotEnded
from fer_bench.runner.search import draw
from fer_bench.runner.slot import train_slot
from fer_bench.storage.cell_store import CellStore
from fer_bench.storage.locks import StillHeld, cell_lock
from fer_bench.storage.result_files import MOST_ATTEMPTS, Kind, Result, best
from fer_bench.study.plan import Task

if TYPE_CHECKING:
    from fer_bench.training.trainer import Trainer


class LockLost(Exception):
    """The lock's connection has gone: another worker may have the cell by now."""


def run_cell(context: WorkerContext, task: Task, trainer: Callable[[], Trainer]) -> list[str] | None:
    """Bring a cell to its planned trials and repeats; what failed, or None where another worker has it."""
    with cell_lock(context.plan.results, context.plan.storage, task.key) as still_held:
        if still_held is None:
            return None
        store = CellStore(context.plan, task, context.data, context.stores)
        store.reconcile()
        try:
            failures = CellRunner(context, task, store, trainer, still_held).run()
        except LockLost:
            return None
        store.close_orphans()
    return failures


class CellRunner:
    """The slots of one locked cell."""

    def __init__(
        self,
        context: WorkerContext,
        task: Task,
        store: CellStore,
        trainer: Callable[[], Trainer],
        still_held: StillHeld = lambda: True,
    ) -> None:
        self._context, self._plan, self._task = context, context.plan, task
        self._store, self._trainer, self._still_held = store, trainer, still_held

    def run(self) -> list[str]:
        """Fill the slots that are missing: trials, then repeats of the best one; what failed, a line each."""
        for slot in range(self._plan.trials):
            history = self._store.results("trial")
            if not self._spent(history.get(slot)):
                parameters = draw(self._task.cell, self._task.shared_key, slot, history)
                self.fill("trial", slot, parameters)
        chosen = best(self._store.results("trial"), self._plan.trials)
        if chosen:
            self._repeat(chosen.parameters)
        return self._failures(chosen)

    def _repeat(self, parameters: dict[str, float]) -> None:
        self._store.settle(parameters)
        repeats = self._store.results("repeat")
        for slot in range(self._plan.repeats):
            result = repeats.get(slot)
            if not self._spent(result) or (result and result.parameters != parameters):
                self.fill("repeat", slot, parameters)
        self._store.keep_weights(parameters)

    def _spent(self, result: Result | None) -> bool:
        """Whether a slot with this result is not to be trained again."""
        if result is None:
            return False
        again = self._plan.retry_failed and result.finished < self._context.begun
        return result.status == "complete" or not again

    def _failures(self, chosen: Result | None) -> list[str]:
        name = self._task.cell.name
        results = [r for slot, r in self._store.results("trial").items() if slot < self._plan.trials]
        if chosen:
            repeats = self._store.results("repeat").items()
            current = (r for slot, r in repeats if slot < self._plan.repeats)
            results += [r for r in current if r.parameters == chosen.parameters]
        failures = [f"{name} {r.kind} {r.slot}: {r.error}" for r in results if r.status == "failed"]
        return failures if chosen else [*failures, f"{name}: no trial could be scored"]

    def fill(self, kind: Kind, slot: int, parameters: dict[str, float]) -> None:
        """Train one slot and keep its result; one that was killed three times is failed untrained."""
        task, store = self._task, self._store
        seed = derive_seed(task.shared_key, kind, slot)
        killed_too_often = store.lost(kind, slot) >= MOST_ATTEMPTS
        self._context.report(SlotBegun(cell=task.cell.name, kind=kind, slot=slot))
        with store.attempt(kind, slot, seed, parameters) as begun:
            result = train_slot(self._context, task, store, self._trainer, begun, killed_too_often)
            store.save(result)
        if not self._still_held():
            raise LockLost
        store.enter(result)
        self._context.report(
            SlotEnded(
                cell=task.cell.name,
                kind=kind,
                slot=slot,
                status=result.status,
                seconds=result.finished - result.started,
                error=result.error,
                scores={key: value for key, value in result.scores.items() if key.count("/") == 1},
            )
        )
