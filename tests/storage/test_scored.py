from dataclasses import replace

import numpy as np
import pytest
from faces import draw_faces
from sklearn.metrics import f1_score

from fer_bench.data.model_outputs import ModelOutputs
from fer_bench.data.splits import split
from fer_bench.errors import UserError
from fer_bench.leaderboard.ranking import leaderboard
from fer_bench.storage.bundle import Bundle
from fer_bench.storage.bundle_writer import write_bundle
from fer_bench.storage.records import SCORED
from fer_bench.storage.scored import STUDY, log_scored, scored_runs
from fer_bench.storage.study_runs import read_runs
from fer_bench.storage.verify import verify

IMAGES = draw_faces(400)
PARTS = split(IMAGES, "random_80_10_10")
LABELS = IMAGES.labels[PARTS.test]


def outputs(skill, seed=0):
    rng = np.random.default_rng(seed)
    logits = skill * np.eye(5)[LABELS] + rng.normal(size=(len(LABELS), 5))
    return ModelOutputs(logits.astype("float32"), ("Anger taken for angry; as assumed",))


@pytest.fixture(scope="module")
def mlruns(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scored") / "mlruns"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        log_scored(folder, "theirs", IMAGES, PARTS, outputs(0.5))
        log_scored(folder, "theirs", IMAGES, PARTS, outputs(2.0))
        log_scored(folder, "others", IMAGES, PARTS, outputs(0.5, seed=1))
        yield folder


def test_models_are_ranked_among_themselves_and_a_name_scored_again_replaces_what_was(mlruns):
    statuses, repeats, _ = read_runs(mlruns, STUDY)
    assert len(statuses) == len(repeats) == 2
    frame = leaderboard(statuses, repeats).set_index("backbone")
    assert frame["rank"].to_dict() == {"theirs": 1, "others": 2}
    assert set(frame["recipe_name"]) == {SCORED} and set(frame["strategy"]) == {"unknown"}
    expected = f1_score(LABELS, outputs(2.0).logits.argmax(axis=1), average="macro")
    assert frame["macro_f1"]["theirs"] == pytest.approx(expected)
    assert frame["gain"].isna().all(), "there is nothing to compare with"


def test_what_isnt_known_is_said(mlruns):
    frame = leaderboard(*read_runs(mlruns, STUDY)[:2])
    for warnings in frame["warnings"]:
        assert "training data unknown: test images may be among it" in warnings
        assert "without the noise of seeds" in warnings
        assert "Anger taken for angry, as assumed" in warnings
        assert "unfinished" not in warnings


def test_the_interval_is_that_of_images_alone_as_a_bootstrap_finds_it(mlruns):
    frame = leaderboard(*read_runs(mlruns, STUDY)[:2]).set_index("backbone")
    rng, predicted = np.random.default_rng(0), outputs(2.0).logits.argmax(axis=1)
    draws = rng.integers(len(LABELS), size=(2000, len(LABELS)))
    spread = np.std(
        [f1_score(LABELS[d], predicted[d], average="macro", zero_division=0) for d in draws[:400]]
    )
    row = frame.loc["theirs"]
    half = (row["macro_f1_high"] - row["macro_f1_low"]) / 2
    assert half == pytest.approx(1.96 * spread, rel=0.35)  # of 40 images; the bootstrap loses whole classes


def board(**changes):
    shared = {"dataset": "bars", "data_fingerprint": IMAGES.fingerprint, "split": "random_80_10_10"}
    return {**shared, "study": "mine", "recipe_name": "", "budget": "hour", **changes}


def test_they_stand_beside_studies_on_the_same_data_and_split_on_a_board_of_their_own(mlruns):
    statuses, repeats = scored_runs(mlruns, "mine", [board()])
    assert {repeat.backbone for repeat in repeats} == {"theirs", "others"}
    assert all(
        repeat.board["study"] == "mine" and repeat.board["recipe_name"] == SCORED for repeat in repeats
    )
    assert all((status.repeats_done, status.trials_planned) == (1, 0) for status in statuses)
    for other in ({"split": "official"}, {"data_fingerprint": "0" * 64}, {"dataset": "fer2013"}):
        assert scored_runs(mlruns, "mine", [board(**other)]) == ([], [])


def test_a_store_without_any_has_none(tmp_path, monkeypatch):
    from fer_bench.storage.mlflow_client import create_store

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    create_store(tmp_path)
    assert scored_runs(tmp_path, "mine", [board()]) == ([], [])


def test_they_are_bundled_and_verified(mlruns, tmp_path):
    runs = read_runs(mlruns, STUDY)
    write_bundle(runs, STUDY, tmp_path / "results.zip")
    found = verify(tmp_path / "results.zip")
    assert found.faults == [] and found.given == []
    outputs = Bundle(tmp_path / "results.zip").runs().repeats[0].outputs()
    assert outputs.val_logits.shape == (0, 5) and outputs.class_counts.tolist() == [0] * 5


def test_a_name_that_wont_do_is_one_line(tmp_path):
    with pytest.raises(UserError, match="--name 'their model'"):
        log_scored(tmp_path, "their model", IMAGES, PARTS, outputs(1.0))
    assert list(tmp_path.iterdir()) == []


def test_attributes_are_logged_with_the_test_images_and_read_again(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    words = np.where(np.arange(len(IMAGES)) % 2, "odd", "even")
    told = replace(IMAGES, attributes={"place": words})
    log_scored(tmp_path, "theirs", told, PARTS, outputs(1.0))
    runs = read_runs(tmp_path, STUDY)
    found = runs.repeats[0].predictions().images.attributes
    assert {name: tuple(values) for name, values in found.values.items()} == {"place": ("even", "odd")}
    assert (found.codes[0] == 1 + PARTS.test % 2).all()
    row = leaderboard(runs.statuses, runs.repeats).iloc[0]
    members = words[PARTS.test] == "odd"
    right = outputs(1.0).logits.argmax(axis=1) == LABELS
    assert row["group/place=odd/images"] == members.sum()
    if members.sum() >= 30:
        assert row["group/place=odd/accuracy"] == pytest.approx(right[members].mean())
    write_bundle(runs, STUDY, tmp_path / "results.zip")
    assert verify(tmp_path / "results.zip").faults == []
