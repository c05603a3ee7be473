"""Figures of calibration."""

import dataclasses

import pytest
from board_analyses import CLASSES, STRATEGIES, board_analysis
from charts import check, rows

from fer_bench.report.board_view import BoardView
from fer_bench.report.calibration import calibration, class_calibration, reliability

N = len(STRATEGIES)


def test_each_figure_compiles_and_has_its_data_as_a_table(view):
    check(calibration(view), N)
    check(class_calibration(view), 2 * N)
    check(reliability(view), 2 * 15 * N)


def test_errors_are_in_points(view):
    first = view.keyed("calibration").query("c == 0 and `class` == 'all'").set_index("after")["ece"]
    row = rows(calibration(view))[0]
    assert (row["before"], row["after"]) == pytest.approx((100 * first[False], 100 * first[True]), rel=1e-5)
    assert len(rows(class_calibration(view))) == 2 * N * len(CLASSES)


def test_what_a_board_does_not_have_is_left_out():
    board = board_analysis(strategies=("none",))
    empty = {name: getattr(board, name)[:0] for name in ("calibration", "reliability")}
    view = BoardView(dataclasses.replace(board, **empty))
    assert [make(view) for make in (calibration, class_calibration, reliability)] == [None] * 3
