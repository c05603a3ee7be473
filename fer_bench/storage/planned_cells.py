"""The plan as an experiment carries it, so that a leaderboard knows the cells that have not begun."""

from __future__ import annotations

import json
from collections.abc import Mapping

from fer_bench.storage.tracking import Tracker
from fer_bench.study.plan import Plan


def describe_plan(plan: Plan, tracker: Tracker) -> None:
    """Write the planned cells into the experiment; those of other splits and backbones stay there."""
    images = plan.tags["images"]
    planned = {t.key: f"{t.cell.name} {plan.spec.split} {t.cell.recipe_hash} {images}" for t in plan.tasks}
    replaced = {tuple(line.split(" ")[:2]) for line in planned.values()}
    description, repeats = tracker.description(), str(plan.repeats)
    before: dict[str, str] = json.loads(description.get("cells", "{}"))
    others = {key: line for key, line in before.items() if tuple(line.split(" ")[:2]) not in replaced}
    # How many repeats were planned for those that don't say it themselves: they are older than this tag.
    first = description.get("first_repeats") or description.get("repeats") or repeats
    cells = {"cells": json.dumps(others | planned)}
    tracker.describe({**plan.tags, **cells, "repeats": repeats, "first_repeats": first})


def planned_cells(description: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Tags of each planned cell by its key, from what `describe_plan` wrote into an experiment."""
    lines: dict[str, str] = json.loads(description.get("cells", "{}"))
    return {key: {**description, **_cell_tags(line)} for key, line in lines.items()}


def _cell_tags(line: str) -> dict[str, str]:
    name, split, recipe, *images = line.split(" ")
    backbone, strategy = name.split("/")
    tags = {"backbone": backbone, "strategy": strategy, "recipe": recipe, "split": split}
    return {**tags, "images": images[0]} if images else tags
