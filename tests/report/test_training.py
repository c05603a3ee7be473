"""Figures of tuning, training and cost."""

import dataclasses

from board_analyses import STRATEGIES, board_analysis
from charts import check, rows

from fer_bench.report.board_view import BoardView
from fer_bench.report.training import best_of, cost, curves

N = len(STRATEGIES)


def test_each_figure_compiles_and_has_its_data_as_a_table(view):
    check(best_of(view), 4 * N)
    check(curves(view), 3 * 6 * N)
    check(cost(view), N)


def test_scores_are_in_percent_and_losses_as_they_are(view):
    values = {row["metric"]: row["value"] for row in rows(curves(view))}
    assert values["Loss"] < 1 < values["Macro-F1"]


def test_few_trials_are_said_to_be_few_and_one_is_no_curve(view):
    assert "Only 4 were drawn" in best_of(view).says
    board = view.analysis
    one = dataclasses.replace(board, best_of=board.best_of[board.best_of["n"] == 1])
    assert best_of(BoardView(one)) is None


def test_what_a_board_does_not_have_is_left_out():
    board = board_analysis(strategies=("none",))
    empty = {name: getattr(board, name)[:0] for name in ("best_of", "curves")}
    untested = board.cells.assign(macro_f1=float("nan"))
    view = BoardView(dataclasses.replace(board, cells=untested, **empty))
    assert [make(view) for make in (best_of, curves, cost)] == [None] * 3
    strange = dataclasses.replace(board, curves=board.curves.assign(measure="seconds"))
    assert curves(BoardView(strange)) is None
