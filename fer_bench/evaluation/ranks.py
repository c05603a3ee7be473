"""Ranks that know how little is known: shared ranks, their intervals, chances to be best, and a front."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from fer_bench.evaluation.comparisons import Comparisons
from fer_bench.evaluation.intervals import Effect, effect, holm, p_values, seed_variance

LEVEL = 0.05
DRAWS = 20_000


def shared_ranks(board: Comparisons, cells: Sequence[int]) -> list[int | None]:
    """Rank of each of `cells`, the same for those that may be as good as the leader of their group.

    The leader is the best of all; those that may be as good share rank 1. The best of the others leads the
    next group, whose rank is one more than there are cells before it. So no chain of neighbours that can't be
    told apart leads from the first to the last. None for cells of which nobody can tell.
    """
    ranks: dict[int, int] = {}
    left = [cell for cell in cells if not np.isnan(board.score(cell).images)]
    while left:
        good = board.as_good(left, LEVEL)
        leader = max(left, key=lambda cell: float(board.cells[cell].scores.mean()))
        group = [cell for cell, fine in zip(left, good, strict=True) if fine or cell == leader]
        ranks |= dict.fromkeys(group, len(ranks) + 1)
        left = [cell for cell in left if cell not in ranks]
    return [ranks.get(cell) for cell in cells]


def rank_intervals(board: Comparisons, cells: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest rank (C,) that each of `cells` may have, all true together in 95 % of boards.

    From all pairs, with Holm's correction: 1 + the number that are better, and C - the number that are worse.
    Source: Mogstad, Romano, Shaikh and Wilhelm 2024, doi:10.1093/restud/rdad006.
    """
    pairs = list(combinations(range(len(cells)), 2))
    found = {pair: board.difference(cells[pair[0]], cells[pair[1]]) for pair in pairs}
    known = {pair: each for pair, each in found.items() if each}
    adjusted = holm(p_values(list(known.values())))
    low, high = np.ones(len(cells), int), np.full(len(cells), len(cells))
    for (one, other), each, p in zip(known, known.values(), adjusted, strict=True):
        if p <= LEVEL:
            better, worse = (one, other) if each.value > 0 else (other, one)
            high[better] -= 1
            low[worse] += 1
    return low, high


def chances_of_best(board: Comparisons, cells: Sequence[int], seed: int = 0) -> np.ndarray:
    """Share (C,) of draws in which each of `cells` has the highest score; NaN where its noise isn't known.

    Scores are drawn around those found, from a normal distribution with the covariance of images and, on top,
    the variance of seeds: that of a cell alone and that which a seed does to a whole backbone. The second is
    itself known from a few degrees of freedom, and drawn. It takes each cell by its own score, so the
    luckiest of equal cells is flattered: no chance of being right.
    """
    known = [place for place, cell in enumerate(cells) if not np.isnan(board.score(cell).images)]
    chances = np.full(len(cells), np.nan)
    if known:
        drawn = draws(board, [cells[place] for place in known], seed)
        chances[known] = np.bincount(drawn.argmax(axis=1), minlength=len(known)) / len(drawn)
    return chances


def draws(board: Comparisons, cells: Sequence[int], seed: int = 0, count: int = DRAWS) -> np.ndarray:
    """Scores (count, C) of cells with several repeats, drawn as `chances_of_best` says."""
    rng = np.random.default_rng(seed)
    chosen = [board.cells[cell] for cell in cells]
    influence = np.stack([cell.influence.mean(axis=0) for cell in chosen])
    values, vectors = np.linalg.eigh(influence @ influence.T)
    root = vectors * np.sqrt(np.maximum(values, 0))
    drawn = np.array([cell.scores.mean() for cell in chosen]) + rng.normal(size=(count, len(cells))) @ root.T
    luck = rng.random(
        count
    )  # how well the seeds' variance is known is common to all: they share what it is from
    for backbone in dict.fromkeys(cell.backbone for cell in chosen):
        mine = [place for place, cell in enumerate(chosen) if cell.backbone == backbone]
        apart, together = _seed_noise(board, [cells[place] for place in mine])
        alone = np.stack([seed_variance(each, luck) for each in apart], axis=1)
        common = np.maximum(seed_variance(together, luck) - alone.mean(axis=1) / len(mine), 0)
        drawn[:, mine] += np.sqrt(alone) * rng.normal(size=(count, len(mine)))
        drawn[:, mine] += (np.sqrt(common) * rng.normal(size=count))[:, None]
    return drawn


def _seed_noise(board: Comparisons, cells: Sequence[int]) -> tuple[list[Effect], Effect]:
    """Cells of one backbone less their mean, each as an effect, and that mean as one."""
    chosen = [board.cells[cell] for cell in cells]
    slots = sorted(set.intersection(*(set(cell.slots) for cell in chosen)))
    if len(chosen) == 1 or len(slots) < 2:
        return [board.score(cell) for cell in cells], Effect(0.0, 0.0, 0.0, 1.0, 1.0)
    scores, influence = map(np.stack, zip(*(cell.at(slots) for cell in chosen), strict=True))
    more = len(chosen) / (
        len(chosen) - 1
    )  # what a cell differs by from a mean that it is part of is too little
    apart = [
        effect(one, by_image, board.of_gains)
        for one, by_image in zip(
            scores - scores.mean(axis=0), influence - influence.mean(axis=0), strict=True
        )
    ]
    mean = effect(scores.mean(axis=0), influence.mean(axis=0), board.of_cells)
    return [each._replace(unit=each.unit * more) for each in apart], mean


def pareto_front(points: np.ndarray) -> np.ndarray:
    """Which of points (n, d) none of the others beats: as good in all, better in one; NaN is on no front."""
    at_least = (points[:, None] >= points[None]).all(axis=2)
    beaten = (at_least & (points[:, None] > points[None]).any(axis=2)).any(axis=0)
    return ~beaten & ~np.isnan(points).any(axis=1)
