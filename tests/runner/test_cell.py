"""Slots of a cell: what fails is recorded and the study goes on; what is half entered is entered."""

import json
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from image_files import class_files, import_folder, write
from stand_ins import NoNet, ScriptedTraining
from tiny_study import SEARCH, tiny_study

from fer_bench.data.splits import split
from fer_bench.errors import UserError
from fer_bench.runner.context import CHECKPOINT_SECONDS, checkpoint_seconds
from fer_bench.runner.events import Event, SlotEnded

if TYPE_CHECKING:
    from fer_bench.storage.result_files import Result
    from fer_bench.training.checkpoint import Checkpoint

RECIPE = {"image_size": 16, "phases": [{"trainable": "head", "epochs": 1}]}
NO_ROOM = MemoryError("no room for the rare")


@pytest.fixture(autouse=True)
def study(workplace, empty_stores):
    shutil.copytree(empty_stores, "mlruns")
    Path("mine.yaml").write_text(tiny_study(recipe=RECIPE))


class RecordingTraining(ScriptedTraining):
    """Notes the checkpoint of every training, and whether it is there when the training begins."""

    def __init__(self, *script: float | BaseException) -> None:
        super().__init__(*script)
        self.checkpoints: list[Checkpoint] = []
        self.found: list[bool] = []

    def __call__(self, *args, checkpoint=None, **options):
        self.checkpoints.append(checkpoint)
        self.found.append(checkpoint.path.exists())
        checkpoint.path.write_bytes(b"PK")
        return super().__call__(*args, **options)


def run(
    *script: float | Exception,
    study: str = "mine.yaml",
    retry_failed: bool = False,
    train: ScriptedTraining | None = None,
    **options,
):
    """Run a study in this process, its trainings as told: what was trained, what failed, the leaderboard."""
    from fer_bench.leaderboard.ranking import leaderboard
    from fer_bench.runner.worker import work
    from fer_bench.storage.logged_runs import read_study_runs
    from fer_bench.study.plan import make_plan

    plan = replace(make_plan(study, **options), retry_failed=retry_failed)
    plan.results.mkdir(parents=True, exist_ok=True)
    events: list[Event] = []
    failures = work(plan, events.append, train or ScriptedTraining(*script), NoNet())
    frame = leaderboard(*read_study_runs(plan.mlruns, plan.study))
    return [event for event in events if isinstance(event, SlotEnded)], failures, frame


def test_a_trial_that_raises_is_recorded_and_the_study_goes_on():
    trained, failures, frame = run(*[0.5] * 5, NO_ROOM, 0.5, 0.5)
    slots = [(slot.kind, slot.slot, slot.status) for slot in trained if slot.cell.endswith("oversampling")]
    assert slots == [
        ("trial", 0, "complete"),
        ("trial", 1, "failed"),
        ("repeat", 0, "complete"),
        ("repeat", 1, "complete"),
    ]
    assert failures == ["compact_cnn/oversampling trial 1: MemoryError: no room for the rare"]
    row = frame.set_index("strategy").loc["oversampling"]
    assert "no room for the rare" in row["warnings"]
    assert row["trials"] == 1
    again, still_failed, _ = run()
    assert again == [], "spent"
    assert still_failed == failures, "and still said"
    again, failures, frame = run(0.4, retry_failed=True)
    assert [(slot.kind, slot.slot, slot.status) for slot in again] == [("trial", 1, "complete")]
    assert failures == []
    assert frame.set_index("strategy").loc["oversampling"]["trials"] == 2


def test_a_cell_without_any_scored_trial_has_no_repeats():
    trained, failures, frame = run(NO_ROOM, NO_ROOM, strategies=("oversampling",))
    assert [slot.status for slot in trained] == ["failed", "failed"]
    assert "compact_cnn/oversampling: no trial could be scored" in failures
    assert np.isnan(frame["macro_f1"]).all()


