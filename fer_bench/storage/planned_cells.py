"""The plan as an experiment carries it, so that a leaderboard knows the cells that have not begun."""

from __future__ import annotations

import json
from collections.abc import Mapping

from fer_bench.storage.tracking import Tracker
from fer_bench.study.plan import Plan
from fer_bench.study.spec import UNTUNED
from fer_bench.study.task import Task


def describe_plan(plan: Plan, tracker: Tracker) -> None:
    """Write the planned cells into the experiment; those of other splits and backbones stay there."""
    planned = {task.key: _line(plan, task) for task in plan.tasks}
    replaced = {tuple(line.split(" ")[:2]) for line in planned.values()}
    description, repeats = tracker.description(), str(plan.repeats)
    before: dict[str, str] = json.loads(description.get("cells", "{}"))
    others = {key: line for key, line in before.items() if tuple(line.split(" ")[:2]) not in replaced}
    # How many repeats were planned for those that don't say it themselves: they are older than this tag.
    first = description.get("first_repeats") or description.get("repeats") or repeats
    cells = {"cells": json.dumps(others | planned)}
    tracker.describe({**plan.tags, **cells, "repeats": repeats, "first_repeats": first})


def _line(plan: Plan, task: Task) -> str:
    cell = task.cell
    words = f"{cell.backbone}/{cell.strategy}", plan.spec.split, cell.recipe_hash, plan.tags["images"]
    return " ".join(words if cell.tuned else (*words, "defaults"))


def planned_cells(description: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Tags of each planned cell by its key, from what `describe_plan` wrote into an experiment."""
    lines: dict[str, str] = json.loads(description.get("cells", "{}"))
    return {key: {**description, **_cell_tags(line)} for key, line in lines.items()}


def _cell_tags(line: str) -> dict[str, str]:
    name, split, recipe, *more = line.split(" ")
    backbone, strategy = name.split("/")
    tags = {"backbone": backbone, "strategy": strategy, "recipe": recipe, "split": split}
    if more[1:]:
        tags |= {"strategy": strategy + UNTUNED, "trials": "0"}
    return {**tags, "images": more[0]} if more else tags
