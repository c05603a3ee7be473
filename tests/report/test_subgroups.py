"""The section on subgroups: what it shows, what it says, and that it isn't there without attributes."""

import pytest
from charts import check, rows
from leaderboard_records import example
from subgroup_records import AGE, example_with_attributes

from fer_bench.leaderboard.analysis import analyse
from fer_bench.report.board_view import BoardView
from fer_bench.report.page import render
from fer_bench.report.subgroups import classes, finding, gaps, images, scores
from fer_bench.report.summary import findings
from fer_bench.storage.records import StudyRuns


@pytest.fixture(scope="module")
def told() -> BoardView:
    (board,) = analyse(*example_with_attributes())
    return BoardView(board)


def test_each_figure_compiles_and_has_its_data_as_a_table(told):
    cells, groups = len(told.tested), 2 + 4
    check(gaps(told), 2 * cells)
    check(scores(told), groups * cells)
    check(classes(told), groups * cells)


def test_a_gap_is_told_where_its_interval_excludes_0(told):
    found = rows(gaps(told))
    assert {row["attribute"] for row in found} == {"gender", "age"}
    for row in found:
        assert row["told"] == (row["low"] is not None and row["low"] > 0)
    first = told.tested.iloc[0]
    assert found[0]["value"] == pytest.approx(100 * first["gap/gender/macro_f1"], rel=1e-5)


def test_groups_without_a_number_are_said_and_why(told):
    words = {tuple(row.words[:2]): row.words[2:] for row in images(told).rows}
    assert words["age", "0-9"] == [str((AGE == "0-9").sum()), "fewer than 30 images"]
    assert words["gender", "female"][1] == "fewer than 5 of disgust"
    assert words["gender", "(unknown)"][1] == "in no group"
    assert list(words)[:3] == [("gender", "female"), ("gender", "male"), ("gender", "(unknown)")]


def test_one_sentence_says_which_gap_is_told_and_what_chance_would_find(told):
    said = finding(told)
    assert said.startswith("By `gender`, macro-F1 differs in 4 of 5 cells, most with `oversampling · mobile")
    assert "from `male` to `female` the gap is" in said
    assert said.endswith("(4 of 10 intervals of gaps exclude 0; fewer than one would by chance.)")
    assert "`age`" not in said
    assert [each.text for each in findings(told) if each.about == "Subgroups"] == [said]


def test_without_attributes_there_is_no_section_and_no_sentence(told):
    statuses, repeats = example()
    (board,) = analyse(statuses, repeats)
    view = BoardView(board)
    assert [make(view) for make in (gaps, scores, classes, images)] == [None] * 4
    assert finding(view) == ""
    text = render("imbalance", [board], StudyRuns(statuses, repeats, []), "fer-bench report")
    assert "ubgroups" not in text.partition("<script")[0].replace("--", "")
    with_them = render("imbalance", [told.analysis], StudyRuns(statuses, repeats, []), "fer-bench report")
    assert 'id="1-subgroups"' in with_them
