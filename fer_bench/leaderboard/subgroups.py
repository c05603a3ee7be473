"""Scores of cells in groups of test images, and the gaps between them, as columns of the leaderboard."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from fer_bench.errors import UserError
from fer_bench.evaluation.comparisons import Comparisons
from fer_bench.evaluation.influence import f1
from fer_bench.evaluation.intervals import intervals
from fer_bench.evaluation.subgroups import (
    FEWEST_IMAGES,
    gaps,
    group_accuracy,
    group_macro_f1,
    told_classes,
)

if TYPE_CHECKING:
    from fer_bench.leaderboard.board import Board, Row
    from fer_bench.leaderboard.tested import Score

GROUP, GAP = "group/", "gap/"
"""How columns begin: `group/gender=female/macro_f1`, `gap/gender/macro_f1`."""


def subgroup_columns(board: Board) -> list[Row]:
    """Columns by name of each cell that was tested, in the board's order; none where no attribute is known.

    For each value of an attribute `images`, macro_f1 and accuracy with `_low` and `_high`, and f1/CLASS; for
    each attribute the gap of macro_f1 and accuracy with `_low`, `_high`, `_by_chance` (what equal groups
    would show) and the values that it lies between, `_lowest` and `_highest`. Numbers of too few images are
    left out (`fer_bench.evaluation.subgroups`).
    """
    tested = [cell for cell in board.cells if cell.repeats]
    rows: list[Row] = [{} for _ in tested]
    assert board.test
    attributes = board.test.images.attributes
    for attribute in attributes.values if attributes else ():
        assert attributes
        found = _Attribute(board, attribute, attributes.groups(attribute))
        for row, *columns in zip(rows, found.images(), found.scores(), found.gaps(), strict=True):
            for each in columns:
                row |= each
    return rows


class _Attribute:
    """One attribute on a board: which images have each value, and the scores of the cells among them."""

    def __init__(self, board: Board, name: str, groups: Mapping[str, np.ndarray]) -> None:
        assert board.test
        self._board, self._name, self._groups = board, name, groups
        self._labels = board.test.images.labels
        predicted = board.test.predicted
        tested = [cell.runs.values() for cell in board.cells if cell.repeats]
        self._predicted = [np.stack([predicted[run] for run in runs]) for runs in tested]
        self._cells = len(tested)
        self._told = {value: told_classes(self._labels, members) for value, members in groups.items()}

    def images(self) -> Iterator[Row]:
        """How many images have each value, of each cell alike."""
        counts = {self._column(value, "images"): int(each.sum()) for value, each in self._groups.items()}
        yield from [counts] * self._cells

    def _column(self, value: str, score: str) -> str:
        return f"{GROUP}{self._name}={value}/{score}"

    def scores(self) -> Iterator[Row]:
        """Scores of each group that has enough images."""
        rows: list[Row] = [{} for _ in range(self._cells)]
        names = _class_names(self._board)
        for value, members in self._groups.items():
            if members.sum() < FEWEST_IMAGES:
                continue
            classes = self._told[value]
            _enter(rows, self._column(value, "accuracy"), self._compare(_accuracy(members)))
            if len(classes) > 1:
                _enter(rows, self._column(value, "macro_f1"), self._compare(_macro_f1(members, classes)))
            for place, label in itertools.product(range(self._cells), classes if names else ()):
                score, _ = f1(self._labels[members], self._predicted[place][:, members], label)
                rows[place][self._column(value, f"f1/{names[label]}")] = float(score.mean())
        yield from rows

    def _compare(self, score: Score) -> Comparisons:
        return self._board.comparisons(score=score)

    def gaps(self) -> Iterator[Row]:
        """Gaps of each score between the groups that have it; none of fewer than two groups."""
        rows: list[Row] = [{} for _ in range(self._cells)]
        large = [value for value, members in self._groups.items() if members.sum() >= FEWEST_IMAGES]
        several = [value for value in large if len(self._told[value]) > 1]
        shared = set.intersection(*(set(self._told[value]) for value in several)) if several else set()
        macro_f1 = partial(_macro_f1, classes=tuple(sorted(shared)))
        self._enter_gaps(rows, "accuracy", large, _accuracy)
        self._enter_gaps(rows, "macro_f1", several if len(shared) > 1 else [], macro_f1)
        yield from rows

    def _enter_gaps(
        self, rows: Sequence[Row], measure: str, values: Sequence[str], score: Callable[[np.ndarray], Score]
    ) -> None:
        """Enter the gap of a score between groups, by their values, into the row of each cell."""
        if len(values) < 2:
            return
        name = f"{GAP}{self._name}/{measure}"
        cells = [self._compare(score(self._groups[value])).cells for value in values]
        for row, gap in zip(rows, gaps(cells, self._board.scored), strict=True):
            row |= {name: gap.value, f"{name}_low": gap.low, f"{name}_high": min(gap.high, 1.0)}
            row |= {f"{name}_by_chance": gap.by_chance}
            row |= {f"{name}_lowest": values[gap.lowest], f"{name}_highest": values[gap.highest]}


def _macro_f1(members: np.ndarray, classes: Sequence[int]) -> Score:
    return partial(group_macro_f1, group=members, classes=classes)


def _accuracy(members: np.ndarray) -> Score:
    return partial(group_accuracy, group=members)


def _class_names(board: Board) -> tuple[str, ...]:
    """Names of the classes, () where they weren't logged."""
    first = next(cell.repeats[0] for cell in board.cells if cell.repeats)
    try:
        return first.outputs().classes
    except UserError:
        return ()


def _enter(rows: Sequence[Row], name: str, scores: Comparisons) -> None:
    effects = [scores.score(place) for place in range(len(rows))]
    low, high = (np.clip(ends, 0, 1) for ends in intervals(effects))
    for row, each, *ends in zip(rows, effects, low, high, strict=True):
        row |= {name: each.value, f"{name}_low": float(ends[0]), f"{name}_high": float(ends[1])}
