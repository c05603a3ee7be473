import json

import numpy as np
import pandas as pd
import pytest
from small_results import WITH_GENDER, rewritten, small_results

from fer_bench.errors import UserError
from fer_bench.leaderboard.ranking import leaderboard
from fer_bench.storage.bundle import Bundle
from fer_bench.storage.bundle_writer import write_bundle
from fer_bench.storage.bundle_zip import array_bytes


@pytest.fixture
def path(tmp_path):
    write_bundle(small_results(), "small", tmp_path / "results.zip")
    return tmp_path / "results.zip"


def test_the_leaderboard_of_a_bundle_is_that_of_its_study_to_the_last_digit(path):
    runs, found = small_results(), Bundle(path).runs()
    assert found.statuses == runs.statuses and found.trials == runs.trials
    pd.testing.assert_frame_equal(
        leaderboard(found.statuses, found.repeats), leaderboard(runs.statuses, runs.repeats), check_exact=True
    )


def test_outputs_are_those_that_were_put_in(path):
    for put, found in zip(small_results().repeats, Bundle(path).runs().repeats, strict=True):
        ours, theirs = put.outputs(), found.outputs()
        for name in ("predicted", "val_predicted", "val_labels", "class_counts"):
            assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name
        for name in ("logits", "val_logits"):
            values = getattr(ours, name)
            values = values - values.max(axis=1, keepdims=True)
            assert np.allclose(getattr(theirs, name), values, rtol=2**-11), "as near as 16 bits come"
            assert (getattr(theirs, name).argmax(axis=1) == values.argmax(axis=1)).all()
            assert getattr(theirs, name).dtype == np.float32
        assert (theirs.decision_offset is None) == (ours.decision_offset is None)
        assert np.array_equal(theirs.images.groups, ours.images.groups)
        assert np.isnan(theirs.history[1]["loss"]) and theirs.history[0] == ours.history[0]
        assert (found.metrics, found.tags, found.started) == (put.metrics, put.tags, put.started)


def test_the_images_of_runs_are_one_object(path):
    repeats = Bundle(path).runs().repeats
    assert len({id(repeat.predictions().images) for repeat in repeats}) == 1


def test_a_member_that_was_changed_is_found_when_it_is_read(path):
    def change(members):
        members["runs/0000/predicted.npy"] = array_bytes(np.zeros(150, "<u2"))

    bundle = Bundle(rewritten(path, change, keep_digests=True))
    with pytest.raises(UserError, match=r"runs/0000/predicted.npy was changed since .* fer-bench verify"):
        bundle.runs().repeats[0].predictions()
    bundle.runs().repeats[1].predictions()


@pytest.mark.parametrize(
    ("name", "array", "said"),
    [
        ("runs/0000/predicted.npy", np.full(150, 3, "<u2"), "a class beyond the 3"),
        ("images/0000/labels.npy", np.full(90, -1, "<i4"), "labels below 0"),
        ("images/0000/labels.npy", np.full(90, 7, "<i4"), "a class beyond the 3"),
        ("runs/0000/logits.npy", np.full((150, 3), np.nan, "<f2"), "no numbers"),
        ("runs/0000/logits.npy", np.full((150, 3), np.inf, "<f2"), "no numbers"),
        (
            "runs/0000/logits.npy",
            np.zeros((150, 4), "<f2"),
            r"is <f2 \(150, 4\), expected <f2 \(150, 3\)",
        ),
        ("runs/0000/logits.npy", np.zeros((150, 3), "<f4"), "is <f4"),
        ("images/0000/dedup.npy", np.full(90, 2, "|u1"), r"is \|u1"),
    ],
)
def test_arrays_that_dont_fit_are_one_line(path, name, array, said):
    def change(members):
        members[name] = array_bytes(array)

    with pytest.raises(UserError, match=said) as found:
        Bundle(rewritten(path, change)).runs().repeats[0].outputs()
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("images/0000/labels.npy", np.full(90, 2**31 - 1, "<i4")),
        ("runs/0000/predicted.npy", np.full(150, 2**16 - 1, "<u2")),
    ],
)
def test_classes_without_names_are_no_reason_for_tables_of_any_size(path, name, array):
    def change(members):
        members[name] = array_bytes(array)
        del members["runs/0000/logits.npy"]
        study = json.loads(members["study.json"])
        study["runs"][0] |= {"classes": [], "class_counts": [], "logits": None, "decision_offset": None}
        members["study.json"] = json.dumps(study).encode()

    with pytest.raises(UserError, match="a class beyond the 200"):
        Bundle(rewritten(path, change)).runs().repeats[0].predictions()


@pytest.fixture
def with_gender(tmp_path):
    write_bundle(small_results(WITH_GENDER), "small", tmp_path / "with.zip")
    return tmp_path / "with.zip"


def test_attributes_travel_as_small_codes_and_give_the_same_leaderboard(with_gender):
    runs, bundle = small_results(WITH_GENDER), Bundle(with_gender)
    assert bundle.study.images[0].attributes == {"gender": ("female", "male")}
    assert len(bundle.file.read("images/0000/attributes.npy")) == 128 + 90
    found = bundle.runs()
    pd.testing.assert_frame_equal(
        leaderboard(found.statuses, found.repeats), leaderboard(runs.statuses, runs.repeats), check_exact=True
    )
    attributes = found.repeats[0].predictions().images.attributes
    assert attributes.codes.tolist() == [[1, 2, 0] * 30]


def test_without_attributes_nothing_of_a_bundle_speaks_of_them(path):
    assert b"attributes" not in Bundle(path).file.read("study.json")
    assert Bundle(path).runs().repeats[0].predictions().images.attributes is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gender": ["male", "female"]}, "its values are not in alphabetical order"),
        ({"gender": [f"{n:02}" for n in range(21)]}, "gender has 21 different values"),
        ({"../gender": ["a", "b"]}, "has the name or value '../gender'"),
        ({"gender": ["a"]}, "has values beyond those that study.json names"),
        ({"age": ["a", "b"], "gender": ["a", "b"]}, r"\|u1 \(1, 90\), expected \|u1 \(2, 90\)"),
    ],
)
def test_attributes_that_do_not_fit_are_one_line(with_gender, change, said):
    def edit(members):
        study = json.loads(members["study.json"])
        study["images"][0]["attributes"] = change
        members["study.json"] = json.dumps(study).encode()

    with pytest.raises(UserError, match=said) as told:
        Bundle(rewritten(with_gender, edit)).runs().repeats[0].predictions()
    assert "\n" not in str(told.value)
