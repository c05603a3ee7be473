"""Intervals of the scores that a leaderboard shows without one: accuracies, and F1 of each class."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from functools import partial

import numpy as np

from fer_bench.errors import UserError
from fer_bench.evaluation.influence import accuracy, balanced_accuracy, f1
from fer_bench.evaluation.intervals import intervals
from fer_bench.leaderboard.board import Board
from fer_bench.leaderboard.tested import Score


def score_intervals(board: Board) -> dict[str, dict[str, tuple[float, float]]]:
    """Ends of the 95 % interval of each score, by the keys of the cells that were tested and by its name.

    Names as in `evaluation.metrics.scores`. F1 of classes is left out where their names weren't logged. NaN
    with a single repeat.
    """
    if board.test is None:
        return {}
    tested = [cell for cell in board.cells if cell.repeats]
    found: dict[str, dict[str, tuple[float, float]]] = {cell.head.cell: {} for cell in tested}
    for name, score in _scores(board).items():
        compared = board.comparisons(score=score)
        effects = [compared.score(number) for number in range(len(tested))]
        low, high = (np.clip(ends, 0, 1) for ends in intervals(effects))
        for cell, *ends in zip(tested, low, high, strict=True):
            found[cell.head.cell][name] = float(ends[0]), float(ends[1])
    return found


def _scores(board: Board) -> Mapping[str, Score]:
    assert board.test
    present = np.unique(board.test.images.labels)
    scores: dict[str, Score] = {"accuracy": accuracy, "balanced_accuracy": balanced_accuracy}
    first = next(cell.repeats[0] for cell in board.cells if cell.repeats)
    with contextlib.suppress(UserError):
        classes = first.outputs().classes
        scores |= {f"f1/{classes[label]}": partial(f1, label=int(label)) for label in present}
    return scores
