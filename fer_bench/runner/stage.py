"""One stage: the shared phases of a backbone with one seed, trained once for all cells that go on from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fer_bench.runner.context import WorkerContext
from fer_bench.runner.slot import LockedTask, LockLost
from fer_bench.storage.locks import cell_lock
from fer_bench.storage.stage_store import StageStore
from fer_bench.study.task import StageTask

if TYPE_CHECKING:
    from fer_bench.training.trainer import Trainer


def run_stage(context: WorkerContext, task: StageTask, trainer: Callable[[], Trainer]) -> list[str] | None:
    """Bring a stage to this machine: what failed, or None where another worker has it.

    Where another machine has trained it, it is fetched from MLflow.
    """
    with cell_lock(context.plan.results, context.plan.storage, task.key) as still_held:
        if still_held is None:
            return None
        store = StageStore(context.plan, task, context.data, context.stores)
        store.reconcile(task.slot)
        locked = LockedTask(context, task, store, trainer, still_held)
        try:
            if not locked.spent(store.results("stage").get(task.slot)):
                locked.fill("stage", task.slot, {})
        except LockLost:
            return None
        store.close_orphans()
        result = store.results("stage").get(task.slot)
    failed = result and result.status == "failed"
    return [f"{task.name} stage {task.slot}: {result.error}"] if result and failed else []
