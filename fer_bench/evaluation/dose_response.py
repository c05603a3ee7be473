"""How a score or a gain changes with a dose: the slope of a straight line, with its interval.

A dose is what boards differ in by design: the imbalance ratio of their training splits, on a log scale, or
the share of wrong labels. With x_d the doses and g_d what is found at each, the least-squares slope is

    b = sum_d w_d g_d,   w_d = (x_d - mean x) / sum_e (x_e - mean x)^2

The boards have the same test images: an image that suits a net at one dose may suit it at all. So influences
are added with these weights before they are squared. Seeds are others on each board: their variances are
added, with degrees of freedom after Satterthwaite (1946, doi:10.2307/3002019). The interval knows the noise
of images and seeds; that the truth may be no straight line is not in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fer_bench.evaluation.comparisons import Comparisons
from fer_bench.evaluation.intervals import Effect


class AtDose(NamedTuple):
    """What was found at a dose, and the influence (G,) of each group of test images on it."""

    dose: float
    effect: Effect
    influence: np.ndarray


def score_at(dose: float, board: Comparisons, cell: int) -> AtDose:
    """The mean score of a cell of a board, whose dose this is."""
    return AtDose(dose, board.score(cell), board.cells[cell].influence.mean(axis=0))


def gain_at(dose: float, board: Comparisons, cell: int, other: int) -> AtDose | None:
    """The score of a cell less that of another, in the slots that both have; None where there is none."""
    found = board.difference(cell, other)
    if found is None:
        return None
    ours, theirs = board.cells[cell], board.cells[other]
    slots = sorted(set(ours.slots) & set(theirs.slots))
    moved = ours.at(slots)[1].mean(axis=0) - theirs.at(slots)[1].mean(axis=0)
    return AtDose(dose, found, moved)


def slope(points: Sequence[AtDose]) -> Effect:
    """Change per unit of dose, from two or more different doses; raises ValueError for fewer."""
    doses = np.array([point.dose for point in points], float)
    spread = doses - doses.mean()
    if not np.square(spread).sum():
        raise ValueError(f"doses {doses.tolist()} are not two different ones")
    weights = spread / np.square(spread).sum()
    found = np.array([point.effect for point in points], float)
    value, _, unit, ratio, df = found.T
    influence = weights @ np.stack([point.influence for point in points])
    parts = np.square(weights) * unit
    seeds = parts * ratio
    total, uncertain = seeds.sum(), (np.square(seeds) / df).sum()
    return Effect(
        value=float(weights @ value),
        images=float(np.square(influence).sum() + 0 * total),  # NaN where one has but a single seed
        unit=float(parts.sum()),
        ratio=float(total / parts.sum()) if parts.sum() else 1.0,
        df=float(total**2 / uncertain) if uncertain else 1.0,
    )
