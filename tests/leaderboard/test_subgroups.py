"""Columns of subgroups: right, only of enough images, and none without attributes."""

from dataclasses import replace

import numpy as np
import pytest
from leaderboard_records import CLASSES, LABELS, N, example, repeat, status
from sklearn.metrics import accuracy_score, f1_score
from subgroup_records import AGE, GENDER, example_with_attributes, with_attributes

from fer_bench.data.attributes import Attributes
from fer_bench.evaluation.subgroups import FEWEST_IMAGES
from fer_bench.leaderboard.ranking import leaderboard


@pytest.fixture(scope="module")
def told():
    return leaderboard(*example_with_attributes())


def columns(frame):
    return [name for name in frame if name.startswith(("group/", "gap/"))]


def test_without_attributes_there_is_no_column():
    plain = leaderboard(*example())
    assert columns(plain) == []
    assert list(plain) == [name for name in leaderboard(*example_with_attributes()) if "/" not in name]


def test_scores_of_a_group_are_those_of_its_images(told):
    cell = "mobilenet_v2-oversampling"
    runs = [r.predictions().predicted for r in example_with_attributes()[1] if r.cell == cell]
    row = told.set_index("cell").loc[cell]
    members = GENDER == "female"
    assert row["group/gender=female/images"] == members.sum()
    expected = np.mean([accuracy_score(LABELS[members], each[members]) for each in runs])
    assert row["group/gender=female/accuracy"] == pytest.approx(expected)
    labels = [k for k in range(7) if (LABELS[members] == k).sum() >= 5]
    each = np.mean([f1_score(LABELS[members], r[members], labels=labels, average=None) for r in runs], axis=0)
    assert len(labels) == 6
    assert "group/gender=female/f1/disgust" not in row, "of three images"
    for label, score in zip(labels, each, strict=True):
        assert row[f"group/gender=female/f1/{CLASSES[label]}"] == pytest.approx(score)
    assert row["group/gender=female/macro_f1"] == pytest.approx(each.mean())
    assert row["group/gender=female/macro_f1_low"] < each.mean() < row["group/gender=female/macro_f1_high"]


def test_the_gap_lies_between_the_outermost_groups(told):
    row = told.iloc[0]
    female, male = (row[f"group/gender={value}/macro_f1"] for value in ("female", "male"))
    assert row["gap/gender/macro_f1"] == pytest.approx(female - male)
    assert (row["gap/gender/macro_f1_lowest"], row["gap/gender/macro_f1_highest"]) == ("male", "female")
    assert row["gap/gender/macro_f1_low"] > 0, "men are recognised worse"
    assert row["gap/age/macro_f1_low"] == 0, "age does nothing"
    assert 0 < row["gap/gender/macro_f1_by_chance"] < row["gap/gender/macro_f1"]


def test_groups_of_few_images_have_their_number_alone(told):
    assert (AGE == "0-9").sum() < FEWEST_IMAGES
    assert [name for name in told if name.startswith("group/age=0-9/")] == ["group/age=0-9/images"]
    assert (told["group/age=0-9/images"].dropna() == (AGE == "0-9").sum()).all()


def test_a_single_repeat_and_a_cell_without_one_have_no_interval(told):
    cells = told.set_index("cell")
    once = cells.loc["compact_cnn-class_weights"]
    assert once["gap/gender/macro_f1"] > 0
    assert np.isnan([once["gap/gender/macro_f1_low"], once["group/gender=male/accuracy_high"]]).all()
    assert cells.loc["vgg16-none", columns(told)].isna().all()


def test_attributes_of_any_run_on_the_same_images_are_those_of_all():
    """As where the table was added after the first repeats: keys of cells don't know of it."""
    statuses = [status("a", "none", repeats=2)]
    repeats = [with_attributes(repeat("a", "none", slot), None, unfair=0) for slot in range(2)]
    plain = leaderboard(statuses, repeats)
    assert columns(plain) == []
    mixed = leaderboard(statuses, [repeats[0], with_attributes(repeats[1], unfair=0)])
    whole = leaderboard(statuses, [with_attributes(each, unfair=0) for each in repeats])
    assert columns(mixed)
    assert mixed.equals(whole)


def test_a_single_large_group_has_no_gap_and_few_classes_no_macro_f1():
    one = Attributes.of({"rare": np.where(np.arange(N) < 40, "yes", "")}, np.arange(N))
    happy = Attributes.of({"mood": np.where(LABELS == 3, "good", "other")}, np.arange(N))
    statuses = [status("a", "none", repeats=2)]
    for attributes, absent, present in (
        (one, ["gap/rare/accuracy"], ["group/rare=yes/macro_f1"]),
        (happy, ["group/mood=good/macro_f1", "gap/mood/macro_f1"], ["gap/mood/accuracy"]),
    ):
        repeats = [with_attributes(repeat("a", "none", slot), attributes) for slot in range(2)]
        found = columns(leaderboard(statuses, repeats))
        assert not set(absent) & set(found)
        assert set(present) <= set(found)


def test_models_from_elsewhere_have_intervals_of_images_alone():
    statuses = [status("theirs", "unknown", repeats=1)]
    run = replace(with_attributes(repeat("theirs", "unknown")), tags={"scored": "true"})
    row = leaderboard(statuses, [run]).iloc[0]
    assert 0 < row["gap/gender/accuracy_low"] < row["gap/gender/accuracy"]
