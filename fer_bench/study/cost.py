"""Rough cost of a cell, extrapolated from measurements on two cores."""

from __future__ import annotations

import os

from fer_bench.backbones.base import BACKBONES
from fer_bench.environment import gpu
from fer_bench.strategies.base import STRATEGIES, overrides
from fer_bench.study.spec import Cell
from fer_bench.study.views import views

MANY_HOURS = 3.0  # a plan that is longer is confirmed before it runs
SECONDS_PER_ROW = 2e-5  # of a step on cached features
MAKING = 1.1  # seconds for each megapixel of training images: an autoencoder's training, codes and images
FROZEN, PARTLY = 0.3, 0.45  # cost of a step with the trunk frozen, or partly so, relative to a whole one


def estimate_hours(
    cell: Cell, train: int, val: int, test: int, trials: int, repeats: int, pixels: int = 48 * 48
) -> float:
    """Rough hours for a cell on this machine, with so many images, of `pixels` each, trials and repeats."""
    recipe, trainings = cell.recipe, trials + repeats
    own, forward = recipe.own_phases, _seconds_per_image(cell) * FROZEN
    per_training = sum(_phase_seconds(cell, phase, train, val) for phase in own)
    seconds = trainings * per_training
    if not (recipe.shared_phases and recipe.frozen(own[-1])):
        seconds += repeats * test * forward
    if not (recipe.shared_phases and recipe.frozen(own[-1])):
        seconds += _views_seconds(cell, val, test, trials, repeats)
    if recipe.frozen(own.start) and not recipe.shared_phases:  # features of a trunk are computed once
        trunks = min(trials, 1) + repeats if recipe.weights == "none" else 1  # trials share a seed
        seconds += trunks * (train + val) * forward
    if overrides(STRATEGIES[cell.strategy], "image_counts"):
        seconds += (min(trials, 1) + repeats) * MAKING * train * pixels / 1e6
    return _on_this_machine(seconds)


def estimate_stage_hours(cell: Cell, train: int, val: int, test: int) -> float:
    """Rough hours for the shared phases of a cell's backbone, with one seed, and the features behind them."""
    recipe = cell.recipe
    seconds = sum(_phase_seconds(cell, phase, train, val) for phase in range(recipe.shared_phases))
    if recipe.frozen(recipe.own_phases.start):
        seconds += (train + val + test) * _seconds_per_image(cell) * FROZEN
    seconds += _views_seconds(cell, val, test, 1, 1)
    return _on_this_machine(seconds)


def _views_seconds(cell: Cell, val: int, test: int, trials: int, repeats: int) -> float:
    """Seconds for the recipe's test views; features of a frozen trunk are computed once."""
    recipe = cell.recipe
    number = len(views(recipe.test_views, recipe.image_size))
    if number == 1:
        return 0.0
    once = recipe.frozen(recipe.own_phases[-1])
    images = val + test if once else (trials + repeats) * val + repeats * test
    return number * images * _seconds_per_image(cell) * FROZEN


def _phase_seconds(cell: Cell, phase: int, train: int, val: int) -> float:
    recipe, image = cell.recipe, _seconds_per_image(cell)
    epochs, label = recipe.phases[phase].epochs, recipe.phases[phase].label
    if recipe.frozen(phase):
        return SECONDS_PER_ROW * train * epochs
    share = {"head": FROZEN, "all": 1.0}.get(label, PARTLY)
    return epochs * (train * image * share + val * image * FROZEN)


def _seconds_per_image(cell: Cell) -> float:
    """Seconds of a training step for one image, the whole trunk trained, on two cores."""
    return BACKBONES[cell.backbone].seconds_per_megapixel * cell.recipe.image_size**2 / 1e6


def _on_this_machine(seconds: float) -> float:
    """Hours on this machine, from seconds on two cores."""
    if gpu()[0]:
        return seconds / 60 / 3600
    return seconds * 2 / max(os.cpu_count() or 2, 1) / 3600
