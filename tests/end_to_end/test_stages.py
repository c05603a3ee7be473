"""Stages in real processes: killed and run again, shared by workers, each is trained once."""

import signal
from collections import Counter
from pathlib import Path

import h5py
import pandas as pd
import pytest
from soak import Books, ended, start
from study_runs import leaderboard_csv
from tiny_study import tiny_study

PHASES = [
    {"trainable": "all", "epochs": 2, "shared": True},
    {"trainable": "head", "epochs": 2, "augmentation": "none"},
]
STUDY = tiny_study(recipe={"augmentation": {"flip": True, "rotation": 10}, "phases": PHASES}, trials=1)
TAGGED = "hurt('mlflow.tracking.client:MlflowClient.set_tag', {1}, kill, 'before', "
COUNTED = "lambda client, run, key, *_: key == 'fer_bench.counted')"
IN_AN_EPOCH = "hurt('fer_bench.training.callbacks:TrialCallback.on_epoch_end', {{{call}}}, kill)"
POINTS = {
    "in the first stage": IN_AN_EPOCH.format(call=2),
    "in the second stage": IN_AN_EPOCH.format(call=4),
    "behind the stages": IN_AN_EPOCH.format(call=6),
    "weights written, no result": "hurt('keras:Model.save_weights', {1}, kill, 'after')",
    "result, not counted": TAGGED + COUNTED,
    "counted, weights not attached": "hurt('fer_bench.storage.tracking:Tracker.attach', {1}, kill)",
}


def run(folder: Path, hurt: str = "", *words: str) -> tuple[int, str]:
    """Run the study to its end, whatever that is: exit code and what it printed."""
    (folder / "tiny.yaml").write_text(STUDY)
    process = start(
        folder, "run", "--study", "tiny.yaml", *words, hurt=hurt, FER_BENCH_CHECKPOINT_SECONDS="0"
    )
    code = process.wait(timeout=900)
    assert ended(process.pid) == []
    return code, (folder / "output.txt").read_text()


def board(folder: Path) -> pd.DataFrame:
    """The leaderboard, and that each stage and slot counts once."""
    books = Books.of(folder / "mlruns")
    assert set(books.counted.values()) == {1}
    assert Counter(kind for _, kind, _ in books.counted) == Counter(stage=2, trial=2, repeat=4)
    assert books.statuses["RUNNING"] == 0
    assert books.damage == []
    assert not list((folder / "mlruns").rglob("*.checkpoint"))
    return leaderboard_csv(folder).drop(columns="shared_seconds")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, dict[str, bytes]]:
    """The leaderboard of a run that nothing happens to, and the weights of its stages."""
    folder = tmp_path_factory.mktemp("undisturbed")
    code, output = run(folder)
    assert code == 0, output
    return board(folder), stage_weights(folder)


def stage_weights(folder: Path) -> dict[str, bytes]:
    """Weights of each stage by its key, as arrays' bytes: files differ in the time that they were written."""
    weights = (folder / "mlruns" / "results").glob("*/stage-*.weights.h5")
    return {path.parent.name: b"".join(arrays(path)) for path in weights}


def arrays(path: Path) -> list[bytes]:
    """Content of each array of an HDF5 file."""
    found: list[bytes] = []

    def collect(_name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            found.append(item[()].tobytes())

    with h5py.File(path) as file:
        file.visititems(collect)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_killed_and_run_again_a_study_with_stages_is_what_it_would_have_been(tmp_path, undisturbed, point):
    code, output = run(tmp_path, POINTS[point])
    assert code == -signal.SIGKILL, output
    code, output = run(tmp_path)
    assert code == 0, output
    pd.testing.assert_frame_equal(board(tmp_path), undisturbed[0])
    assert stage_weights(tmp_path) == undisturbed[1]


@pytest.mark.slow
def test_two_workers_train_each_stage_once(tmp_path, undisturbed):
    code, output = run(tmp_path, "", "--workers", "2")
    assert code == 0, output
    pd.testing.assert_frame_equal(board(tmp_path), undisturbed[0])
    assert stage_weights(tmp_path) == undisturbed[1]
    assert len(list((tmp_path / "mlruns" / "results").glob("*/stage-*.begun"))) == 2
