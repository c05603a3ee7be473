"""What the stores hold of a cell: Optuna's trials and MLflow's runs, brought up to date from result files."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fer_bench import environment
from fer_bench.evaluation.metrics import classification_report, per_class
from fer_bench.files import atomic
from fer_bench.runner.context import WorkerContext
from fer_bench.storage.result_files import Kind, Result, ResultFiles, best, write_result
from fer_bench.strategies.base import Strategy
from fer_bench.study.plan import Task
from fer_bench.study.prior import assess
from fer_bench.study.recipe import Settings, settings
from fer_bench.study.spec import as_used

RESULT = "predictions.npz"  # a run's copy of its result file


class CellStore:
    """The books of one claimed cell. Whatever is done here may be done again: it changes nothing then."""

    def __init__(self, bench: WorkerContext, task: Task) -> None:
        self.bench, self.task = bench, task
        self.ledger = ResultFiles(bench.plan.results, task.key)

    def reconcile(self) -> None:
        """Have here and in the stores what is in one of them; runs that nobody works on become KILLED."""
        self.ledger.tidy()
        self._fetch()
        counted = self.bench.tracker.counted(self.task.key)
        trials, repeats = self.ledger.results("trial"), self.ledger.results("repeat")
        self.bench.book.add(self.bench.plan.experiment, self.task.cell, self.task.key, trials.values())
        chosen = best(trials, self.bench.plan.trials)
        current = [r for r in repeats.values() if chosen and r.parameters == chosen.parameters]
        for result in [*trials.values(), *current]:
            if counted.get((result.kind, result.slot), (0, ""))[0] < result.attempt:
                whole = self.ledger.whole(result)
                if whole:
                    self.enter(whole)
        self.close_orphans()

    def _fetch(self) -> None:
        """Copy results that count in the store and aren't here: made on another machine, or deleted here."""
        here = {kind: self.ledger.results(kind) for kind in ("trial", "repeat")}
        for (kind, slot), (_, run) in self.bench.tracker.counted(self.task.key).items():
            if slot in here[kind]:
                continue
            with tempfile.TemporaryDirectory() as folder:
                file = self.bench.tracker.fetch(run, RESULT, Path(folder))
                if file:
                    self.ledger.adopt(file)

    def close_orphans(self) -> None:
        """End the cell's open runs: whoever began them is gone."""
        for run in self.bench.tracker.open_runs().get(self.task.key, []):
            self.bench.tracker.end(run, "KILLED")

    def settle(self, parameters: dict[str, float]) -> None:
        """Let repeats of other parameters no longer count, and note of the others what they won against."""
        repeats, tracker = self.ledger.results("repeat"), self.bench.tracker
        for (kind, slot), (_, run) in tracker.counted(self.task.key).items():
            if kind != "repeat":
                continue
            if slot in repeats and repeats[slot].parameters == parameters:
                tracker.tag(run, "trials", str(self.bench.plan.trials))
            else:
                tracker.discount(run)

    def begin(self, kind: Kind, slot: int, attempt: int, seed: int, parameters: dict[str, float]) -> str:
        """Begin a run; its id."""
        cell = self.task.cell
        own = {"backbone": cell.backbone, "strategy": cell.strategy, "recipe": cell.recipe_hash}
        where = {"cell": self.task.key, "kind": kind, "slot": str(slot), "attempt": str(attempt)}
        tags = {**self.bench.plan.tags, **own, **where, "seed": str(seed)}
        # What differs most comes first in the name: MLflow cuts it.
        name = f"{cell.strategy} {kind} {slot} {cell.backbone}"
        return self.bench.tracker.start(name, tags, self._parameters(parameters))

    def enter(self, result: Result) -> None:
        """Enter a result into Optuna and MLflow, so that it counts, alone of its slot."""
        bench, tracker = self.bench, self.bench.tracker
        if result.kind == "trial":
            bench.book.add(bench.plan.experiment, self.task.cell, self.task.key, [result])
        run_id = result.run_id
        if not tracker.has(run_id):  # trained under another study, or its run was deleted
            self._bring_back(result)
            run_id = self.begin(result.kind, result.slot, result.attempt, result.seed, result.parameters)
        before = tracker.counted(self.task.key).get((result.kind, result.slot))
        if before and before[1] != run_id:
            tracker.discount(before[1])
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / RESULT
            write_result(replace(result, arrays={**result.arrays, **self._about_the_data()}), copy)
            tables, files = self._artifacts(result) if result.arrays else ({}, {})
            tracker.book(run_id, result, tables, {**files, RESULT: copy})

    def _bring_back(self, result: Result) -> None:
        """Copy weights that were kept with a run of before to where `keep_weights` finds them."""
        fresh = self.weights_file(result)
        run = self.bench.plan.mlruns / "artifacts" / self.bench.plan.experiment / result.run_id
        kept = run / "artifacts" / fresh.name
        if kept.is_file():
            with atomic(fresh) as temporary:
                shutil.copyfile(kept, temporary)

    def _about_the_data(self) -> dict[str, np.ndarray]:
        """What a run's predictions can be understood by, and its net be rebuilt from, without the data."""
        data = self.bench.data
        return {
            "classes": np.array(data.classes),
            "class_counts": np.bincount(data.labels[data.train], minlength=len(data.classes)),
            "image_shape": np.array(data.pixels.shape[1:]),
        }

    def _artifacts(self, result: Result) -> tuple[dict[str, Any], dict[str, Any]]:
        """Per-class table of any run; report and figures of a repeat."""
        classes = self.bench.data.classes
        name = "test" if "test_logits" in result.arrays else "val"
        labels, predicted = result.arrays[f"{name}_labels"], result.arrays[f"{name}_predicted"]
        files: dict[str, Any] = {}
        if result.kind == "repeat":
            from fer_bench.evaluation import figures

            report = classification_report(labels, predicted, classes)
            files["classification_report.txt"] = report
            files["confusion_matrix.png"] = figures.confusion_matrix(labels, predicted, classes)
            files["curves.png"] = figures.curves(
                result.history, [p.label for p in self.task.cell.recipe.phases]
            )
        one_hot = np.eye(len(classes), dtype="float32")[predicted]
        return {"per_class.json": per_class(labels, one_hot, classes)}, files

    def keep_weights(self, parameters: dict[str, float]) -> None:
        """Move the weights of the median repeat (or of all) into their runs; the others go.

        Where repeats were added and the file of the new median is gone, those kept before stay.
        """
        repeats = [r for r in self.ledger.results("repeat").values() if r.status == "complete"]
        mine = (r for r in repeats if r.parameters == parameters)
        repeats = sorted(mine, key=lambda r: (r.value, r.slot))
        kept = repeats if self.bench.plan.keep_weights == "all" else repeats[(len(repeats) - 1) // 2 :][:1]
        runs = self.bench.tracker.counted(self.task.key)
        for result in repeats:
            path = self.weights_file(result)
            if path.is_file():
                if result in kept and ("repeat", result.slot) in runs:
                    self.bench.tracker.attach(runs["repeat", result.slot][1], path)
                path.unlink()

    def weights_file(self, result: Result) -> Path:
        """Where a repeat leaves its weights until they are kept or not."""
        return self.ledger.folder / f"repeat-{result.slot:03}-{result.attempt}.weights.h5"

    def origin(self, strategy: Strategy, used: Settings) -> dict[str, str]:
        """What a result's numbers hang on, and what the strategy as drawn does to the classes."""
        weights, data = self.task.weights, self.bench.data
        labels, recipe = data.labels[data.train], self.task.cell.recipe
        prior, warnings = self.task.effective_prior, self.task.warnings
        if (strategy, used) != (type(strategy)(), settings(recipe)):
            prior, warnings = assess(strategy, labels, data.classes, recipe, used)
        return {
            "commit": environment.commit(),
            "versions": json.dumps(environment.versions()),
            "device": environment.device(),
            "threads": str(os.cpu_count()),
            "weights": weights.origin,
            "weights_hash": weights.sha256[:16],
            "shared_key": self.task.shared_key,
            "warnings": "; ".join(warnings),
            "effective_prior": json.dumps(prior),
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


def close_orphans(bench: WorkerContext, claim: Callable[[str], Any]) -> None:
    """End open runs of cells that are no longer planned and that nobody works on."""
    planned = {task.key for task in bench.plan.tasks}
    for cell, runs in bench.tracker.open_runs().items():
        if cell in planned:
            continue
        with claim(cell) as held:
            for run in runs if held else []:
                bench.tracker.end(run, "KILLED")
