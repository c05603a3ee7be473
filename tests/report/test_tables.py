"""Data frames to tables and to the data of charts."""

import json

import pandas as pd

from fer_bench.report.formats import percent
from fer_bench.report.tables import Column, chart_data, table


def test_rows_are_words_and_know_their_cell():
    frame = pd.DataFrame({"c": [1, 0], "label": ["b", "a"], "f1": [0.5, None]})
    found = table(frame, "F1", [Column("label", "Cell"), Column("f1", "F1", percent)])
    assert [(row.cell, row.words) for row in found.rows] == [(1, ["b", "50.0"]), (0, ["a", ""])]
    assert [column.numeric for column in found.columns] == [False, True]


def test_rows_of_no_cell_have_no_number():
    assert table(pd.DataFrame({"class": ["a"]}), "", [Column("class", "Class")]).rows[0].cell is None


def test_the_data_of_a_chart_is_json_in_percent():
    frame = pd.DataFrame({"c": [0, 1], "f1": [0.61234567, None], "told": [True, False]})
    data = chart_data(frame, ["c", "told"], percent=["f1"])
    assert data == {"c": [0, 1], "told": [True, False], "f1": [61.2346, None]}
    json.dumps(data, allow_nan=False)
