"""What a run in MLflow says of a result: its name, tags, parameters, origin, tables and figures."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from fer_bench import environment
from fer_bench.data.trial_data import TrialData
from fer_bench.evaluation.metrics import classification_report, per_class
from fer_bench.storage.result_files import Kind, Result
from fer_bench.strategies.base import Strategy
from fer_bench.study.plan import Plan
from fer_bench.study.prior import assess
from fer_bench.study.recipe import Settings, settings
from fer_bench.study.spec import Cell, as_used
from fer_bench.study.task import Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Table = list[dict[str, object]]


@dataclass(frozen=True)
class Artifacts:
    """Files of a run by their names: tables as rows, texts, and figures."""

    tables: dict[str, Table] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    figures: dict[str, Figure] = field(default_factory=dict)


def run_name(cell: Cell, kind: Kind, slot: int) -> str:
    """Name of a run; what differs most comes first, as MLflow's page cuts it."""
    strategy = "" if kind == "stage" else f"{cell.label} "
    return f"{strategy}{kind} {slot} {cell.backbone}"


def run_tags(plan: Plan, task: Task, kind: Kind, slot: int, attempt: int, seed: int) -> dict[str, str]:
    """Tags of a run from its begin on: the plan's, and which cell, slot and attempt it is."""
    place = {"kind": kind, "slot": str(slot), "attempt": str(attempt), "seed": str(seed)}
    return {**plan.tags, **cell_tags(task), **place}


def cell_tags(task: Task) -> dict[str, str]:
    """Tags of a run that say which cell it is of."""
    cell = task.cell
    names = {"backbone": cell.backbone, "strategy": cell.label, "recipe": cell.recipe_hash}
    return {**names, "cell": task.key, "trials": str(task.trials)}


def run_parameters(cell: Cell, parameters: dict[str, float]) -> dict[str, object]:
    """All parameters as used: those of the recipe, of the search and of the strategy."""
    strategy, used = as_used(cell, parameters)
    recipe = {
        f"recipe.{key}": json.dumps(value) if isinstance(value, (dict, list)) else value
        for key, value in cell.recipe.model_dump(mode="json").items()
    }
    tunable = {f"{cell.strategy}.{key}": value for key, value in vars(strategy).items()}
    return {**recipe, **used.model_dump(), **tunable}


def origin(task: Task, data: TrialData, strategy: Strategy, used: Settings) -> dict[str, str]:
    """Where a result's numbers come from, and what the strategy as drawn does to the classes."""
    recipe, prior, warnings = task.cell.recipe, task.effective_prior, task.warnings
    if (strategy, used) != (type(strategy)(), settings(recipe)):
        votes = None if data.votes is None else data.votes[data.train]
        prior, warnings = assess(strategy, data.labels[data.train], data.classes, recipe, used, votes)
    return {
        "commit": environment.commit(),
        "versions": json.dumps(environment.versions()),
        "device": environment.device(),
        "threads": str(os.cpu_count()),
        "weights": task.weights.origin,
        "weights_hash": task.weights.sha256[:16],
        "shared_key": task.shared_key,
        "warnings": "; ".join(warnings),
        "effective_prior": json.dumps(prior),
    }


def about_the_data(data: TrialData) -> dict[str, np.ndarray]:
    """What it takes to understand a run's predictions, and to build its net again, without the data."""
    return {
        "classes": np.array(data.classes),
        "class_counts": data.class_counts,
        "image_shape": np.array(data.pixels.shape[1:]),
    }


def artifacts(result: Result, cell: Cell, classes: tuple[str, ...]) -> Artifacts:
    """Table of scores per class; of a repeat also a report, the confusion matrix, the curves and made images.

    Nothing for a result without predictions.
    """
    if not result.arrays:
        return Artifacts()
    subset = "test" if "test_logits" in result.arrays else "val"
    labels, predicted = result.arrays[f"{subset}_labels"], result.arrays[f"{subset}_predicted"]
    one_hot = np.eye(len(classes), dtype="float32")[predicted]
    tables = {"per_class.json": per_class(labels, one_hot, classes)}
    if result.kind == "trial":
        return Artifacts(tables)
    from fer_bench.evaluation import figures

    pictures = {
        "confusion_matrix.png": figures.confusion_matrix(labels, predicted, classes),
        "curves.png": figures.curves(result.history, [phase.label for phase in cell.recipe.phases]),
    }
    if "made_images" in result.arrays:
        pictures["made_images.png"] = figures.made_images(result.arrays["made_images"], classes)
    report = classification_report(labels, predicted, classes)
    return Artifacts(tables, {"classification_report.txt": report}, pictures)
