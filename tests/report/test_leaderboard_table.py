"""The leaderboard as a table of the page."""

import dataclasses
import json

import pandas as pd
from board_analyses import BACKBONES, STRATEGIES, board_analysis

from fer_bench.report.board_view import BoardView
from fer_bench.report.leaderboard_table import ensembles, leaderboard_table, reported


def with_cells(board, **columns):
    return BoardView(dataclasses.replace(board, cells=board.cells.assign(**columns)))


def test_a_row_for_each_cell_in_percent_with_marks(view):
    board = board_analysis(strategies=STRATEGIES[:3])
    cells = {"macro_f1": [0.62, 0.61, 0.6], "shared_rank": [1, 1, 3], "gain_p": [0.01, None, 0.9]}
    cells |= {"gain": [0.01, None, -0.01], "best_set": pd.array([True, True, False], "boolean")}
    found = leaderboard_table(with_cells(board, **cells))
    names = [column.title for column in found.columns]
    assert names[:6] == ["#", "Strategy", "Macro-F1", "95 % interval", "Gain", "95 % interval"]
    rows = [dict(zip(names, row.words, strict=True)) for row in found.rows]
    assert [row["#"] for row in rows] == ["1", "1≈", "3"]
    assert [row["Macro-F1"] for row in rows] == ["62.0", "61.0", "60.0"]
    assert [row["Gain"] for row in rows] == ["+1.0*", "", "\u22121.0"]
    assert [row.cell for row in found.rows] == [0, 1, 2]


def test_backbones_are_named_where_there_are_several_and_blank_columns_are_left_out():
    found = leaderboard_table(BoardView(board_analysis(BACKBONES[:2], STRATEGIES[:2], repeats=1)))
    titles = [column.title for column in found.columns]
    assert "Backbone" in titles
    assert "95 % interval" not in titles  # a single repeat has none
    assert {row.words[0][-1] for row in found.rows[1:]} == {"?"}


def test_the_rarest_class_is_that_of_the_test_images(view):
    counts = view.analysis.counts.assign(test=[9, 8, 7, 6, 0, 6, 7])
    found = leaderboard_table(BoardView(dataclasses.replace(view.analysis, counts=counts)))
    (column,) = [column for column in found.columns if column.key == "rarest_class_recall"]
    assert column.explained == "recall of happy, the class with the fewest test images"


def test_warnings_of_some_are_marked():
    board = board_analysis(strategies=STRATEGIES[:2])
    found = leaderboard_table(with_cells(board, warnings=["leak", "leak; no-op"]))
    assert found.columns[-1].title == "Notes"
    assert [row.words[-1] for row in found.rows] == ["", "a"]


def test_what_others_reported_stands_beside_the_best(view):
    assert reported(view) is None
    words = json.dumps({"accuracy": 0.68, "f1/disgust": 0.5, "test_images": 7178})
    board = board_analysis(strategies=STRATEGIES[:2])
    found = reported(with_cells(board, reported=words, accuracy=[0.66, 0.6], f1_disgust=0.4))
    assert [row.words for row in found.rows] == [
        ["Accuracy", "68.0", "66.0"],
        ["f1/disgust", "50.0", "40.0"],
        ["test_images", "7178", "3589"],
    ]


def test_ensembles_stand_beside_the_mean_of_their_repeats(view):
    assert ensembles(view) is None
    board = board_analysis(strategies=STRATEGIES[:2])
    single = board.cells.assign(macro_f1=[0.6, 0.5])
    rows = pd.concat([single, single.assign(kind="ensemble", macro_f1=[0.63, 0.49])], ignore_index=True)
    found = ensembles(BoardView(dataclasses.replace(board, cells=rows)))
    assert [row.words[1:4] for row in found.rows] == [["63.0", "60.0", "+3.0"], ["49.0", "50.0", "\u22121.0"]]
