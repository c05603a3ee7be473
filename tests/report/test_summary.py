"""What a board is said to have found: only what its intervals bear."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from board_analyses import BACKBONES, STRATEGIES, board_analysis

from fer_bench.report.board_view import BoardView
from fer_bench.report.summary import findings

THREE = ("none", "class_weights", "mixup")


def text(board, about: str) -> str:
    return dict(findings(BoardView(board))).get(about, "")


def made(strategies=THREE, cells=(), tables=(), **options):
    """A board in which columns of `cells` are replaced (in the order of `strategies`), and whole tables."""
    board = board_analysis(strategies=strategies, **options)
    frame = board.cells.set_index("strategy").loc[list(strategies)].reset_index()
    frame["rank"] = range(1, len(frame) + 1)
    return dataclasses.replace(board, cells=frame.assign(**dict(cells)), **dict(tables))


def parts(**values):
    """A decomposition: for each part (value, low, high) of every strategy but none."""
    frame = board_analysis(strategies=THREE).decomposition
    for part, ends in values.items():
        frame.loc[frame["part"] == part, ["value", "low", "high"]] = ends
    return frame


NOTHING = {"operating_point": (0.003, -0.007, 0.014), "representation": (0.002, -0.005, 0.01)}
NOTHING |= {"interaction": (0.0, -0.007, 0.007), "total": (0.005, -0.002, 0.013)}


def test_the_best_has_its_interval_and_others_may_be_as_good():
    cells = {"macro_f1": [0.62, 0.61, 0.58], "macro_f1_low": 0.583, "macro_f1_high": 0.657}
    cells |= {"val_macro_f1": [0.6, 0.59, 0.58], "best_set": pd.array([True, True, False], "boolean")}
    words = text(made(cells=cells), "Best")
    assert words.startswith("`none` has the highest macro-F1 on test, 62.0 % [58.3, 65.7].")
    assert "`class_weights` may be as good; the other one can be told to be worse." in words
    assert "Validation, which saw no test image, would choose the same." in words
    cells["best_set"] = pd.array([True, True, True], "boolean")
    assert "Each of the 2 others may be as good." in text(made(cells=cells), "Best")
    cells["best_set"] = pd.array([True, False, False], "boolean")
    assert "It can be told to be better than each of the 2 others" in text(made(cells=cells), "Best")
    cells["best_set"] = pd.array([True, None, False], "boolean")
    assert "`class_weights` may be as good; the other one can be told" in text(made(cells=cells), "Best")


def test_what_validation_would_choose_is_said_with_its_score_on_test():
    cells = {"macro_f1": [0.62, 0.61, 0.58], "val_macro_f1": [0.58, 0.6, 0.59]}
    words = text(made(cells=cells), "Best")
    assert "The best of 3 by test is flattered by being that" in words
    assert "validation would choose `class_weights`, with 61.0 % on test." in words


def test_gains_are_real_by_all_tests_of_the_board_together():
    cells = {"gain": [np.nan, 0.02, -0.03], "gain_low": [np.nan, 0.01, -0.05]}
    cells |= {"gain_high": [np.nan, 0.03, -0.01], "gain_p": [np.nan, 0.01, 0.2]}
    words = text(made(cells=cells), "Gains")
    assert words.startswith(
        "Better than `none`: `class_weights` by +2.0 [+1.0, +3.0]. The other can't be told"
    )
    assert "Worse" not in words  # its own interval excludes 0, the correction doesn't
    cells["gain_p"] = [np.nan, 0.2, 0.04]
    assert text(made(cells=cells), "Gains").startswith(
        "Worse than `none`: `mixup` by \u22123.0 [\u22125.0, \u22121.0]."
    )
    cells["gain_p"] = [np.nan, 0.2, 0.2]
    assert text(made(cells=cells), "Gains").startswith("None of the 2 gains and losses against `none`")


@pytest.mark.parametrize(
    ("strategies", "repeats", "words"),
    [
        (("class_weights", "mixup"), 3, "No finished cell has the strategy `none`"),
        (("none", "mixup"), 1, "have no intervals with a single repeat"),
        (("none", "mixup"), 3, "The one gain or loss against `none`"),
        (("none",), 3, ""),
    ],
)
def test_without_a_baseline_or_repeats_no_gain_is_claimed(strategies, repeats, words):
    cells = {"gain_p": np.nan if repeats == 1 else 0.5}
    said = text(made(strategies, cells if len(strategies) > 1 else (), repeats=repeats), "Gains")
    assert words in said
    assert bool(said) == bool(words)


def test_a_threshold_is_told_from_a_representation():
    said = text(made(tables={"decomposition": parts(**NOTHING)}), "What the strategies did")
    assert "changes `none` by +0.3 points [\u22120.7, +1.4], which can't be told from nothing." in said
    assert "no strategy's representation can be told from that of `none`." in said
    assert "(0 of 4 intervals exclude 0; fewer than one would by chance.)" in said
    real = NOTHING | {"operating_point": (0.02, 0.01, 0.03), "representation": (0.03, 0.01, 0.05)}
    said = text(made(tables={"decomposition": parts(**real)}), "What the strategies did")
    assert "by +2.0 points [+1.0, +3.0]. Beyond that, `class_weights` (+3.0 [+1.0, +5.0])" in said
    assert "separate the classes better" in said
    lost = NOTHING | {"interaction": (-0.03, -0.05, -0.01)}
    said = text(made(tables={"decomposition": parts(**lost)}), "What the strategies did")
    assert "lose by where their own decision puts the threshold" in said


def test_who_paid_is_the_class_that_moved_most_where_intervals_exclude_0():
    frame = board_analysis(strategies=THREE).who_pays.assign(change=0.0, low=-0.1, high=0.1)
    said = text(made(tables={"who_pays": frame}), "Who paid")
    assert said.startswith("Recall of no class can be told from what it is under `none`. F1 of no class")
    recall = frame["measure"] == "recall"
    for name, change in (("disgust", 0.3), ("happy", -0.02), ("sad", -0.01)):
        rows = recall & (frame["class"] == name)
        frame.loc[rows, ["change", "low", "high"]] = change, change - 0.005, change + 0.005
    said = text(made(tables={"who_pays": frame}), "Who paid")
    assert "Recall of `disgust` rose in 2 of 2 cells, most with `" in said
    assert "(+30.0 points [+29.5, +30.5]); that of `happy` fell in 2 of 2 cells" in said
    assert "(6 of 28 intervals exclude 0; about 1 would by chance.)" in said


def test_the_smallest_gain_that_could_be_told_follows_from_the_widths():
    cells = {"gain_low": [np.nan, -0.01, -0.02], "gain_high": [np.nan, 0.01, 0.02]}
    said = text(made(cells=cells), "What could not be told")
    assert "has to be 1.4 to 2.9 points, by cell," in said  # 2.8 / (2 x 1.96) of 2 and of 4 points
    assert "doesn't say that there is none" in said


def test_what_is_wrong_with_the_data_and_what_is_missing():
    board = made()
    assert "314 of 3,589 test images are also in train or val. Without such images," in text(
        board, "The data"
    )
    assert text(board, "What is missing") == ""
    unfinished = {"rank": pd.array([1, 2, pd.NA], "Int64")}
    unfinished["warnings"] = ["", "", "unfinished: 1 of 3 repeats; leak"]
    board = made(cells=unfinished, repeats=2)
    assert "1 cell has warnings of its own, below the leaderboard." in text(board, "The data")
    missing = text(board, "What is missing")
    assert "1 of 3 cells have no rank, such as `mixup` (unfinished: 1 of 3 repeats)." in missing
    assert "2 repeats hardly show the noise of seeds" in missing
    assert "A single repeat gives no interval" in text(made(repeats=1), "What is missing")


def test_with_one_finished_cell_or_none_nothing_is_compared():
    assert text(made(("none",)), "Best").startswith("The only finished cell is `none`, with a macro-F1 of")
    board = made(cells={"rank": pd.array([pd.NA] * 3, "Int64")})
    assert text(board, "Best").startswith("Nothing can be ranked yet")
    assert text(board, "Gains") == text(board, "What could not be told") == ""


def test_with_a_single_repeat_no_order_is_claimed():
    assert "the order of the cells says nothing yet" in text(board_analysis(repeats=1), "Best")


def test_several_backbones_are_named_with_each_cell():
    said = text(board_analysis(BACKBONES, STRATEGIES[:3]), "Best")
    assert any(f"· {backbone}` has the highest" in said for backbone in BACKBONES)


def test_a_cell_that_is_another_one_untuned_is_no_answer_and_nothing_that_is_missing():
    strategies = ("none", "none (defaults)", "mixup")
    board = made(strategies=strategies)
    ranks = [None if name.endswith("(defaults)") else place for place, name in enumerate(strategies, 1)]
    untuned = dataclasses.replace(board, cells=board.cells.assign(rank=pd.array(ranks, "Int64")))
    assert "none (defaults)" not in " ".join(finding.text for finding in findings(BoardView(untuned)))
    for table in ("decomposition", "who_pays", "exchange"):
        assert set(BoardView(untuned).answers(table)["strategy"]) <= {"none", "mixup"}
    assert "of 1 cells" not in text(untuned, "Who paid")
