"""Figures of gains, their parts, decision rules and ranks."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from board_analyses import STRATEGIES, board_analysis
from charts import check, rows

from fer_bench.report.board_view import BoardView
from fer_bench.report.gains import FEW_RANKS, _whole, decision_rules, decomposition, gains, ranks, verdicts

N = len(STRATEGIES)


def test_each_figure_compiles_and_has_its_data_as_a_table(view):
    check(gains(view), N - 1)
    check(decomposition(view), 4 * (N - 1))
    check(decision_rules(view), 4 * N)
    check(ranks(view), N)


def test_gains_are_in_points_with_their_verdict():
    frame = pd.DataFrame({"gain": [0.02, -0.03, 0.05, 0.01], "gain_p": [0.01, 0.02, 0.3, np.nan]})
    assert list(verdicts(frame)) == ["real gain", "real loss", "not told from 0", "not told from 0"]


def test_values_are_those_of_the_board(view):
    first = view.cells[view.cells["gain"].notna()].iloc[0]
    row = rows(gains(view))[0]
    assert row["c"] == first["c"]
    assert row["value"] == pytest.approx(100 * first["gain"], rel=1e-5)
    assert row["low"] < row["value"] < row["high"]
    told = [row for row in rows(decomposition(view)) if row["told"]]
    assert all(row["low"] > 0 or row["high"] < 0 for row in told)


def test_only_means_over_repeats_are_drawn(view):
    means = view.analysis.ladder.query("slot == -1 and rule == 'tau'")
    drawn = [row for row in rows(decision_rules(view)) if row["rule"] == "Fitted tau"]
    assert [row["test_gain"] for row in drawn] == pytest.approx(
        list(100 * view.keyed("ladder").loc[lambda f: (f["slot"] == -1) & (f["rule"] == "tau"), "test_gain"]),
        rel=1e-4,
    )
    assert len(drawn) == len(means)


def test_what_a_board_does_not_have_is_left_out():
    board = board_analysis(strategies=("none",))
    empty = {name: getattr(board, name)[:0] for name in ("ladder", "decomposition")}
    view = BoardView(dataclasses.replace(board, cells=board.cells.assign(shared_rank=np.nan), **empty))
    assert [make(view) for make in (gains, decomposition, decision_rules, ranks)] == [None] * 4


def test_ticks_of_ranks_are_whole_where_they_are_few():
    assert _whole(2) == {"values": [1, 2]}
    assert _whole(FEW_RANKS + 1) == {"tickMinStep": 1}
