"""Rough cost of a cell, from what two cores were measured to need."""

from __future__ import annotations

import os

from fer_bench.backbones.base import BACKBONES
from fer_bench.environment import gpu
from fer_bench.study.recipe import Recipe
from fer_bench.study.spec import Cell

MANY_HOURS = 3.0  # a plan longer than this wants a yes


FROZEN, PARTLY = 0.3, 0.45  # cost of a step with the trunk frozen, or partly so, over that of a whole one


def estimate_hours(cell: Cell, train: int, val: int, test: int, trials: int, repeats: int) -> float:
    """Rough hours for a cell on this machine's processor, from what two cores were measured to need."""
    recipe: Recipe = cell.recipe
    image = BACKBONES[cell.backbone].seconds_per_megapixel * recipe.image_size**2 / 1e6
    look = image * FROZEN
    per_training = 0.0
    for phase in recipe.phases:
        share = {"head": FROZEN, "all": 1.0}.get(phase.label, PARTLY)
        if phase.trainable == "head" and recipe.augmentation is None:
            trunks = 1 if recipe.weights == "none" else 1 / (trials + repeats)  # features are shared
            per_training += (train + val) * look * trunks + 2e-5 * train * phase.epochs
        else:
            per_training += phase.epochs * (train * image * share + val * look)
    seconds = (trials + repeats) * per_training + repeats * test * look
    if gpu()[0]:
        return seconds / 60 / 3600
    return seconds * 2 / max(os.cpu_count() or 2, 1) / 3600
