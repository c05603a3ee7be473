"""One cell, slot by slot: tune, then repeat; whatever is finished is never done again."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fer_bench import provenance
from fer_bench.errors import UserError
from fer_bench.learner import Learner
from fer_bench.metrics import classification_report, collapsed, per_class, scores
from fer_bench.plan import Plan, Task
from fer_bench.recovery import MOST_ATTEMPTS, Kind, Ledger, Result
from fer_bench.search import Book, as_used, best, draw
from fer_bench.strategies.base import Strategy
from fer_bench.study import derive_seed
from fer_bench.tracking import Tracker, safe_name
from fer_bench.trial import Outcome, TrialData, run_trial

Report = Callable[..., None]
State = Literal["done", "busy", "failed"]


@dataclass
class Bench:
    """What all cells of a worker share: the plan, the images, the stores, and whom to tell."""

    plan: Plan
    data: TrialData
    tracker: Tracker
    book: Book
    report: Report
    failures: list[str] = field(default_factory=list)


def work_cell(bench: Bench, task: Task, learner: Callable[[], Learner]) -> State:
    """Bring a cell to its planned trials and repeats; "busy" where another worker has it."""
    with Ledger(bench.plan.results, task.key).claim() as mine:
        if not mine:
            return "busy"
        cell = CellWork(bench, task, learner)
        cell.reconcile()
        for slot in range(bench.plan.trials):
            history = cell.ledger.results("trial")
            if slot not in history:
                cell.fill("trial", slot, draw(task.cell, task.shared_key, slot, history))
        chosen = best(cell.ledger.results("trial"), bench.plan.trials)
        if chosen is None:
            bench.failures.append(f"{task.cell.name}: no trial could be scored")
            return "failed"
        cell.retire(chosen.parameters)
        repeats = cell.ledger.results("repeat")
        for slot in range(bench.plan.repeats):
            done = repeats.get(slot)
            if done is None or done.parameters != chosen.parameters:
                cell.fill("repeat", slot, chosen.parameters)
        cell.keep_weights(chosen.parameters)
        return "done"


class CellWork:
    """The slots of one claimed cell."""

    def __init__(self, bench: Bench, task: Task, learner: Callable[[], Learner]) -> None:
        self.bench, self.task, self.learner = bench, task, learner
        self.ledger = Ledger(bench.plan.results, task.key)

    def reconcile(self) -> None:
        """Bring the books up to date with the result files; runs that nobody works on become KILLED."""
        counted = self.bench.tracker.counted(self.task.key)
        trials, repeats = self.ledger.results("trial"), self.ledger.results("repeat")
        chosen = best(trials, self.bench.plan.trials)
        current = [r for r in repeats.values() if chosen and r.parameters == chosen.parameters]
        for result in [*trials.values(), *current]:
            if counted.get((result.kind, result.slot), (0, ""))[0] != result.attempt:
                self.enter(result)
        for run in self.bench.tracker.open_runs(self.task.key):
            self.bench.tracker.end(run, "KILLED")

    def retire(self, parameters: dict[str, float]) -> None:
        """Let repeats of other parameters no longer count: another trial has become the best."""
        repeats = self.ledger.results("repeat")
        for (kind, slot), (_, run) in self.bench.tracker.counted(self.task.key).items():
            if kind == "repeat" and (slot not in repeats or repeats[slot].parameters != parameters):
                self.bench.tracker.discount(run)

    def fill(self, kind: Kind, slot: int, parameters: dict[str, float]) -> None:
        """Train one slot, up to three times if it is killed; what raises is recorded and spends the slot."""
        task, bench = self.task, self.bench
        seed = derive_seed(task.shared_key, kind, slot)
        spent = self.ledger.lost(kind, slot) >= MOST_ATTEMPTS
        attempt = self.ledger.begin(kind, slot)
        bench.report("slot", cell=task.cell.name, kind=kind, slot=slot)
        with self._run(kind, slot, attempt, seed, parameters) as run_id:
            result = Result(task.key, kind, slot, attempt, seed, parameters, "complete", run_id, time.time())
            result.origin = self._origin()
            try:
                if spent:
                    raise RuntimeError(f"killed {MOST_ATTEMPTS} times, not tried again")
                self._train(result, seed)
            except UserError:
                raise
            except Exception as error:  # a plug-in's bug, or no memory: the study goes on
                result.status, result.error = "failed", f"{type(error).__name__}: {error}"
                bench.failures.append(f"{task.cell.name} {kind} {slot}: {result.error}")
            result.finished = time.time()
            self.ledger.save(result)
        self.enter(result)
        shown = {key: value for key, value in result.scores.items() if key.count("/") == 1}
        bench.report(
            "result", cell=task.cell.name, kind=kind, slot=slot, status=result.status, error=result.error,
            seconds=result.finished - result.started, **shown,
        )  # fmt: skip

    @contextlib.contextmanager
    def _run(
        self, kind: Kind, slot: int, attempt: int, seed: int, parameters: dict[str, float]
    ) -> Iterator[str]:
        """A run that is marked KILLED when the user interrupts it."""
        tags = {**self._tags(kind, slot, attempt), "seed": str(seed)}
        run_id = self.bench.tracker.start(self._name(kind, slot), tags, self._parameters(parameters))
        try:
            yield run_id
        except BaseException:
            self.ledger.withdraw(kind, slot, attempt)
            self.bench.tracker.end(run_id, "KILLED")
            raise

    def _train(self, result: Result, seed: int) -> None:
        bench, data = self.bench, self.bench.data
        strategy, settings = as_used(self.task.cell, result.parameters)
        learner = self.learner()
        recipe = learner.recipe
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
            learner, strategy, settings, seed, data, test=result.kind == "repeat", on_epoch=on_epoch
        )
        result.facts = {
            "best_epoch": outcome.best_epoch,
            "steps": outcome.steps,
            "train_seconds": outcome.train_seconds,
            "setup_seconds": outcome.setup_seconds,
            "images_per_second": outcome.images_per_second,
            "peak_memory_mib": outcome.peak_memory_mib,
            "parameters": learner.parameters,
        }
        self._score(result, strategy, outcome)
        if result.kind == "repeat" and bench.plan.keep_weights != "none":
            learner.net.whole.save_weights(self._weights_file(result))

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

    def enter(self, result: Result) -> None:
        """Enter a result into Optuna and MLflow, so that it counts; a second time changes nothing."""
        bench, tracker = self.bench, self.bench.tracker
        if result.kind == "trial":
            bench.book.add(bench.plan.experiment, self.task.cell, self.task.key, result)
        run_id = result.run_id
        if not tracker.has(run_id):  # trained under another study, or its run was deleted
            tags = {**self._tags(result.kind, result.slot, result.attempt), "seed": str(result.seed)}
            run_id = tracker.start(
                self._name(result.kind, result.slot), tags, self._parameters(result.parameters)
            )
        before = tracker.counted(self.task.key).get((result.kind, result.slot))
        if before and before[1] != run_id:
            tracker.discount(before[1])
        with tempfile.TemporaryDirectory() as folder:
            tables, files = self._artifacts(result, Path(folder)) if result.arrays else ({}, {})
            tracker.book(run_id, result, tables, files)

    def _artifacts(self, result: Result, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        """Per-class table and predictions of any run; report and figures of a repeat."""
        classes = self.bench.data.classes
        name = "test" if "test_logits" in result.arrays else "val"
        labels, predicted = result.arrays[f"{name}_labels"], result.arrays[f"{name}_predicted"]
        predictions = folder / "predictions.npz"
        np.savez_compressed(predictions, allow_pickle=False, classes=np.array(classes), **result.arrays)
        files: dict[str, Any] = {"predictions.npz": predictions}
        if result.kind == "repeat":
            from fer_bench import figures

            report = classification_report(labels, predicted, classes)
            files["classification_report.txt"] = report
            files["confusion_matrix.png"] = figures.confusion_matrix(labels, predicted, classes)
            files["curves.png"] = figures.curves(
                result.history, [p.label for p in self.task.cell.recipe.phases]
            )
        one_hot = np.eye(len(classes), dtype="float32")[predicted]
        return {"per_class.json": per_class(labels, one_hot, classes)}, files

    def keep_weights(self, parameters: dict[str, float]) -> None:
        """Move the weights of the median repeat (or of all) into their runs; the others go."""
        repeats = [r for r in self.ledger.results("repeat").values() if r.status == "complete"]
        repeats = sorted((r for r in repeats if r.parameters == parameters), key=lambda r: r.value)
        kept = repeats if self.bench.plan.keep_weights == "all" else repeats[(len(repeats) - 1) // 2 :][:1]
        for result in repeats:
            path = self._weights_file(result)
            if path.is_file():
                if result in kept and self.bench.tracker.has(result.run_id):
                    self.bench.tracker.attach(result.run_id, path)
                path.unlink()

    def _weights_file(self, result: Result) -> Path:
        return self.ledger.folder / f"repeat-{result.slot:03}-{result.attempt}.weights.h5"

    def _name(self, kind: Kind, slot: int) -> str:
        """Name of a run, what differs most first: MLflow cuts it."""
        return f"{self.task.cell.strategy} {kind} {slot} {self.task.cell.backbone}"

    def _tags(self, kind: Kind, slot: int, attempt: int) -> dict[str, str]:
        cell = self.task.cell
        own = {"backbone": cell.backbone, "strategy": cell.strategy, "recipe": cell.recipe_hash}
        where = {"cell": self.task.key, "kind": kind, "slot": str(slot), "attempt": str(attempt)}
        return {**self.bench.plan.tags, **own, **where}

    def _origin(self) -> dict[str, str]:
        weights = self.task.weights
        return {
            "commit": provenance.commit(),
            "versions": json.dumps(provenance.versions()),
            "device": provenance.device(),
            "threads": str(os.cpu_count()),
            "weights": weights.origin,
            "weights_hash": weights.sha256[:16],
            "shared_key": self.task.shared_key,
            "warnings": "; ".join(self.task.warnings),
            "effective_prior": json.dumps(self.task.effective_prior),
        }

    def _parameters(self, parameters: dict[str, float]) -> dict[str, Any]:
        """All parameters as used, those of the recipe and those of strategy and search."""
        strategy, settings = as_used(self.task.cell, parameters)
        recipe = self.task.cell.recipe.model_dump(mode="json")
        named = {
            f"recipe.{key}": json.dumps(v) if isinstance(v, (dict, list)) else v for key, v in recipe.items()
        }
        own = {f"{self.task.cell.strategy}.{key}": value for key, value in vars(strategy).items()}
        return {**named, **settings.model_dump(), **own}
