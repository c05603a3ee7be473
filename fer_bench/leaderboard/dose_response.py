"""Boards that differ in their training sets alone, beside each other: scores, gains and slopes by dose."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from fer_bench.evaluation.dose_response import AtDose, gain_at, score_at, slope
from fer_bench.evaluation.influence import recall
from fer_bench.evaluation.intervals import Effect, holm, intervals, p_values
from fer_bench.leaderboard.board import Board
from fer_bench.leaderboard.tested import Score
from fer_bench.storage.records import BOARD
from fer_bench.study.variants import OPTIONS, dose_of

KNOBS = tuple(OPTIONS.values())
MEASURES = ("macro_f1", "rarest_class_recall")
NAMES = ("backbone", "strategy", "of", "measure")
Series = tuple[str, str, str, str]
"""Values of NAMES: what is followed over doses."""


@dataclass(frozen=True, eq=False)
class DoseResponse:
    """Boards of a study by dose; shares are in [0, 1], intervals 95 %, each for itself.

    - knob: one of KNOBS, what they differ in; doses: its values, ascending; title: what else they share;
    - train_images: of each board; rarest: the class with the fewest test images;
    - points: backbone, strategy, of ("score", or "gain" over `none` at the same dose), measure (one of
      MEASURES), dose, value, low, high;
    - slopes: the same but for the dose, of the straight line through the points, for what was tested at all
      doses: per doubling of the ratio, or per tenth of the labels; and p of 0, for gains in macro-F1 by
      Holm's correction for all of these.
    """

    knob: str
    doses: tuple[float, ...]
    title: dict[str, str]
    train_images: tuple[int, ...]
    rarest: str
    points: pd.DataFrame
    slopes: pd.DataFrame


def dose_responses(boards: Iterable[Board]) -> list[DoseResponse]:
    """Each series of two or more boards that differ in nothing but one of KNOBS and their training images."""
    series: dict[tuple[str, ...], dict[float, Board]] = defaultdict(dict)
    for board in boards:
        for knob in KNOBS:
            head = board.cells[0].head
            if board.test and not board.scored and head.board.get(knob):
                same = [head.board.get(name, "") for name in BOARD if name not in (knob, "images")]
                recipe = next(cell.head.recipe for cell in board.cells if cell.repeats)
                dose = dose_of(head.board[knob])
                along = head.board[knob].removeprefix(dose)
                key = knob, along, recipe, board.test.images.digest, *same
                series[key].setdefault(float(dose), board)
    return [_response(key[0], dict(sorted(of.items()))) for key, of in series.items() if len(of) > 1]


def steps(knob: str, dose: float) -> float:
    """A dose in the unit of slopes: doublings of the imbalance ratio, tenths of the labels."""
    return float(np.log2(dose)) if knob == "imbalance_ratio" else dose / 0.1


def _response(knob: str, boards: dict[float, Board]) -> DoseResponse:
    first = next(iter(boards.values()))
    assert first.test
    labels, counts = np.unique(first.test.images.labels, return_counts=True)
    rarest = int(labels[counts.argmin()])
    classes = next(cell.repeats[0] for cell in first.cells if cell.repeats).outputs().classes
    found = _found(knob, boards, {MEASURES[0]: None, MEASURES[1]: partial(recall, label=rarest)})
    heads = [board.cells[0].head.board for board in boards.values()]
    return DoseResponse(
        knob=knob,
        doses=tuple(boards),
        title={name: heads[0].get(name, "") for name in BOARD},
        train_images=tuple(int(head["images"].split("/")[0]) for head in heads),
        rarest=classes[rarest],
        points=_points(found),
        slopes=_slopes(found, len(boards)),
    )


def _found(
    knob: str, boards: Mapping[float, Board], measures: Mapping[str, Score | None]
) -> dict[Series, dict[float, AtDose]]:
    """Scores and gains by dose, for every cell that was tested at one or more."""
    found: dict[Series, dict[float, AtDose]] = defaultdict(dict)
    for (dose, board), (measure, score) in itertools.product(boards.items(), measures.items()):
        compared, at, baselines = board.comparisons(score=score), steps(knob, dose), board.baselines
        for number, cell in enumerate(cell for cell in board.cells if cell.repeats):
            if cell.untuned:
                continue
            names = cell.head.backbone, cell.head.strategy
            found[*names, "score", measure][dose] = score_at(at, compared, number)
            gain = gain_at(at, compared, number, baselines[number]) if number in baselines else None
            if gain:
                found[*names, "gain", measure][dose] = gain
    return found


def _points(found: Mapping[Series, Mapping[float, AtDose]]) -> pd.DataFrame:
    rows = [(*names, dose, point.effect) for names, at in found.items() for dose, point in at.items()]
    *names, dose, effects = zip(*rows, strict=True)
    frame = _frame((*NAMES, "dose"), [*names, dose], effects)
    # Of a few images intervals may reach beyond what is possible.
    least = np.where(frame["of"] == "gain", -1, 0)
    return frame.assign(low=frame["low"].clip(lower=least), high=frame["high"].clip(upper=1))


def _slopes(found: Mapping[Series, Mapping[float, AtDose]], doses: int) -> pd.DataFrame:
    rows = [(*names, slope(list(at.values()))) for names, at in found.items() if len(at) == doses]
    if not rows:
        return pd.DataFrame(columns=[*NAMES, "value", "low", "high", "p"])
    *names, effects = zip(*rows, strict=True)
    frame = _frame(NAMES, names, effects).assign(p=p_values(effects))
    corrected = (frame["of"] == "gain") & (frame["measure"] == MEASURES[0])
    frame.loc[corrected, "p"] = holm(frame.loc[corrected, "p"].to_numpy())
    return frame


def _frame(
    columns: Sequence[str], values: Sequence[Sequence[object]], effects: Sequence[Effect]
) -> pd.DataFrame:
    low, high = intervals(effects)
    numbers = {"value": [each.value for each in effects], "low": low, "high": high}
    return pd.DataFrame(dict(zip(columns, values, strict=True)) | numbers)