@pytest.mark.parametrize(
    ("later", "trained_again"),
    [((0.3, 0.6), []), ((0.3, 0.9), [("repeat", 0), ("repeat", 1)])],
    ids=["the best is still the best", "another is best"],
)
def test_more_trials_are_followed_by_repeats_only_if_another_trial_is_best(later, trained_again):
    run(0.5, 0.7, 0.7, 0.7, strategies=("oversampling",))
    trained, _, frame = run(*later, *[0.8] * len(trained_again), strategies=("oversampling",), trials=4)
    slots = [(slot.kind, slot.slot) for slot in trained]
    assert slots == [("trial", 2), ("trial", 3), *trained_again]
    assert (frame["repeats"] == 2).all()
    assert (frame["trials"] == 4).all()


def results(kind: str) -> "list[Result]":
    """The results of a study, slot by slot if it has one cell."""
    from fer_bench.storage.result_files import read_result

    return [read_result(path) for path in sorted(Path("mlruns/results").glob(f"*/{kind}-*.npz"))]


def seeds(kind: str) -> list[int]:
    return [result.seed for result in results(kind)]


def test_trials_share_a_seed_and_repeats_have_others():
    run(*[0.5] * 6, strategies=("none",), trials=4)
    assert len(set(seeds("trial"))) == 1
    assert len({*seeds("trial"), *seeds("repeat")}) == 3


def test_trials_that_had_a_seed_each_stay_and_those_added_get_theirs_and_it_is_said():
    from fer_bench.hashing import derive_seed
    from fer_bench.storage.result_files import read_result, write_result
    from fer_bench.study.plan import make_plan

    _, _, frame = run(0.5, 0.4, 0.5, 0.5, strategies=("none",))
    assert not frame["warnings"].str.contains("a seed of its own").any()
    [path] = Path("mlruns/results").glob("*/trial-001-1.npz")
    key = make_plan("mine.yaml", strategies=("none",)).tasks[0].seed_key
    own = [derive_seed(key, "trial", slot) for slot in range(4)]
    write_result(replace(read_result(path, arrays=True), seed=own[1]), path)
    trained, _, frame = run(0.3, 0.3, strategies=("none",), trials=4)
    assert [(slot.kind, slot.slot) for slot in trained] == [("trial", 2), ("trial", 3)], (
        "nothing is done anew"
    )
    assert seeds("trial") == own
    assert frame["warnings"].str.contains("each trial had a seed of its own").all()


def test_a_tuned_none_is_repeated_untuned_on_the_same_seeds(tmp_path):
    from fer_bench.inference.kept_repeat import find_kept_repeat

    Path("mine.yaml").write_text(tiny_study(recipe=RECIPE) + SEARCH)
    trained, failures, frame = run(0.5, 0.7, 0.8, 0.8, 0.6, 0.6, strategies=("none",))
    assert failures == []
    assert [(slot.cell, slot.kind, slot.slot) for slot in trained[4:]] == [
        ("compact_cnn/none (defaults)", "repeat", 0), ("compact_cnn/none (defaults)", "repeat", 1),
    ]  # fmt: skip
    tuned, untuned = frame.to_dict("records")
    assert (tuned["strategy"], tuned["trials"], tuned["rank"]) == ("none", 2, 1)
    assert (untuned["strategy"], untuned["trials"], untuned["repeats"]) == ("none (defaults)", 0, 2)
    assert frame["rank"].isna().tolist() == [False, True] and untuned["gain"] < 0
    assert len(set(seeds("repeat"))) == 2, "those of the tuned one"
    parameters = [slot.parameters for slot in results("repeat")]
    assert {"learning_rate": 1e-3} in parameters and len({str(each) for each in parameters}) == 2
    kept = find_kept_repeat(Path("mlruns"), "mine", "compact_cnn/none (defaults)", {}, tmp_path)
    assert kept.record.selected_from == 0
    again, _, frame = run(strategies=("none",))
    assert again == [], "all of it is there"
    more, _, frame = run(0.6, 0.6, 0.8, 0.6, strategies=("none",), trials=4, repeats=3)
    assert [(slot.cell.split("/")[1], slot.kind) for slot in more] == [
        ("none", "trial"), ("none", "trial"), ("none", "repeat"), ("none (defaults)", "repeat"),
    ]  # fmt: skip
    assert frame["selected_from"].tolist() == [4, 4]


