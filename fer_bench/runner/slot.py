"""One slot: train it, score it, and say how it went."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fer_bench import environment
from fer_bench.backbones.base import BACKBONES
from fer_bench.data.trial_data import TrialData
from fer_bench.errors import UserError
from fer_bench.evaluation.metrics import collapsed, scores
from fer_bench.runner.context import WorkerContext
from fer_bench.runner.events import EpochEnded
from fer_bench.storage.cell_store import CellStore
from fer_bench.storage.mlflow_client import safe_name
from fer_bench.storage.result_files import MOST_ATTEMPTS, Result
from fer_bench.strategies.base import Strategy
from fer_bench.study.plan import Task
from fer_bench.study.spec import as_used

if TYPE_CHECKING:
    from fer_bench.training.checkpoint import Checkpoint
    from fer_bench.training.outcome import Outcome, Row
    from fer_bench.training.trainer import Trainer

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def train_slot(
    context: WorkerContext,
    task: Task,
    store: CellStore,
    trainer: Callable[[], Trainer],
    begun: Result,
    killed_too_often: bool = False,
) -> Result:
    """Train and score an attempt that has begun; what raises is in its result, and spends the slot.

    A UserError and a full disk are raised: they are no fault of the trial's. `trainer` is asked for only
    when it is needed, as it may have to be built.
    """
    history: list[Row] = []
    origin: dict[str, str] = {}
    try:
        strategy, settings = as_used(task.cell, begun.parameters)
        origin = store.origin(strategy, settings)
        if killed_too_often:
            raise RuntimeError(
                f"killed {MOST_ATTEMPTS} times without an epoch finished between, not tried again"
            )
        ready = trainer()
        outcome = context.train(
            ready, strategy, settings, begun.seed, context.data,
            test=begun.kind == "repeat", on_epoch=_epoch_logger(context, store, ready, begun, history),
            checkpoint=_checkpoint(context, task, store, begun, origin, strategy),
        )  # fmt: skip
        numbers, arrays, alarms = score(context.data, strategy, outcome)
        if begun.kind == "repeat" and context.plan.keep_weights != "none":
            ready.net.whole.save_weights(store.weights_file(begun))
        facts = _facts(outcome, ready.parameters)
        result = replace(begun, scores=numbers, arrays=arrays, facts=facts, origin=origin | alarms)
    except Exception as error:  # a plug-in's bug, or no memory: the study goes on
        if isinstance(error, UserError) or _no_room(error):
            raise
        result = replace(begun, status="failed", error=f"{type(error).__name__}: {error}", origin=origin)
    return replace(result, history=history, finished=time.time())


def _epoch_logger(
    context: WorkerContext, store: CellStore, trainer: Trainer, begun: Result, history: list[Row]
) -> Callable[[Row], None]:
    """Function that notes an epoch's row in the history, in the database and for whoever watches."""
    recipe = trainer.recipe
    images = len(context.data.train) // recipe.batch_size * recipe.batch_size

    def on_epoch(row: Row) -> None:
        history.append(row)
        store.log_epoch(begun, len(history), row)
        context.report(
            EpochEnded(
                epoch=len(history),
                epochs=recipe.epochs,
                macro_f1=row["val/macro_f1"],
                images_per_second=images / row["seconds"],
            )
        )

    return on_epoch


def _checkpoint(
    context: WorkerContext,
    task: Task,
    store: CellStore,
    begun: Result,
    origin: dict[str, str],
    strategy: Strategy,
) -> Checkpoint:
    """Where the training is saved, for whoever would train the same on such a machine with the same code."""
    from fer_bench.training.checkpoint import Checkpoint

    attempt = {name: getattr(begun, name) for name in ("cell", "kind", "slot", "seed", "parameters")}
    origins = {name: origin[name] for name in ("commit", "versions", "device")}
    code = environment.code(type(strategy).__module__, BACKBONES[task.cell.backbone].__module__)
    identity = {**attempt, **origins, "code": code}
    return Checkpoint(store.checkpoint_file(begun), identity, context.checkpoint_seconds)


def _facts(outcome: Outcome, parameters: int) -> dict[str, float]:
    """What a training cost, for the columns of the leaderboard."""
    return {
        "best_epoch": outcome.best_epoch,
        "steps": outcome.steps,
        "train_seconds": outcome.train_seconds,
        "setup_seconds": outcome.setup_seconds,
        "images_per_second": outcome.images_per_second,
        "peak_memory_mib": outcome.peak_memory_mib,
        "parameters": parameters,
    }


def score(
    data: TrialData, strategy: Strategy, outcome: Outcome
) -> tuple[dict[str, float], dict[str, np.ndarray], dict[str, str]]:
    """Numbers by name, arrays to keep, and alarms, of validation and (for a repeat) of test.

    Test is scored as it is and without the images that are also in train or val (`test_dedup`).
    """
    numbers: dict[str, float] = {}
    arrays: dict[str, np.ndarray] = {}
    alarms: dict[str, str] = {}
    counts = data.class_counts
    subsets = [("val", data.val, outcome.val_logits)]
    if outcome.test_logits is not None:
        subsets.append(("test", data.test, outcome.test_logits))
        arrays |= {"test_groups": data.groups[data.test], "test_dedup": data.dedup}
    for subset, index, logits in subsets:
        labels, decided = data.labels[index], strategy.adjust_logits(logits, counts)
        arrays |= {
            f"{subset}_logits": logits,
            f"{subset}_labels": labels,
            f"{subset}_ids": data.ids[index],
            f"{subset}_predicted": decided.argmax(axis=1).astype("int32"),
        }
        masks = {subset: np.ones(len(index), bool)}
        if subset == "test":
            masks["test_dedup"] = data.dedup
        for name, mask in masks.items():
            if mask.any():
                values = scores(labels[mask], decided[mask], data.classes)
                numbers |= {safe_name(f"{name}/{metric}"): value for metric, value in values.items()}
        if collapsed(decided):
            alarms["alarms"] = f"collapsed: one predicted class on {subset}"
    return numbers, arrays, alarms


def _no_room(error: Exception) -> bool:
    """Whether it is the disk's fault rather than the trial's; libraries say so in errors of their own."""
    return any(os.strerror(code) in str(error) for code in NO_ROOM)
