"""Figures by class."""

import dataclasses

import pytest
from board_analyses import CLASSES, STRATEGIES, board_analysis
from charts import check, rows

from fer_bench.report.board_view import BoardView
from fer_bench.report.classes import confusion, counts, exchange, f1, who_pays

N, K = len(STRATEGIES), len(CLASSES)


def test_each_figure_compiles_and_has_its_data_as_a_table(view):
    check(who_pays(view), 2 * K * (N - 1))
    check(f1(view), N)
    check(confusion(view), K * N)
    check(counts(view), K)


def test_changes_are_told_where_their_interval_excludes_0(view):
    for row in rows(who_pays(view)):
        assert row["told"] == (row["low"] > 0 or row["high"] < 0)


def test_a_confusion_has_its_share_and_change_in_one_field(view):
    figure = confusion(view)
    first = view.keyed("confusion").iloc[0]
    row = figure.table.rows[0]
    assert row.words[1] == view.classes[0]
    assert len(row.words) == 2 + K
    assert rows(figure)[0]["share"] == pytest.approx(100 * first["share"], rel=1e-5)


def test_f1_of_all_cells_is_in_percent(view):
    row = rows(f1(view))[0]
    best = view.cells.iloc[0]
    assert row["f1"] == pytest.approx(100 * best[f"f1_{row['class']}"], rel=1e-5)


def test_the_imbalance_ratio_is_said(view):
    assert "Imbalance ratio of training: 16.5." in counts(view).says


def test_the_exchange_rate_is_blank_where_nothing_is_won(view):
    board = view.analysis
    table = exchange(view)
    assert table.caption == "Points of surprise lost per point of disgust won"
    nothing = dataclasses.replace(board, exchange=board.exchange.assign(rate=float("nan")))
    assert {row.words[-1] for row in exchange(BoardView(nothing)).rows} == {""}


def test_what_a_board_does_not_have_is_left_out():
    board = board_analysis(strategies=("none",))
    empty = {name: getattr(board, name)[:0] for name in ("who_pays", "exchange", "confusion", "counts")}
    untested = BoardView(dataclasses.replace(board, **empty, cells=board.cells.assign(macro_f1=float("nan"))))
    assert [make(untested) for make in (who_pays, exchange, confusion, f1, counts)] == [None] * 5
