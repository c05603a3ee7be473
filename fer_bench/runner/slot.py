"""One slot of a locked cell or stage: train it, score it, keep what came out, and say how it went."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fer_bench import environment
from fer_bench.backbones.base import BACKBONES
from fer_bench.data.splits import scored_parts
from fer_bench.data.trial_data import TrialData
from fer_bench.errors import UserError
from fer_bench.evaluation.metrics import collapsed, scores
from fer_bench.hashing import derive_seed, file_digest
from fer_bench.runner.context import WorkerContext
from fer_bench.runner.events import EpochEnded, SlotBegun, SlotEnded
from fer_bench.storage.locks import StillHeld
from fer_bench.storage.records import safe_name
from fer_bench.storage.result_files import MOST_ATTEMPTS, Kind, Result
from fer_bench.storage.slot_store import SlotStore
from fer_bench.storage.stage_store import HASH, FinishedStage
from fer_bench.strategies.base import Strategy, overrides
from fer_bench.study.spec import as_used
from fer_bench.study.task import Task

if TYPE_CHECKING:
    from fer_bench.training.checkpoint import Checkpoint
    from fer_bench.training.outcome import Outcome, Row
    from fer_bench.training.trainer import Trainer

FOLDS = 5  # in which decisions are cross-fitted
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class LockLost(Exception):
    """The lock's connection has gone: another worker may have the cell by now."""


@dataclass(frozen=True)
class LockedTask:
    """A cell or a stage that this worker has the lock of.

    `trainer` is asked for only when it is needed, as it may have to be built.
    """

    context: WorkerContext
    task: Task
    store: SlotStore
    trainer: Callable[[], Trainer]
    still_held: StillHeld = lambda: True

    def spent(self, result: Result | None) -> bool:
        """Whether a slot with this result is not to be trained again."""
        if result is None:
            return False
        again = self.context.plan.retry_failed and result.finished < self.context.begun
        return result.status == "complete" or not again

    def fill(
        self,
        kind: Kind,
        slot: int,
        parameters: dict[str, float],
        stage: FinishedStage | None = None,
        seed_of: int | None = None,
    ) -> None:
        """Train one slot, from its stage if any, with the seed of slot `seed_of` or its own; keep its result.

        One that was killed three times is failed untrained.
        """
        task, store = self.task, self.store
        # A stage has the seed of the repeat that goes on from it.
        seed = derive_seed(
            task.seed_key, "repeat" if kind == "stage" else kind, slot if seed_of is None else seed_of
        )
        killed_too_often = store.lost(kind, slot) >= MOST_ATTEMPTS
        self.context.report(SlotBegun(cell=task.name, kind=kind, slot=slot))
        with store.attempt(kind, slot, seed, parameters) as begun:
            result = train_slot(self, begun, stage, killed_too_often)
            store.save(result)
        if not self.still_held():
            raise LockLost
        store.enter(result)
        self.context.report(
            SlotEnded(
                cell=task.name,
                kind=kind,
                slot=slot,
                status=result.status,
                seconds=result.finished - result.started,
                error=result.error,
                scores={key: value for key, value in result.scores.items() if key.count("/") == 1},
            )
        )


def train_slot(
    locked: LockedTask, begun: Result, stage: FinishedStage | None = None, killed_too_often: bool = False
) -> Result:
    """Train and score an attempt that has begun; what raises is in its result, and spends the slot.

    A UserError and a full disk are raised: they are no fault of the trial's.
    """
    context, store = locked.context, locked.store
    history: list[Row] = []
    origin: dict[str, str] = {}
    try:
        strategy, settings = as_used(locked.task.cell, begun.parameters)
        origin = store.origin(strategy, settings)
        if killed_too_often:
            raise RuntimeError(
                f"killed {MOST_ATTEMPTS} times without an epoch finished between, not tried again"
            )
        if stage and stage.error:
            raise RuntimeError(f"its stage {stage.slot} failed: {stage.error}")
        if stage:
            origin |= {"stage": stage.key, HASH: stage.sha256}
        ready = locked.trainer()
        outcome = context.train(
            ready, strategy, settings, begun.seed, context.data,
            stage=ready.stages.read(stage.key, stage.weights, stage.check) if stage else None,
            test=begun.kind == "repeat", on_epoch=_epoch_logger(context, store, ready, begun, history),
            checkpoint=_checkpoint(locked, begun, origin, strategy),
        )  # fmt: skip
        numbers, arrays, alarms = score(context.data, strategy, outcome)
        facts = _facts(outcome, ready)
        if begun.kind == "stage" or (begun.kind == "repeat" and context.plan.keep_weights != "none"):
            ready.net.whole.save_weights(store.weights_file(begun))
        if begun.kind == "stage":
            origin[HASH] = file_digest(store.weights_file(begun))
        if stage:
            facts["shared_seconds"] = stage.seconds
        result = replace(begun, scores=numbers, arrays=arrays, facts=facts, origin=origin | alarms)
    except Exception as error:  # a plug-in's bug, or no memory: the study goes on
        if isinstance(error, UserError) or _no_room(error):
            raise
        result = replace(begun, status="failed", error=f"{type(error).__name__}: {error}", origin=origin)
    return replace(result, history=history, finished=time.time())


