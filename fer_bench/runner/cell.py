"""One cell, slot by slot: tune, then repeat; whatever is finished is never done again."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np

from fer_bench.errors import UserError
from fer_bench.evaluation.metrics import collapsed, scores
from fer_bench.hashing import derive_seed
from fer_bench.runner.context import WorkerContext
from fer_bench.runner.search import draw
from fer_bench.storage.cell_store import CellStore
from fer_bench.storage.claims import Held, claim
from fer_bench.storage.mlflow_client import safe_name
from fer_bench.storage.result_files import MOST_ATTEMPTS, Kind, Result, ResultFiles, best
from fer_bench.strategies.base import Strategy
from fer_bench.study.plan import Task
from fer_bench.study.spec import as_used
from fer_bench.training.outcome import Outcome
from fer_bench.training.trainer import Trainer
from fer_bench.training.trial import run_trial

State = Literal["done", "busy"]
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class ClaimLost(Exception):
    """The claim's connection has gone: another worker may have the cell by now."""


def work_cell(bench: WorkerContext, task: Task, trainer: Callable[[], Trainer]) -> State:
    """Bring a cell to its planned trials and repeats; "busy" where another worker has it."""
    with claim(bench.plan.results, bench.plan.storage, task.key) as held:
        if held is None:
            return "busy"
        cell = CellRunner(bench, task, trainer, held)
        cell.books.reconcile()
        try:
            cell.work()
        except ClaimLost:
            return "busy"
        cell.books.close_orphans()
    return "done"


