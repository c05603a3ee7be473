"""What is read of a study's runs, and what of it the leaderboard shows."""

import shutil
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fer_bench.errors import UserError
from fer_bench.leaderboard.ranking import leaderboard
from fer_bench.speed import many_runs as speed_leaderboard
from fer_bench.storage.logged_runs import read_study_runs

CELLS = speed_leaderboard.STRATEGIES
KEY = f"{1:016x}"  # the second cell's, backbone_0 with strategy_1


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished study of one backbone with four strategies; moved, so that copies read their own files."""
    folder = tmp_path_factory.mktemp("finished")
    (made := folder / "made").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        assert speed_leaderboard.make_store(made, 5 * CELLS, trials=3, repeats=2) == 5 * CELLS
    return made.rename(folder / "kept")


@pytest.fixture
def mlruns(finished, tmp_path, monkeypatch):
    """A copy of it at a place of its own: MLflow keeps a database open for as long as the process lives."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return Path(shutil.copytree(finished, tmp_path / "mlruns"))


def edit(mlruns, *statements):
    with closing(sqlite3.connect(mlruns / "mlflow.db")) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def fail(mlruns, kind, slot, reason):
    """Make a slot of the second cell one that failed."""
    with closing(sqlite3.connect(mlruns / "mlflow.db")) as connection, connection:
        named = (("cell", KEY), ("kind", kind), ("slot", str(slot)))
        runs = [
            {run for (run,) in connection.execute(
                "select run_uuid from tags where key = ? and value = ?", (f"fer_bench.{key}", value)
            )}
            for key, value in named
        ]  # fmt: skip
        (run,) = set.intersection(*runs)
        connection.execute("update runs set status = 'FAILED' where run_uuid = ?", (run,))
        connection.execute("delete from latest_metrics where run_uuid = ?", (run,))
        connection.execute(
            "insert into tags (key, value, run_uuid) values ('fer_bench.error', ?, ?)", (reason, run)
        )


def second_row(mlruns):
    frame = leaderboard(*read_study_runs(mlruns, speed_leaderboard.STUDY))
    assert len(frame) == CELLS
    return frame.set_index("cell").loc[KEY]


def test_a_finished_study_is_ranked_with_all_its_numbers(mlruns):
    statuses, repeats = read_study_runs(mlruns, speed_leaderboard.STUDY)
    assert {(s.trials_done, s.trials_failed, s.repeats_done) for s in statuses} == {(3, 0, 2)}
    assert {(r.selected_from, r.shared_key, r.board["images"]) for r in repeats} == {
        (3, "backbone_0", f"28697/3589/{sum(speed_leaderboard.TEST)}")
    }
    frame = leaderboard(statuses, repeats)
    assert frame["rank"].tolist() == [1, 2, 3, 4]
    assert frame["gain"].notna().sum() == CELLS - 1
    assert (frame["test_images"] == sum(speed_leaderboard.TEST)).all()


def test_test_images_are_read_once_for_all_runs(mlruns):
    _, repeats = read_study_runs(mlruns, speed_leaderboard.STUDY)
    found = [repeat.predictions() for repeat in repeats]
    assert len({id(each.images) for each in found}) == 1
    assert (np.bincount(found[0].images.labels) == speed_leaderboard.TEST).all()
    assert len({each.predicted.tobytes() for each in found}) > 1


def test_a_failed_trial_is_shown_with_its_reason_and_spends_its_slot(mlruns):
    fail(mlruns, "trial", 2, "RuntimeError: killed 3 times;\n not tried again")
    row = second_row(mlruns)
    assert (
        "1 of 3 trials failed; failed trial 2: RuntimeError: killed 3 times, not tried again"
        in row["warnings"]
    )
    assert row["trials"] == 2
    assert row["rank"] > 0


def test_a_cell_whose_repeats_all_failed_is_unranked_and_says_why(mlruns):
    for slot in (0, 1):
        fail(mlruns, "repeat", slot, f"ValueError: NaN loss in {slot}")
    row = second_row(mlruns)
    assert np.isnan(row["macro_f1"]) and row["repeats"] == 0
    assert pd.isna(row["rank"])
    assert row["warnings"] == (
        "unfinished: 0 of 2 repeats; failed repeat 0: ValueError: NaN loss in 0; "
        "failed repeat 1: ValueError: NaN loss in 1"
    )


def test_a_cell_with_more_trials_planned_counts_those_it_has(mlruns):
    fail(mlruns, "trial", 1, "MemoryError: no room")
    edit(mlruns, "update experiment_tags set value = '5' where key = 'fer_bench.trials'")
    row = second_row(mlruns)
    assert row["warnings"].startswith(
        "unfinished: 3 of 5 trials; 1 of 5 trials failed; failed trial 1: Memory"
    )
    assert (row["trials"], row["selected_from"]) == (2, 3)


def test_a_cell_not_begun_stands_with_the_others(mlruns):
    edit(mlruns, f"update tags set value = 'gone' where key = 'fer_bench.cell' and value = '{KEY}'")
    row = second_row(mlruns)
    assert (row["backbone"], row["strategy"], row["budget"]) == ("backbone_0", "strategy_1", "budget_0")
    assert row["warnings"] == "unfinished: 0 of 3 trials; unfinished: 0 of 2 repeats"
    assert row["test_images"] == sum(speed_leaderboard.TEST)


def test_a_folder_that_was_moved_is_read_where_it_is(mlruns, tmp_path_factory):
    before = leaderboard(*read_study_runs(mlruns, speed_leaderboard.STUDY))
    moved = mlruns.rename(tmp_path_factory.mktemp("other") / "moved")
    pd.testing.assert_frame_equal(leaderboard(*read_study_runs(moved, speed_leaderboard.STUDY)), before)
    mlruns.mkdir()


def scramble(file):
    """Spoil the compressed bytes of one array; its checksum is not reached."""
    with np.load(file) as arrays:
        np.savez_compressed(file, **arrays)
    with zipfile.ZipFile(file) as whole:
        spoilt = whole.getinfo("test_predicted.npy")
    content = bytearray(file.read_bytes())
    begin = content.index(b"test_predicted.npy", spoilt.header_offset) + len(spoilt.filename)
    content[begin + 20 : begin + spoilt.compress_size] = b"\xff" * (spoilt.compress_size - 20)
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda file: file.write_bytes(b"PK\3\4"), "is broken"),
        (lambda file: scramble(file), "is broken"),
        (lambda file: file.unlink(), "can't get .*predictions.npz"),
    ],
    ids=["cut", "scrambled", "gone"],
)
def test_predictions_that_are_not_whole_are_one_line(mlruns, harm, said):
    harm(next(mlruns.glob("artifacts/*/*/artifacts/predictions.npz")))
    with pytest.raises(UserError, match=said) as found:
        leaderboard(*read_study_runs(mlruns, speed_leaderboard.STUDY))
    assert "\n" not in str(found.value) and "in MLflow" in str(found.value)


def test_an_unknown_study_is_one_line_with_the_nearest_name(mlruns, tmp_path):
    with pytest.raises(UserError, match=r"no runs of study 'mny' in .*many") as found:
        read_study_runs(mlruns, "mny")
    assert "fer-bench run" not in str(found.value)  # it knows no such study either
    with pytest.raises(
        UserError, match=r"fer-bench run --study imbalance makes them; .* holds runs of: many"
    ):
        read_study_runs(mlruns, "imbalance")
    with pytest.raises(UserError, match="holds no runs"):
        read_study_runs(tmp_path / "elsewhere", "many")
