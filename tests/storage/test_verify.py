import json
from dataclasses import replace

import numpy as np
import pytest
from small_results import (
    BOARD,
    CLASSES,
    GENDER,
    IMAGES,
    TEST,
    WITH_GENDER,
    metrics,
    repeat,
    rewritten,
    small_results,
    with_near_duplicates,
)

from fer_bench.data.images import FaceImages
from fer_bench.errors import UserError
from fer_bench.storage import verify as verify_module
from fer_bench.storage.bundle_writer import write_bundle
from fer_bench.storage.bundle_zip import array_bytes
from fer_bench.storage.verify import verify


@pytest.fixture
def path(tmp_path):
    write_bundle(small_results(), "small", tmp_path / "results.zip")
    return tmp_path / "results.zip"


def edited(path, change, **options):
    def edit(members):
        study = json.loads(members["study.json"])
        change(study)
        members["study.json"] = json.dumps(study).encode()

    return rewritten(path, edit, **options)


def test_what_was_written_fits_and_its_numbers_are_counted(path):
    found = verify(path)
    assert found.faults == []
    # val, test and test_dedup: accuracy, macro-F1, balanced accuracy, three F1 and the loss; of two repeats
    # by a fitted rule validation's loss isn't recomputed.
    assert found.numbers == 4 * 3 * 7 - 2
    assert (found.study, found.repeats, found.cells, found.members) == ("small", 4, 2, 14)
    assert found.given == ["loss on validation, and decisions there by cross-fitted offsets, of 2 repeats"]


@pytest.mark.parametrize(
    "name", ["val/accuracy", "test/macro_f1", "test_dedup/f1/disgust", "test/balanced_accuracy"]
)
def test_a_number_that_was_made_a_little_better_is_named(path, name):
    def change(study):
        study["runs"][2]["metrics"][name] += 1e-6

    (fault,) = verify(edited(path, change)).faults
    assert fault.startswith(f"compact_cnn/posthoc_adjustment repeat 0: {name} is given as 0.")


def test_a_loss_is_found_beyond_the_rounding_of_logits(path):
    def change(study):
        study["runs"][0]["metrics"]["test/loss"] += 1e-3

    (fault,) = verify(edited(path, change)).faults
    assert "compact_cnn/none repeat 0: test/loss is given as" in fault


def test_a_number_that_is_missing_or_none_is_named(path):
    def change(study):
        study["runs"][0]["metrics"]["test/accuracy"] = None
        del study["runs"][0]["metrics"]["val/macro_f1"]

    missing, none = verify(edited(path, change)).faults
    assert "val/macro_f1 is missing, and is 0." in missing
    assert "test/accuracy is missing, and is 0." in none


def scored(found, logits):
    """Scores of other logits, with the losses as they were."""
    losses = {name: value for name, value in metrics(found).items() if name.endswith("loss")}
    return metrics(replace(found, logits=logits)) | losses


def test_decisions_that_dont_follow_from_the_logits_are_counted_though_all_scores_fit_them(path):
    """As one would who makes a result better: decisions, scores and hashes all agree."""
    better = small_results().repeats[0].outputs()
    logits = better.logits.copy()
    wrong = np.flatnonzero(better.predicted != TEST)[:5]
    assert len(wrong) == 5
    logits[wrong, TEST[wrong]] += 20
    made = repeat("none", 0, metrics=scored(better, logits))

    def change(members):
        study = json.loads(members["study.json"])
        study["runs"][0]["metrics"] = made.metrics
        members["study.json"] = json.dumps(study).encode()
        decided = np.concatenate([better.val_predicted, logits.argmax(axis=1)])
        members["runs/0000/predicted.npy"] = array_bytes(decided.astype("<u2"))

    faults = verify(rewritten(path, change)).faults
    assert "compact_cnn/none repeat 0: 5 of 90 decisions on test don't follow from the logits" in faults


@pytest.mark.parametrize(
    ("member", "said"),
    [
        ("runs/0001/predicted.npy", "runs/0001/predicted.npy isn't what was written"),
        ("study.json", "study.json isn't"),
    ],
)
def test_changed_members_are_named_by_their_hashes(path, member, said):
    def change(members):
        if member == "study.json":
            members[member] = members[member].replace(b'"abc1234"', b'"abc9999"')
        else:
            members[member] = members[member][:-2] + b"\1\0"

    assert any(fault.startswith(said) for fault in verify(rewritten(path, change, keep_digests=True)).faults)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m: m.update(study="other"), "manifest.json: study is other, the content says small"),
        (lambda m: m.update(study_fingerprint="0" * 16), "study_fingerprint is 0000"),
        (lambda m: m.update(data_fingerprints=["0" * 64]), "data_fingerprints is ('0000"),
        (lambda m: m.update(test_images=["0" * 64]), "test_images is ('0000"),
    ],
)
def test_fingerprints_of_study_data_and_test_images_are_compared(path, change, said):
    (fault,) = verify(rewritten(path, lambda members: None, change)).faults
    assert said in fault


def test_a_repeat_or_a_trial_that_was_left_out_is_missed(tmp_path):
    """As one would who leaves out the seed that went badly."""
    runs = small_results()
    write_bundle(runs._replace(repeats=runs.repeats[1:], trials=runs.trials[1:]), "small", tmp_path / "r.zip")
    assert verify(tmp_path / "r.zip").faults == [
        "compact_cnn/none (cell key-of-none): 2 repeats were done, and 1 are here",
        "compact_cnn/none (cell key-of-none): 1 trials were done, and 0 are here",
    ]