class CellRunner:
    """The slots of one claimed cell."""

    def __init__(self, bench: WorkerContext, task: Task, trainer: Callable[[], Trainer], held: Held) -> None:
        self.bench, self.task, self.trainer, self.held = bench, task, trainer, held
        self.ledger = ResultFiles(bench.plan.results, task.key)
        self.books = CellStore(bench, task)

    def work(self) -> None:
        """Fill what is missing: trials, then repeats of the best one."""
        plan = self.bench.plan
        for slot in range(plan.trials):
            history = self.ledger.results("trial")
            if not self._filled(history.get(slot)):
                self.fill("trial", slot, draw(self.task.cell, self.task.shared_key, slot, history))
        trials = self.ledger.results("trial")
        chosen = best(trials, plan.trials)
        if chosen:
            self.books.settle(chosen.parameters)
            repeats = self.ledger.results("repeat")
            for slot in range(plan.repeats):
                done = repeats.get(slot)
                if not self._filled(done) or (done and done.parameters != chosen.parameters):
                    self.fill("repeat", slot, chosen.parameters)
            self.books.keep_weights(chosen.parameters)
        self._note_failures(chosen)

    def _filled(self, result: Result | None) -> bool:
        if result is None:
            return False
        again = self.bench.plan.retry_failed and result.finished < self.bench.begun
        return result.status == "complete" or not again

    def _note_failures(self, chosen: Result | None) -> None:
        name, plan = self.task.cell.name, self.bench.plan
        results = [r for slot, r in self.ledger.results("trial").items() if slot < plan.trials]
        if chosen:
            repeats = self.ledger.results("repeat").items()
            results += [r for s, r in repeats if s < plan.repeats and r.parameters == chosen.parameters]
        failed = [r for r in results if r.status == "failed"]
        self.bench.failures += [f"{name} {r.kind} {r.slot}: {r.error}" for r in failed]
        if not chosen:
            self.bench.failures.append(f"{name}: no trial could be scored")

    def fill(self, kind: Kind, slot: int, parameters: dict[str, float]) -> None:
        """Train one slot, up to three times if it is killed; what raises is recorded and spends the slot."""
        task, bench = self.task, self.bench
        seed = derive_seed(task.shared_key, kind, slot)
        spent = self.ledger.lost(kind, slot) >= MOST_ATTEMPTS
        attempt = self.ledger.begin(kind, slot)
        bench.report("slot", cell=task.cell.name, kind=kind, slot=slot)
        with self._run(kind, slot, attempt, seed, parameters) as run_id:
            result = Result(task.key, kind, slot, attempt, seed, parameters, "complete", run_id, time.time())
            try:
                result.origin = self.books.origin(*as_used(task.cell, parameters))
                if spent:
                    raise RuntimeError(f"killed {MOST_ATTEMPTS} times, not tried again")
                self._train(result, seed)
            except Exception as error:  # a plug-in's bug, or no memory: the study goes on
                if isinstance(error, UserError) or _no_room(error):
                    raise
                result.status, result.error = "failed", f"{type(error).__name__}: {error}"
            result.finished = time.time()
            self.ledger.save(result)
        if not self.held():
            raise ClaimLost
        self.books.enter(result)
        shown = {key: value for key, value in result.scores.items() if key.count("/") == 1}
        bench.report(
            "result", cell=task.cell.name, kind=kind, slot=slot, status=result.status, error=result.error,
            seconds=result.finished - result.started, **shown,
        )  # fmt: skip

    @contextlib.contextmanager
    def _run(
        self, kind: Kind, slot: int, attempt: int, seed: int, parameters: dict[str, float]
    ) -> Iterator[str]:
        """A run that is marked KILLED, and an attempt taken back, when it is given up in good order."""
        run_id = ""
        try:
            run_id = self.books.begin(kind, slot, attempt, seed, parameters)
            yield run_id
        except BaseException:
            self.ledger.withdraw(kind, slot, attempt)
            if run_id:
                with contextlib.suppress(Exception):
                    self.bench.tracker.end(run_id, "KILLED")
            raise

    def _train(self, result: Result, seed: int) -> None:
        bench, data = self.bench, self.bench.data
        strategy, settings = as_used(self.task.cell, result.parameters)
        trainer = self.trainer()
        recipe = trainer.recipe
        images = len(data.train) // recipe.batch_size * recipe.batch_size

        def on_epoch(row: dict[str, float]) -> None:
            row["time"] = time.time()
            result.history.append(row)
            # A store that is away for a moment costs no trial: the result brings all epochs again.
            with contextlib.suppress(Exception):
                bench.tracker.log_epoch(result.run_id, len(result.history), row)
            bench.report(
                "epoch", epoch=len(result.history), epochs=recipe.epochs, score=row["val/macro_f1"],
                rate=images / row["seconds"],
            )  # fmt: skip

        outcome = run_trial(
            trainer, strategy, settings, seed, data, test=result.kind == "repeat", on_epoch=on_epoch
        )
        result.facts = {
            "best_epoch": outcome.best_epoch,
            "steps": outcome.steps,
            "train_seconds": outcome.train_seconds,
            "setup_seconds": outcome.setup_seconds,
            "images_per_second": outcome.images_per_second,
            "peak_memory_mib": outcome.peak_memory_mib,
            "parameters": trainer.parameters,
        }
        self._score(result, strategy, outcome)
        if result.kind == "repeat" and bench.plan.keep_weights != "none":
            trainer.net.whole.save_weights(self.books.weights_file(result))

    def _score(self, result: Result, strategy: Strategy, outcome: Outcome) -> None:
        """Named numbers of validation and, for a repeat, of test as it is and deduplicated."""
        data = self.bench.data
        counts = np.bincount(data.labels[data.train], minlength=len(data.classes))
        parts = [("val", data.val, outcome.val_logits)]
        if outcome.test_logits is not None:
            parts.append(("test", data.test, outcome.test_logits))
        for name, index, logits in parts:
            labels, decided = data.labels[index], strategy.adjust_logits(logits, counts)
            result.arrays |= {
                f"{name}_logits": logits,
                f"{name}_labels": labels,
                f"{name}_ids": data.ids[index],
                f"{name}_predicted": decided.argmax(axis=1).astype("int32"),
            }
            masks = {name: np.ones(len(index), bool)}
            if name == "test":
                result.arrays |= {"test_groups": data.groups[index], "test_dedup": data.dedup}
                masks["test_dedup"] = data.dedup
            for key, mask in masks.items():
                if not mask.any():
                    continue
                found = scores(labels[mask], decided[mask], data.classes)
                result.scores |= {safe_name(f"{key}/{metric}"): value for metric, value in found.items()}
            if collapsed(decided):
                result.origin["alarms"] = f"collapsed: one predicted class on {name}"


def _no_room(error: Exception) -> bool:
    """Whether it is the disk's fault rather than the trial's; libraries tell of it in errors of theirs."""
    return any(os.strerror(code) in str(error) for code in NO_ROOM)