def test_another_study_takes_over_what_the_same_cell_has_done():
    run(*[0.5] * 4, strategies=("none",))
    Path("other.yaml").write_text(tiny_study(recipe=RECIPE, strategies=["none"]))
    trained, _, frame = run(study="other.yaml")
    assert trained == []
    assert frame["repeats"].tolist() == [2]


def test_a_moved_folder_gets_its_database_anew_with_the_weights_that_were_kept(tmp_path):
    from fer_bench.inference.kept_repeat import find_kept_repeat

    def kept(folder: Path):
        return find_kept_repeat(folder, "mine", "compact_cnn/none", {}, tmp_path)

    run(*[0.5] * 4, strategies=("none",))
    before = kept(Path("mlruns"))
    weights, place = before.weights.read_bytes(), before.place
    moved = Path("mlruns").rename("moved")
    with pytest.raises(UserError, match=r"moved or copied from .*: move it back, or delete its mlflow.db"):
        kept(moved)
    moved = moved.rename("again")  # as MLflow has what it opened still open
    (moved / "mlflow.db").unlink()
    trained, _, _ = run(strategies=("none",), mlruns=moved)
    assert trained == []
    after = kept(moved)
    assert (after.weights.read_bytes(), after.place) == (weights, place)
    assert after.record.run_id != before.record.run_id


def test_repeats_added_later_are_said_but_not_a_run_that_goes_on():
    def added(frame):
        return [each for each in frame["warnings"][0].split("; ") if "added" in each]

    with pytest.raises(KeyboardInterrupt):
        run(0.5, 0.5, 0.5, KeyboardInterrupt(), strategies=("none",))
    _, _, frame = run(0.5, strategies=("none",))
    assert added(frame) == []
    _, _, frame = run(0.5, strategies=("none",), repeats=3)
    said = ["1 of 3 repeats were added when 2 had been tested"]
    assert added(frame) == said
    Path("mlruns/mlflow.db").unlink()
    Path("mlruns").rename("again")  # as MLflow has what it opened still open
    trained, _, frame = run(strategies=("none",), repeats=3, mlruns=Path("again"))
    assert trained == [] and added(frame) == said, "the result files know it"


def test_a_cell_has_one_run_of_its_own_which_an_interrupt_ends():
    def cells():
        with sqlite3.connect("mlruns/mlflow.db") as database:
            return database.execute(
                "select r.status from runs r join tags t on t.run_uuid = r.run_uuid"
                " where t.key = 'fer_bench.kind' and t.value = 'cell'"
            ).fetchall()

    with pytest.raises(KeyboardInterrupt):
        run(0.5, KeyboardInterrupt(), strategies=("none",))
    assert cells() == [("KILLED",)]
    run(0.5, 0.5, 0.5, strategies=("none",))
    assert cells() == [("FINISHED",)]


def test_data_that_changed_under_the_plan_is_refused():
    from fer_bench.runner.worker import work
    from fer_bench.study.plan import make_plan

    plan = replace(make_plan("mine.yaml"), fingerprint="another")
    plan.results.mkdir()
    with pytest.raises(UserError, match="has changed"):
        work(plan, lambda event: None)


# Trainings that are killed


