"""What a run will do, before anything trains: cells, data, weights, effective priors, cost."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from fer_bench.data.images import FaceImages
from fer_bench.datasets.base import Dataset, dataset_available, find_dataset
from fer_bench.environment import gpu
from fer_bench.errors import UserError
from fer_bench.study.file import read_study
from fer_bench.study.keep import Keep
from fer_bench.study.precision import decide
from fer_bench.study.recipe import Recipe
from fer_bench.study.resolve import recipe_names, resolve
from fer_bench.study.spec import StudySpec
from fer_bench.study.task import StageTask, Task, make_tasks
from fer_bench.study.variants import UsedImages, Variant, variants
from fer_bench.study.views import views
from fer_bench.study.votes import check_votes
from fer_bench.study.weights import find_all_weights


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
    variant: Variant = field(default_factory=Variant)  # what is done to the training split

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
        """Name of the MLflow experiment: study, recipe, dataset, budget, training set."""
        parts = self.study, self.recipe_name, self.spec.dataset, self.budget, self.variant.suffix
        return "-".join(part for part in parts if part)

    @property
    def part(self) -> str:
        """Which part of its study it is, for people: its recipe and training set; "" where it is all."""
        recipe = f"recipe {self.recipe_name}" if self.recipe_name else ""
        return ", ".join(filter(None, (recipe, self.variant.words)))

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
            **self.variant.tags,
            "shared_phases": _shared_phases(self.spec.recipe),
            "trials": str(self.trials),
            "test_twins": str(self.twins),
            "val_twins": str(self.val_twins),
            "notes": "; ".join(note.replace(";", ",") for note in self.notes),
            "selects_on_test": str(self.selects_on_test).lower(),
            "honest_ceiling": str(self.honest_ceiling or ""),
        }


def make_plans(study: str, *, recipe_name: str | None = None, **options: Any) -> list[Plan]:
    """A plan for each recipe of a study, or for the one named, and in it for each training set it lists.

    Options and errors are those of `make_plan`.
    """
    if recipe_name == "":
        raise UserError("--recipe: expected the name of one of the study's recipes, got ''")
    names = recipe_names(read_study(study)[1]) if recipe_name is None else (recipe_name,)
    return [plan for name in names for plan in _plans(study, recipe_name=name, **options)]


def make_plan(study: str, **options: Any) -> Plan:
    """The plan of a study, or of its recipe `recipe_name`; nothing is trained or written.

    Options are `dataset`, `budget` and keys of the study, such as split, where None leaves the file's;
    `imbalance_ratio` and `label_noise`, which take this one of the training sets; and fields of the plan.
    Raises UserError for whatever makes a run impossible, and where the study lists several training sets.
    """
    plans = _plans(study, **options)
    if len(plans) > 1:
        words = "; ".join(plan.variant.words for plan in plans)
        raise UserError(f"{study} lists several training sets: {words}; take one")
    return plans[0]


def _plans(
    study: str,
    *,
    recipe_name: str = "",
    dataset: str | None = None,
    budget: str | None = None,
    mlruns: Path = Path("mlruns"),
    storage: str | None = None,
    keep_weights: Keep = "one",
    may_download: bool = True,
    imbalance_ratio: float | None = None,
    label_noise: float | None = None,
    **overrides: object,
) -> list[Plan]:
    """Read and check a study, its data and its weights: a plan for each training set of one recipe."""
    name, content = read_study(study)
    dataset, budget, why = _choose(content, dataset, budget)
    spec = resolve(content, budget, recipe_name, dataset=dataset, **overrides)
    dataset_entry, images = _open(spec)
    used = [variant.use(images, spec) for variant in variants(spec, images, imbalance_ratio, label_noise)]
    check_votes(images, spec.recipe, noise=any(each.variant.noise for each in used))
    cells, precision = decide(spec)
    weights = find_all_weights(spec, may_download)
    make = partial(
        Plan,
        study=name,
        recipe_name=recipe_name,
        budget=budget or "",
        spec=spec,
        mlruns=mlruns,
        storage=storage,
        keep_weights=keep_weights,
        fingerprint=images.fingerprint,
        source=images.source,
        notes=(*images.notes, *spec.own_recipes, *_of_views(spec.recipe)),
        honest_ceiling=dataset_entry.honest_ceiling,
        why=why,
        precision=precision,
    )
    return [_plan(make, each, *make_tasks(spec, cells, images, each, weights)) for each in used]


def _plan(
    make: Callable[..., Plan], used: UsedImages, tasks: tuple[Task, ...], stages: tuple[StageTask, ...]
) -> Plan:
    parts = used.parts
    near = 0 if parts.near_dedup is None else int(np.count_nonzero(~parts.near_dedup))
    return make(
        tasks=tasks,
        stages=stages,
        images=(len(parts.train), len(parts.val), len(parts.test)),
        selects_on_test=parts.selects_on_test,
        twins=int(np.count_nonzero(~parts.dedup)),
        near_twins=near,
        val_twins=parts.val_twins,
        variant=used.variant,
    )


def _open(spec: StudySpec) -> tuple[Dataset, FaceImages]:
    entry = find_dataset(spec.dataset)
    if not entry.available():
        raise UserError(f"dataset {spec.dataset!r} isn't imported: {entry.how}; or --dataset synthetic")
    return entry, entry.load()


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


def _of_views(recipe: Recipe) -> tuple[str, ...]:
    """A line on what scores over several views of an image cost."""
    number = len(views(recipe.test_views, recipe.image_size))
    if number == 1:
        return ()
    return (f"scores are of {number} views of each image: so a prediction takes {number} times as long",)


def _shared_phases(recipe: Recipe) -> str:
    """What the shared phases of a recipe are, for boards and people; "" without any."""
    shared = recipe.phases[: recipe.shared_phases]
    return " + ".join(f"{phase.epochs} epochs {phase.label}" for phase in shared)
