"""Rough cost of a cell, extrapolated from measurements on two cores."""

from __future__ import annotations

import os

from fer_bench.backbones.base import BACKBONES
from fer_bench.environment import gpu
from fer_bench.study.spec import Cell

MANY_HOURS = 3.0  # a plan that is longer is confirmed before it runs
FROZEN, PARTLY = 0.3, 0.45  # cost of a step with the trunk frozen, or partly so, relative to a whole one


def estimate_hours(cell: Cell, train: int, val: int, test: int, trials: int, repeats: int) -> float:
    """Rough hours for a cell on this machine, with so many images, trials and repeats."""
    recipe = cell.recipe
    image = BACKBONES[cell.backbone].seconds_per_megapixel * recipe.image_size**2 / 1e6
    forward = image * FROZEN
    per_training = 0.0
    for phase in recipe.phases:
        share = {"head": FROZEN, "all": 1.0}.get(phase.label, PARTLY)
        if phase.trainable == "head" and recipe.augmentation is None:
            trunks = 1 if recipe.weights == "none" else 1 / (trials + repeats)  # features are shared
            per_training += (train + val) * forward * trunks + 2e-5 * train * phase.epochs
        else:
            per_training += phase.epochs * (train * image * share + val * forward)
    seconds = (trials + repeats) * per_training + repeats * test * forward
    if gpu()[0]:
        return seconds / 60 / 3600
    return seconds * 2 / max(os.cpu_count() or 2, 1) / 3600