def test_a_cell_in_two_budgets_has_its_repeats_in_each(tmp_path):
    runs = small_results()
    evening = {**BOARD, "budget": "evening"}
    more = runs._replace(
        statuses=[*runs.statuses, replace(runs.statuses[0], board=evening, repeats_done=1, trials_done=0)],
        repeats=[*runs.repeats, replace(runs.repeats[1], board=evening)],
    )
    write_bundle(more, "small", tmp_path / "r.zip")
    assert verify(tmp_path / "r.zip").faults == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda run: run["board"].update(images="600/60/95"), "600/60/95 images of train, val and test"),
        (
            lambda run: run["tags"].update(test_twins="0"),
            "0 test images are said to be in train or val, and 10",
        ),
        (lambda run: run.update(class_counts=[1, 2, 3]), "are said, and 6/60/90 are here"),
    ],
)
def test_numbers_of_images_are_compared_with_what_is_said(path, change, said):
    (fault,) = verify(edited(path, lambda study: change(study["runs"][0]))).faults
    assert said in fault


def test_labels_are_compared_with_the_dataset_where_it_is_here(path, monkeypatch):
    def images(labels):
        return FaceImages(
            np.zeros((90, 2, 2, 1), "uint8"), labels, np.zeros(90, "uint8"), IMAGES.ids, CLASSES, "drawn", "",
            fingerprint="f" * 64,
        )  # fmt: skip

    monkeypatch.setattr(verify_module, "open_dataset", lambda name: images(TEST))
    found = verify(path)
    assert (found.faults, found.datasets) == ([], ["drawn"])
    other = TEST.copy()
    other[:4] = 1
    monkeypatch.setattr(verify_module, "open_dataset", lambda name: images(other))
    assert verify(path).faults == ["images 0: 4 of 90 labels, or the classes, aren't drawn's"]


def test_a_strategy_that_isnt_here_is_taken_as_given(tmp_path):
    runs = small_results()
    foreign = [replace(each, strategy="of_a_plug_in") for each in runs.repeats[:2]]
    write_bundle(runs._replace(repeats=[*foreign, *runs.repeats[2:]]), "small", tmp_path / "r.zip")
    found = verify(tmp_path / "r.zip")
    assert found.faults == []
    assert "losses, and decisions by of_a_plug_in, which isn't here, of 2 repeats" in found.given


def test_a_run_that_was_logged_without_classes_is_checked_by_what_it_predicts(tmp_path):
    def refuse():
        raise UserError("broken")

    runs = small_results()
    old = [repeat("none", slot, outputs=refuse) for slot in (0, 1)]
    write_bundle(runs._replace(repeats=[*old, *runs.repeats[2:]]), "small", tmp_path / "r.zip")
    found = verify(tmp_path / "r.zip")
    assert found.faults == []
    assert found.numbers == 2 * 2 * 3 + 2 * (3 * 7 - 1)
    assert "logits, scores of each class and all of validation of 2 repeats" in found.given


def test_arrays_that_dont_fit_are_named_and_the_rest_is_still_checked(path):
    def change(members):
        members["runs/0000/logits.npy"] = array_bytes(np.full((150, 3), np.nan, "<f2"))
        members["images/0000/groups.npy"] = array_bytes(np.zeros(7, "<i8"))

    faults = verify(rewritten(path, change)).faults
    assert any("groups.npy is <i8 (7,)" in fault for fault in faults)


def test_attributes_are_compared_with_the_dataset_where_it_is_here(tmp_path, monkeypatch):
    write_bundle(small_results(WITH_GENDER), "small", tmp_path / "r.zip")
    found = verify(tmp_path / "r.zip")
    assert found.faults == []
    assert "attributes of the test images of 4 repeats" in found.given

    def images(**attributes):
        return FaceImages(
            np.zeros((90, 2, 2, 1), "uint8"), TEST, np.zeros(90, "uint8"), IMAGES.ids, CLASSES, "drawn", "",
            fingerprint="f" * 64, attributes=attributes,
        )  # fmt: skip

    monkeypatch.setattr(verify_module, "open_dataset", lambda name: images(gender=GENDER))
    found = verify(tmp_path / "r.zip")
    assert found.faults == []
    assert not any("attributes" in words for words in found.given)
    monkeypatch.setattr(verify_module, "open_dataset", lambda name: images(age=GENDER))
    found = verify(tmp_path / "r.zip")
    assert found.datasets == ["drawn"] and "attributes of the test images of 4 repeats" in found.given
    other = GENDER.copy()
    other[:2] = "male", "old"
    monkeypatch.setattr(verify_module, "open_dataset", lambda name: images(gender=other))
    assert verify(tmp_path / "r.zip").faults == ["images 0: 2 of 90 values of gender aren't drawn's"]


def test_scores_without_near_duplicates_are_recomputed_where_they_are_known(tmp_path):
    runs = small_results()
    known = [*map(with_near_duplicates, runs.repeats[:2]), *runs.repeats[2:]]
    write_bundle(runs._replace(repeats=known), "small", tmp_path / "results.zip")
    found = verify(tmp_path / "results.zip")
    assert found.faults == []
    assert found.numbers == 4 * 3 * 7 - 2 + 2 * 7

    def change(study):
        study["runs"][1]["metrics"]["test_near_dedup/macro_f1"] += 1e-6

    (fault,) = verify(edited(tmp_path / "results.zip", change)).faults
    assert "none repeat 1: test_near_dedup/macro_f1 is given as 0." in fault
