"""What a run will do, before anything trains: cells, data, weights, effective priors, cost."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from fer_bench.backbones.pretrained import MissingWeights, Weights, find_weights
from fer_bench.data.images import FaceImages
from fer_bench.data.splits import Split, groups_digest, split
from fer_bench.datasets.base import Dataset, dataset_available, find_dataset
from fer_bench.environment import gpu
from fer_bench.errors import UserError
from fer_bench.hashing import digest
from fer_bench.strategies.base import STRATEGIES
from fer_bench.study.cost import estimate_hours, estimate_stage_hours
from fer_bench.study.file import read_study
from fer_bench.study.keep import Keep
from fer_bench.study.precision import decide
from fer_bench.study.prior import assess
from fer_bench.study.recipe import Recipe, settings
from fer_bench.study.resolve import recipe_names, resolve
from fer_bench.study.spec import Cell, StudySpec
from fer_bench.study.task import StageTask, Task


@dataclass(frozen=True)
class Plan:
    """A study with its data, cells and stores; plain data, which worker processes are given."""

    study: str
    recipe_name: str  # "" where the study has but one recipe
    budget: str
    spec: StudySpec
    tasks: tuple[Task, ...]
    mlruns: Path
    storage: str | None
    keep_weights: Keep
    fingerprint: str
    source: str
    images: tuple[int, int, int]
    notes: tuple[str, ...]
    honest_ceiling: float | None
    selects_on_test: bool
    twins: int  # test images that are identical to a training or validation image
    val_twins: int  # validation images that are identical to a training image
    why: str = field(default="")
    precision: str = ""  # what the recipe's `auto` is for each backbone, in words
    retry_failed: bool = False
    stages: tuple[StageTask, ...] = ()
    near_twins: int = 0  # test images with a near-duplicate there; 0 where these were not looked for

    @property
    def trials(self) -> int:
        """Trials per cell that is tuned."""
        return self.spec.trials

    @property
    def repeats(self) -> int:
        """Repeats per cell."""
        return self.spec.repeats

    @property
    def steps(self) -> int:
        """Most steps that a training takes."""
        return self.images[0] // self.spec.recipe.batch_size * self.spec.recipe.epochs

    @property
    def experiment(self) -> str:
        """Name of the MLflow experiment: study, recipe, dataset, budget."""
        parts = self.study, self.recipe_name, self.spec.dataset, self.budget
        return "-".join(part for part in parts if part)

    @property
    def results(self) -> Path:
        """Folder of the result files."""
        return self.mlruns / "results"

    @property
    def hours(self) -> float:
        """Estimated hours in all, each stage counted once."""
        return sum(task.hours for task in (*self.stages, *self.tasks))

    @property
    def slots(self) -> int:
        """Trainings in all: stages, trials and repeats."""
        return len(self.stages) + sum(task.trials + self.repeats for task in self.tasks)

    @cached_property
    def tags(self) -> dict[str, str]:
        """Tags of every run of the plan: its board, trials to select from, what is wrong with the data."""
        return {
            "study": self.study,
            "recipe_name": self.recipe_name,
            "reported": json.dumps(self.spec.reported) if self.spec.reported else "",
            "dataset": self.spec.dataset,
            "data_fingerprint": self.fingerprint,
            "split": self.spec.split,
            "budget": self.budget,
            "images": "/".join(map(str, self.images)),
            "shared_phases": _shared_phases(self.spec.recipe),
            "trials": str(self.trials),
            "test_twins": str(self.twins),
            "val_twins": str(self.val_twins),
            "notes": "; ".join(note.replace(";", ",") for note in self.notes),
            "selects_on_test": str(self.selects_on_test).lower(),
            "honest_ceiling": str(self.honest_ceiling or ""),
        }


def make_plans(study: str, *, recipe_name: str | None = None, **options: Any) -> list[Plan]:
    """A plan for each recipe of a study, or for the one named; options and errors as of `make_plan`."""
    if recipe_name == "":
        raise UserError("--recipe: expected the name of one of the study's recipes, got ''")
    names = recipe_names(read_study(study)[1]) if recipe_name is None else (recipe_name,)
    return [make_plan(study, recipe_name=name, **options) for name in names]


def make_plan(
    study: str,
    *,
    recipe_name: str = "",
    dataset: str | None = None,
    budget: str | None = None,
    mlruns: Path = Path("mlruns"),
    storage: str | None = None,
    keep_weights: Keep = "one",
    may_download: bool = True,
    **overrides: object,
) -> Plan:
    """Read and check a study, its data and its weights; nothing is trained or written.

    `overrides` are keys of the study, such as split; None leaves the file's. Raises UserError for whatever
    makes a run impossible.
    """
    name, content = read_study(study)
    dataset, budget, why = _choose(content, dataset, budget)
    spec = resolve(content, budget, recipe_name, dataset=dataset, **overrides)
    dataset_entry, images, parts = _open(spec)
    cells, precision = decide(spec)
    tasks, stages = _tasks(spec, cells, images, parts, _weights(spec, may_download))
    return Plan(
        study=name,
        recipe_name=recipe_name,
        budget=budget or "",
        spec=spec,
        tasks=tasks,
        stages=stages,
        mlruns=mlruns,
        storage=storage,
        keep_weights=keep_weights,
        fingerprint=images.fingerprint,
        source=images.source,
        images=(len(parts.train), len(parts.val), len(parts.test)),
        notes=images.notes,
        honest_ceiling=dataset_entry.honest_ceiling,
        selects_on_test=parts.selects_on_test,
        **_duplicates(parts),
        why=why,
        precision=precision,
    )


def _duplicates(parts: Split) -> dict[str, Any]:
    """How many images the plan warns of: fields of Plan."""
    near = 0 if parts.near_dedup is None else int(np.count_nonzero(~parts.near_dedup))
    twins = int(np.count_nonzero(~parts.dedup))
    return {"twins": twins, "near_twins": near, "val_twins": parts.val_twins}


def _open(spec: StudySpec) -> tuple[Dataset, FaceImages, Split]:
    entry = find_dataset(spec.dataset)
    if not entry.available():
        raise UserError(f"dataset {spec.dataset!r} isn't imported: {entry.how}; or --dataset synthetic")
    images = entry.load()
    parts = split(images, spec.split, *spec.samples)
    if len(parts.train) < (batch := spec.recipe.batch_size):
        raise UserError(f"{len(parts.train)} training images are fewer than a batch of {batch}")
    return entry, images, parts


def _choose(
    content: dict[str, Any], dataset: str | None, budget: str | None
) -> tuple[str | None, str | None, str]:
    """Dataset and budget, chosen where the user names none, and a line that says why."""
    budgets = content.get("budgets") or {}
    wanted = dataset or str(content.get("dataset", "fer2013"))
    if budget is not None or not isinstance(budgets, dict) or not budgets:
        return dataset, budget, ""
    if dataset is None and not dataset_available(wanted):
        quick = "quick" if "quick" in budgets else None
        return "synthetic", quick, (
            f"{wanted} is not imported: running on built-in synthetic faces"
            f"{' with budget quick' if quick else ''}, which says nothing about real ones. "
            f"To import it: {find_dataset(wanted).how}"
        )  # fmt: skip
    if wanted == "synthetic":
        fitting, reason = "quick", "the faces are synthetic"
    else:
        usable, reason = gpu()
        fitting = "full" if usable else "hour"
    if fitting not in budgets:
        return dataset, None, ""
    others = ", ".join(b for b in budgets if b != fitting)
    return dataset, fitting, f"budget {fitting}, as {reason} (others: {others})"


def _shared_phases(recipe: Recipe) -> str:
    """What the shared phases of a recipe are, for boards and people; "" without any."""
    shared = recipe.phases[: recipe.shared_phases]
    return " + ".join(f"{phase.epochs} epochs {phase.label}" for phase in shared)


def _tasks(
    spec: StudySpec, cells: list[Cell], images: FaceImages, parts: Split, weights: dict[str, Weights]
) -> tuple[tuple[Task, ...], tuple[StageTask, ...]]:
    """The cells, and the stages that they go on from."""
    labels, classes = np.asarray(images.labels[parts.train]), images.classes
    data = {"fingerprint": images.fingerprint, "split": spec.split, "images": list(spec.samples)}
    if groups := groups_digest(images, spec.split):
        data["groups"] = groups
    recipe, defaults = spec.recipe, settings(spec.recipe)
    priors = {name: assess(STRATEGIES[name](), labels, classes, recipe, defaults) for name in spec.strategies}
    sizes = len(parts.train), len(parts.val), len(parts.test)
    tasks: list[Task] = []
    stages: dict[str, tuple[StageTask, ...]] = {}  # by backbone
    for cell in cells:
        of_trunk = weights[cell.backbone]
        key, shared_key = (key(data, of_trunk.sha256) for key in (cell.key, cell.shared_key))
        trials = spec.trials if cell.tuned else 0
        hours = estimate_hours(cell, *sizes, trials, spec.repeats)
        task = Task(cell, key, shared_key, of_trunk, *priors[cell.strategy], hours, trials=trials)
        if recipe.shared_phases:
            if cell.backbone not in stages:
                natural = assess(STRATEGIES["none"](), labels, classes, recipe, defaults)
                stage_key = cell.stage_key(data, of_trunk.sha256)
                stages[cell.backbone] = tuple(
                    StageTask(
                        Cell(cell.backbone, "none", cell.recipe, {}),
                        digest([stage_key, slot]),
                        shared_key,
                        of_trunk,
                        *natural,
                        estimate_stage_hours(cell, *sizes),
                        stage_key=stage_key,
                        slot=slot,
                    )
                    for slot in range(spec.repeats)
                )
            of_backbone = stages[cell.backbone]
            keys = tuple(stage.key for stage in of_backbone)
            task = replace(task, stages=keys, stage_key=of_backbone[0].stage_key)
        tasks.append(task)
    return tuple(tasks), tuple(stage for each in stages.values() for stage in each)


def _weights(spec: StudySpec, may_download: bool) -> dict[str, Weights]:
    """Weights of every backbone; one UserError for all that are missing, with what to type instead."""
    weights: dict[str, Weights] = {}
    missing: dict[str, list[str]] = {}
    for name in spec.backbones:
        try:
            weights[name] = find_weights(name, spec.recipe.weights, may_download)
        except MissingWeights as error:
            missing.setdefault(str(error), []).append(name)
    if missing:
        lines = [f"{', '.join(names)}: {reason}" for reason, names in missing.items()]
        hint = [f"without them: --backbones {','.join(weights)}"] if weights else []
        raise UserError("\n".join(lines + hint))
    return weights