@pytest.mark.parametrize(
    ("finished", "given_up"),
    [((4, 4, 4), True), ((4, 4, 5), False), ((0, 0, 0), True), ((1, 2, 3, 4, 5), False)],
)
def test_a_slot_is_given_up_after_three_kills_without_an_epoch_between(finished, given_up):
    from fer_bench.storage.result_files import ResultFiles
    from fer_bench.study.plan import make_plan

    plan = make_plan("mine.yaml", strategies=("none",))
    files = ResultFiles(plan.results, plan.tasks[0].key)
    for epochs in finished:
        files.note("trial", 1, files.begin("trial", 1), epochs)
    trained, failures, frame = run(*[0.5] * 4, strategies=("none",))
    assert [slot.status for slot in trained] == ["complete", "failed" if given_up else "complete"] + [
        "complete"
    ] * 2
    said = "RuntimeError: killed 3 times without an epoch finished between, not tried again"
    assert failures == ([f"compact_cnn/none trial 1: {said}"] if given_up else [])
    assert frame["warnings"].str.contains("killed 3 times").all() == given_up


def test_a_training_is_saved_where_only_the_same_goes_on_from_it(monkeypatch):
    from fer_bench import environment

    monkeypatch.setenv(CHECKPOINT_SECONDS, "7.5")
    training = RecordingTraining(*[0.5] * 8)
    run(train=training)
    identities = [checkpoint.identity for checkpoint in training.checkpoints]
    assert len({str(identity) for identity in identities}) == 8
    assert {checkpoint.seconds for checkpoint in training.checkpoints} == {7.5}
    assert [checkpoint.path.name for checkpoint in training.checkpoints] == [
        "trial-000.checkpoint", "trial-001.checkpoint", "repeat-000.checkpoint", "repeat-001.checkpoint",
    ] * 2  # fmt: skip
    for name in ("seed", "parameters", "device", "code"):
        assert name in identities[0]
    assert identities[0]["commit"] == environment.commit()
    assert json.loads(identities[0]["versions"]) == environment.versions()


def test_a_checkpoint_stays_until_its_slot_has_a_result():
    given_up = RecordingTraining(0.5, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run(train=given_up, strategies=("none",))
    assert [path.name for path in Path("mlruns/results").rglob("*.checkpoint")] == ["trial-001.checkpoint"]
    goes_on = RecordingTraining(NO_ROOM, 0.5, 0.5)
    run(train=goes_on, strategies=("none",))
    assert goes_on.found == [True, False, False]
    assert goes_on.checkpoints[0].identity == given_up.checkpoints[1].identity
    assert list(Path("mlruns/results").rglob("*.checkpoint")) == [], "nor after a trial that failed"


@pytest.mark.parametrize("word", ["soon", "-1", "nan"])
def test_a_wrong_number_of_seconds_between_checkpoints_is_refused(monkeypatch, word):
    monkeypatch.setenv(CHECKPOINT_SECONDS, word)
    with pytest.raises(UserError, match=f"{CHECKPOINT_SECONDS}={word}: expected a number of seconds"):
        checkpoint_seconds()


def test_attributes_of_the_data_reach_the_leaderboard():
    files = class_files(n=250)
    rows = [f"{name},{'female' if number % 5 else 'male'}" for number, name in enumerate(files)]
    table = "\n".join(["image,gender", *rows])
    images = import_folder(write(Path("faces"), files | {"attributes.csv": table.encode()}))
    women = images.attributes["gender"][split(images, "random_80_10_10").test] == "female"
    fewer = dict.fromkeys(("train_images", "val_images", "test_images"))
    changes = {"dataset": "mine", "split": "random_80_10_10", "strategies": ["none"], **fewer}
    Path("mine.yaml").write_text(tiny_study(recipe=RECIPE, **changes))
    *_, frame = run(0.5, 0.5, 0.5, 0.5)
    assert frame["group/gender=female/images"].tolist() == [women.sum()]
    assert frame["group/gender=female/accuracy"].notna().all()
    assert "group/gender=male/accuracy" not in frame, "too few"
