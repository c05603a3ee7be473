"""Boards that differ in their training sets alone, and what their slopes must agree on."""

import numpy as np
import pytest
from dose_boards import SKILLS, dose_runs

from fer_bench.leaderboard.dose_response import dose_responses, steps
from fer_bench.leaderboard.ranking import find_boards, leaderboard


def found(*args, **options):
    return dose_responses(find_boards(*dose_runs(*args, **options)))


@pytest.fixture(scope="module")
def response():
    (only,) = found()
    return only


def test_boards_of_a_study_are_found_by_what_they_differ_in(response):
    assert (response.knob, response.doses) == ("imbalance_ratio", (1.0, 4.0, 16.0))
    assert response.train_images == (600, 600, 600)
    assert response.rarest == "disgust"
    assert response.title["dataset"] == "fer2013"


def test_points_are_the_scores_and_gains_of_the_leaderboard(response):
    frame = leaderboard(*dose_runs())
    assert sorted(frame["imbalance_ratio"].unique()) == ["1", "16", "4"]
    for _, rows in frame.groupby("imbalance_ratio"):
        assert sorted(rows["rank"]) == [1, 2, 3], "each board is ranked by itself"
    for name, of in (("macro_f1", "score"), ("gain", "gain")):
        points = response.points[(response.points["of"] == of) & (response.points["measure"] == "macro_f1")]
        for _, point in points.iterrows():
            same = (frame["strategy"] == point["strategy"]) & (
                frame["imbalance_ratio"] == f"{point['dose']:g}"
            )
            (row,) = frame[same].to_dict("records")
            assert point[["value", "low", "high"]].tolist() == pytest.approx(
                [row[name], row[f"{name}_low"], row[f"{name}_high"]], abs=1e-6
            )
    recall = response.points[response.points["measure"] == "rarest_class_recall"]
    (row,) = frame[(frame["strategy"] == "none") & (frame["imbalance_ratio"] == "4")].to_dict("records")
    mine = recall[(recall["of"] == "score") & (recall["strategy"] == "none") & (recall["dose"] == 4)]
    assert mine["value"].tolist() == pytest.approx([row["rarest_class_recall"]])


def test_a_slope_is_that_of_the_straight_line_per_doubling(response):
    for of, strategy in (("score", "none"), ("gain", "oversampling")):
        frame = response.points
        points = frame[
            (frame["of"] == of) & (frame["strategy"] == strategy) & (frame["measure"] == "macro_f1")
        ]
        line = np.polyfit(np.log2(points["dose"]), points["value"], 1)
        frame = response.slopes
        (row,) = frame[
            (frame["of"] == of) & (frame["strategy"] == strategy) & (frame["measure"] == "macro_f1")
        ].to_dict("records")
        assert row["value"] == pytest.approx(line[0])
        assert row["low"] < row["value"] < row["high"]


def test_a_gain_that_rises_is_told_and_one_that_does_not_is_not(response):
    gains = response.slopes[(response.slopes["of"] == "gain") & (response.slopes["measure"] == "macro_f1")]
    p = dict(zip(gains["strategy"], gains["p"], strict=True))
    assert p["oversampling"] < 0.05
    assert p["focal_loss"] == pytest.approx(1), "its predictions are those of none"


def test_tenths_of_the_labels_are_the_steps_of_noise():
    skills = {name: {"0": 0.6, "0.1": 0.55, "0.3": 0.5} for name in SKILLS}
    (response,) = found(skills, knob="label_noise")
    assert response.doses == (0.0, 0.1, 0.3)
    assert [steps("label_noise", dose) for dose in response.doses] == pytest.approx([0, 1, 3])
    assert steps("imbalance_ratio", 16) == 4


@pytest.mark.parametrize(
    "others", [{"split": "union"}, {"budget": "hour"}, {"imbalance_profile": "step"}, {"recipe_name": "b"}]
)
def test_boards_that_differ_in_more_are_no_series(others):
    first, second = dose_runs({"none": {"1": 0.5}}), dose_runs({"none": {"4": 0.5}}, **others)
    runs = [a + b for a, b in zip(first, second, strict=True)]
    assert dose_responses(find_boards(*runs)) == []


def test_other_training_images_are_a_series_and_said():
    first, second = dose_runs({"none": {"1": 0.5}}), dose_runs({"none": {"4": 0.5}}, images="900/400/500")
    (response,) = dose_responses(find_boards(*(a + b for a, b in zip(first, second, strict=True))))
    assert response.train_images == (600, 900)
    assert len(response.slopes) == 2, "of two measures, and no gain without another strategy"


def test_a_single_board_and_boards_without_a_dose_are_no_series():
    assert found({"none": {"4": 0.5}}) == []
    assert found({"none": {"": 0.5}}) == []


def test_a_slope_needs_all_doses():
    (response,) = found(SKILLS | {"smote": {"1": 0.6, "4": 0.5}})
    assert {"none", "oversampling", "focal_loss"} == set(response.slopes["strategy"])
    assert len(response.points[response.points["strategy"] == "smote"]) == 2 * 2 * 2


def test_slopes_over_other_doses_are_not_put_beside_each_other():
    (response,) = found({"none": {"1": 0.6, "4": 0.5}, "smote": {"4": 0.5, "16": 0.4}})
    assert response.doses == (1, 4, 16) and response.slopes.empty


def test_with_one_repeat_there_are_values_without_intervals():
    (response,) = found(repeats=1)
    assert response.slopes["value"].notna().all() and response.slopes["low"].isna().all()