def _epoch_logger(
    context: WorkerContext, store: SlotStore, trainer: Trainer, begun: Result, history: list[Row]
) -> Callable[[Row], None]:
    """Function that notes an epoch's row in the history, in the database and for whoever watches."""
    recipe = trainer.recipe
    epochs = recipe.epochs if begun.kind != "stage" else recipe.epochs_of(range(recipe.shared_phases))
    images = len(context.data.train) // recipe.batch_size * recipe.batch_size

    def on_epoch(row: Row) -> None:
        history.append(row)
        store.log_epoch(begun, len(history), row)
        context.report(
            EpochEnded(
                epoch=len(history),
                epochs=epochs,
                macro_f1=row["val/macro_f1"],
                images_per_second=images / row["seconds"],
            )
        )

    return on_epoch


def _checkpoint(locked: LockedTask, begun: Result, origin: dict[str, str], strategy: Strategy) -> Checkpoint:
    """Where the training is saved, for whoever would train the same on such a machine with the same code."""
    from fer_bench.training.checkpoint import Checkpoint

    attempt = {name: getattr(begun, name) for name in ("cell", "kind", "slot", "seed", "parameters")}
    origins = {name: origin.get(name, "") for name in ("commit", "versions", "device", HASH)}
    code = environment.code(type(strategy).__module__, BACKBONES[locked.task.cell.backbone].__module__)
    identity = {**attempt, **origins, "code": code}
    return Checkpoint(locked.store.checkpoint_file(begun), identity, locked.context.checkpoint_seconds)


def _facts(outcome: Outcome, trainer: Trainer) -> dict[str, float]:
    """What a training cost, for the columns of the leaderboard."""
    return {
        "best_epoch": outcome.best_epoch,
        "steps": outcome.steps,
        "train_seconds": outcome.train_seconds,
        "setup_seconds": outcome.setup_seconds,
        **({"views_seconds": outcome.views_seconds} if trainer.recipe.test_views else {}),
        "images_per_second": outcome.images_per_second,
        "peak_memory_mib": outcome.peak_memory_mib,
        "parameters": trainer.net.parameters,
    }


def score(
    data: TrialData, strategy: Strategy, outcome: Outcome
) -> tuple[dict[str, float], dict[str, np.ndarray], dict[str, str]]:
    """Numbers by name, arrays to keep, and alarms, of validation and (for a repeat) of test.

    Test is scored as it is, without the images that are also in train or val (`test_dedup`), and without
    near-duplicates of these (`test_near_dedup`).
    """
    numbers: dict[str, float] = {}
    arrays = {"antialias": np.array(True)}  # where images are made smaller; older results have none
    alarms: dict[str, str] = {}
    counts = data.class_counts
    adjusted = strategy.adjust_logits(outcome.val_logits, counts)
    subsets = [("val", data.val, outcome.val_logits, adjusted)]
    if outcome.test_logits is not None:
        adjusted_test = strategy.adjust_logits(outcome.test_logits, counts)
        subsets.append(("test", data.test, outcome.test_logits, adjusted_test))
        arrays |= {"test_groups": data.groups[data.test], "test_dedup": data.dedup}
        arrays |= {} if data.near_dedup is None else {"test_near_dedup": data.near_dedup}
        arrays |= data.attributes.arrays() if data.attributes else {}
    if outcome.made_images is not None:
        arrays["made_images"] = outcome.made_images
    offsets = np.zeros((len(data.val) + 1, len(data.classes)), "float32")
    if overrides(type(strategy), "fit_decision"):
        offsets = cross_fitted(strategy, adjusted, data.labels[data.val], counts)
        arrays["decision_offset"] = offsets[-1]
    for subset, index, logits, decided in subsets:
        labels = data.labels[index]
        decided = decided + (offsets[:-1] if subset == "val" else offsets[-1])
        arrays |= {
            f"{subset}_logits": logits,
            f"{subset}_labels": labels,
            f"{subset}_ids": data.ids[index],
            f"{subset}_predicted": decided.argmax(axis=1).astype("int32"),
        }
        masks = scored_parts(data) if subset == "test" else {subset: np.ones(len(index), bool)}
        for name, mask in masks.items():
            if mask.any():
                values = scores(labels[mask], decided[mask], data.classes)
                numbers |= {safe_name(f"{name}/{metric}"): value for metric, value in values.items()}
        if collapsed(decided):
            alarms["alarms"] = f"collapsed: one predicted class on {subset}"
    return numbers, arrays, alarms


def cross_fitted(
    strategy: Strategy, logits: np.ndarray, labels: np.ndarray, class_counts: np.ndarray
) -> np.ndarray:
    """Offsets (n, K) float32 of each image of validation, fitted on the others' folds, and as the last row,
    (n + 1, K), those fitted on all, which decide elsewhere.

    `logits` (n, K) are adjusted ones. Each class is spread evenly over FOLDS folds, in order.
    """
    place = np.empty(len(labels), int)
    for label in np.unique(labels):
        of_class = np.flatnonzero(labels == label)
        place[of_class] = np.arange(len(of_class))
    fold = place % FOLDS
    offsets = np.empty((len(labels) + 1, logits.shape[1]), "float32")
    offsets[-1] = strategy.fit_decision(logits, labels, class_counts)
    for each in np.unique(fold):
        rest = fold != each
        offsets[:-1][~rest] = strategy.fit_decision(logits[rest], labels[rest], class_counts)
    return offsets


def _no_room(error: Exception) -> bool:
    """Whether it is the disk's fault rather than the trial's; libraries say so in errors of their own."""
    return any(os.strerror(code) in str(error) for code in NO_ROOM)
