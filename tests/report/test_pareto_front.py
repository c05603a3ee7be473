"""Figure of accuracy against macro-F1."""

import dataclasses

import pandas as pd
from board_analyses import STRATEGIES, board_analysis
from charts import check, rows

from fer_bench.report.board_view import BoardView
from fer_bench.report.pareto_front import front


def test_the_figure_compiles_and_has_its_data_as_a_table(view):
    check(front(view), len(STRATEGIES))


def test_the_front_and_the_baseline_are_named(view):
    named = {row["c"] for row in rows(front(view)) if row["named"]}
    cells = view.cells[view.cells["on_front"] | (view.cells["strategy"] == "none")]
    assert named == set(cells["c"])


def test_names_stand_where_there_is_room_for_them():
    board = board_analysis(strategies=STRATEGIES[:3])
    cells = board.cells.assign(accuracy=[0.7, 0.6, 0.5], on_front=[True, True, False])
    found = rows(front(BoardView(dataclasses.replace(board, cells=cells))))
    assert [row["right"] for row in found] == [True, False, False]


def test_untested_cells_have_no_place(view):
    board = board_analysis(strategies=("none",))
    untested = board.cells.assign(macro_f1=pd.NA)
    assert front(BoardView(dataclasses.replace(board, cells=untested))) is None
