"""All that the stored logits of a study say: for each board its tables, from which reports are made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from fer_bench.leaderboard.board import Board
from fer_bench.leaderboard.calibration_tables import calibration, reliabilities
from fer_bench.leaderboard.gains import decomposition, ladder
from fer_bench.leaderboard.ranking import find_boards
from fer_bench.leaderboard.ruled import RuledBoard
from fer_bench.leaderboard.scored_cells import cell_table
from fer_bench.leaderboard.search_tables import best_of, counts, curves
from fer_bench.leaderboard.who_pays import confusion, exchange, who_pays
from fer_bench.storage.records import BOARD, CellStatus, RepeatRecord, TrialRecord


@dataclass(frozen=True, eq=False)
class BoardAnalysis:
    """One board; shares are in [0, 1], NaN where unknown, intervals 95 %, each for itself.

    - title: what its cells have in common, by the names in BOARD, and their recipe's hash;
    - cells: see `cell_table`; ladder, decomposition: `gains`; who_pays, exchange, confusion: `who_pays`;
    - calibration, reliability: `calibration_tables`; best_of, curves, counts: `search_tables`.

    Of models from elsewhere (recipe_name SCORED) nothing was fitted: they have no ladder, no temperature, no
    counts of training images. Of cells that were not tested yet there are only rows in `cells` and `best_of`.
    """

    title: dict[str, str]
    classes: tuple[str, ...]
    cells: pd.DataFrame
    ladder: pd.DataFrame
    decomposition: pd.DataFrame
    who_pays: pd.DataFrame
    exchange: pd.DataFrame
    confusion: pd.DataFrame
    calibration: pd.DataFrame
    reliability: pd.DataFrame
    best_of: pd.DataFrame
    curves: pd.DataFrame
    counts: pd.DataFrame


def analyse(
    statuses: Iterable[CellStatus],
    repeats: Iterable[RepeatRecord],
    trials: Sequence[TrialRecord] = (),
    all_recipes: bool = False,
) -> list[BoardAnalysis]:
    """Analyse the boards of `fer_bench.leaderboard.ranking.leaderboard`, in its order; raises as it does.

    Boards of which nothing was tested yet are left out.
    """
    return analyse_boards(find_boards(statuses, repeats, all_recipes), trials)


def analyse_boards(boards: Iterable[Board], trials: Sequence[TrialRecord] = ()) -> list[BoardAnalysis]:
    """Analyse boards that were found; those of which nothing was tested yet are left out."""
    return [_analysed(board, trials) for board in boards if board.test]


def _if_fitted(board: RuledBoard, table: pd.DataFrame) -> pd.DataFrame:
    """A table, without a row where no rule was fitted."""
    return table if board.fitted else table.iloc[:0]


def _as_stored(board: RuledBoard, table: pd.DataFrame) -> pd.DataFrame:
    """A table, without what a temperature would make of it where none was fitted."""
    return table if board.fitted else table[~table["after"]].reset_index(drop=True)


def _analysed(board: Board, trials: Sequence[TrialRecord]) -> BoardAnalysis:
    head = next(cell.head for cell in board.cells if cell.repeats)
    ruled = RuledBoard(board)
    changes = who_pays(ruled)
    rarity = [ruled.classes[place] for place in ruled.rarity]
    return BoardAnalysis(
        title={name: head.board.get(name, "") for name in BOARD} | {"recipe": head.recipe},
        classes=ruled.classes,
        cells=cell_table(ruled),
        ladder=_if_fitted(ruled, ladder(ruled)),
        decomposition=decomposition(ruled),
        who_pays=changes,
        exchange=exchange(changes, rarity[-1], rarity[0]),
        confusion=confusion(ruled),
        calibration=_as_stored(ruled, calibration(ruled)),
        reliability=_as_stored(ruled, reliabilities(ruled)),
        best_of=best_of(board.cells, trials),
        curves=curves(ruled),
        counts=counts(ruled),
    )
