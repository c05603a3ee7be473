"""What a plan consists of: cells, and the stages that they go on from, with what their numbers depend on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from fer_bench.backbones.pretrained import Weights
from fer_bench.data.images import FaceImages
from fer_bench.data.splits import groups_digest
from fer_bench.hashing import digest
from fer_bench.strategies.base import STRATEGIES
from fer_bench.study.cost import estimate_hours, estimate_stage_hours
from fer_bench.study.prior import assess
from fer_bench.study.recipe import settings
from fer_bench.study.spec import Cell, StudySpec
from fer_bench.study.variants import UsedImages
from fer_bench.study.votes import votes_key


@dataclass(frozen=True)
class Task:
    """One cell of a plan, with what its numbers depend on."""

    cell: Cell
    key: str
    shared_key: str
    weights: Weights
    effective_prior: dict[str, float]
    warnings: tuple[str, ...]
    hours: float
    stages: tuple[str, ...] = ()
    """Keys of the stages that its trainings go on from, by repeat; trials go on from the first."""
    stage_key: str = ""
    trials: int = 0

    @property
    def name(self) -> str:
        """For people: backbone/strategy."""
        return self.cell.name

    @property
    def seed_key(self) -> str:
        """What seeds are derived from: the same for all strategies of a backbone, and for its stages."""
        return self.stage_key or self.shared_key


@dataclass(frozen=True)
class StageTask(Task):
    """The shared phases of a backbone with one seed, trained by `none` for all strategies."""

    slot: int = 0

    @property
    def name(self) -> str:
        """For people: the backbone."""
        return self.cell.backbone


def make_tasks(
    spec: StudySpec, cells: list[Cell], images: FaceImages, used: UsedImages, weights: dict[str, Weights]
) -> tuple[tuple[Task, ...], tuple[StageTask, ...]]:
    """The cells, and the stages that they go on from."""
    parts, labels, classes = used.parts, used.labels[used.parts.train], images.classes
    data_key = _data_key(spec, images, used)
    recipe, votes = spec.recipe, None if images.votes is None else images.votes[parts.train]
    of_data = labels, classes, recipe, settings(recipe), votes
    priors = {name: assess(STRATEGIES[name](), *of_data) for name in spec.strategies}
    sizes = len(parts.train), len(parts.val), len(parts.test)
    tasks: list[Task] = []
    stages: dict[str, tuple[StageTask, ...]] = {}  # by backbone
    for cell in cells:
        of_trunk = weights[cell.backbone]
        key, shared_key = (key(data_key, of_trunk.sha256) for key in (cell.key, cell.shared_key))
        trials = spec.trials if cell.tuned else 0
        hours = estimate_hours(cell, *sizes, trials, spec.repeats, images.pixels[0, ..., 0].size)
        task = Task(cell, key, shared_key, of_trunk, *priors[cell.strategy], hours, trials=trials)
        if recipe.shared_phases:
            if cell.backbone not in stages:
                natural = assess(STRATEGIES["none"](), *of_data)
                stage_key = cell.stage_key(data_key, of_trunk.sha256)
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


def _data_key(spec: StudySpec, images: FaceImages, used: UsedImages) -> dict[str, Any]:
    """What of the data decides a cell's numbers: images, split, and what is done to its training part."""
    key: dict[str, Any] = {
        "fingerprint": images.fingerprint,
        "split": spec.split,
        "images": list(spec.samples),
    }
    if groups := groups_digest(images, spec.split):
        key["groups"] = groups
    return key | used.variant.key | votes_key(images, spec.recipe)
