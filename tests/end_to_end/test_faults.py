"""Trials that raise, disks that are full, databases that are locked: nothing half-written ever counts."""

import json
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from blank_figures import blank_figures
from rights import read_only, without_write_rights
from servers import free_port, mlflow_server
from soak import Books, ended, query, start, wait
from study_runs import RUN, SLOTS, STUDY, assert_goes_on, assert_whole, leaderboard_csv, run_to_the_end
from tiny_study import tiny_study

from fer_bench.storage.result_files import read_result
from fer_bench.strategies.base import LossTerms, Strategy

# A trial that raises


def no_memory() -> None:
    raise MemoryError("no room for the rare")


def no_device_memory() -> None:
    import tensorflow as tf

    raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[64,96,96,32]")


def bug() -> None:
    {}["gama"]


QUICK = {"image_size": 16, "phases": [{"trainable": "head", "epochs": 1}]}
FAULTS: dict[str, tuple[Callable[[], None], str]] = {
    "out of memory": (no_memory, "MemoryError: no room for the rare"),
    "out of the device's memory": (no_device_memory, "ResourceExhaustedError: OOM when allocating"),
    "a plug-in's bug": (bug, "KeyError: 'gama'"),
    "NaN": (lambda: None, "TrialFailed: the loss became nan in epoch 1"),
}


@dataclass(frozen=True)
class Faulty(Strategy):
    """Fails while it is trained with."""

    fault: str

    def loss_terms(self, class_counts: np.ndarray, progress: float) -> LossTerms:
        FAULTS[self.fault][0]()
        return LossTerms(scale=float("nan"))


def test_trials_that_raise_are_recorded_with_their_reasons(workplace, empty_stores):
    from fer_bench.leaderboard.ranking import leaderboard
    from fer_bench.leaderboard.terminal import table
    from fer_bench.runner.worker import work
    from fer_bench.storage.logged_runs import read_study_runs
    from fer_bench.study.plan import make_plan
    from fer_bench.training.trial import run_trial

    shutil.copytree(empty_stores, "mlruns")
    Path("tiny.yaml").write_text(tiny_study(recipe=QUICK, trials=5))
    plan, faults = make_plan("tiny.yaml"), iter([None, *FAULTS])
    plan.results.mkdir()

    def all_but_the_first_fail(trainer, strategy, *args, **kwargs):
        fault = next(faults, None)
        return run_trial(trainer, Faulty(fault) if fault else strategy, *args, **kwargs)

    with blank_figures():
        failures = work(plan, lambda event: None, all_but_the_first_fail)
    assert len(failures) == 4
    for trial, (failure, (_, why)) in enumerate(zip(failures, FAULTS.values(), strict=True), start=1):
        assert failure.startswith(f"compact_cnn/none trial {trial}: {why}")
    books = Books.of(Path("mlruns"))
    assert books.statuses == {"FINISHED": 10, "FAILED": 4}
    assert books.trials == {"COMPLETE": 6, "FAIL": 4}
    assert books.counted.total() == 14
    frame = leaderboard(*read_study_runs(Path("mlruns"), "tiny"))
    warnings = frame.set_index("strategy")["warnings"]
    assert "4 of 5 trials failed" in warnings["none"]
    assert all(why in warnings["none"] for _, why in FAULTS.values())
    assert "failed" not in warnings["oversampling"]
    assert frame["repeats"].tolist() == [2, 2], "its cell goes on with the trial that has a score"
    from rich.console import Console

    with (screen := Console(width=160)).capture() as shown:
        screen.print(table(frame))
    assert "MemoryError: no room" in " ".join(shown.get().split())


RAISES = "training(hurting({2, 4}, fail(MemoryError('no room for the rare'))))"


def test_a_run_with_a_failed_trial_and_a_failed_repeat_ends_with_code_1(tmp_path, run_here):
    code, output = run_to_the_end(tmp_path, RAISES, real=False)
    assert code == 1
    assert "Traceback" not in output
    assert "compact_cnn/none trial 1: failed: MemoryError: no room for the rare" in output
    assert "compact_cnn/none repeat 1: failed: MemoryError: no room for the rare" in output
    assert "2 failed, such as compact_cnn/none" in output
    books = Books.of(tmp_path / "mlruns")
    assert books.counted.total() == 8 and books.statuses == {"FINISHED": 6, "FAILED": 2}
    before = books.results
    code, output = run_here(tmp_path, "--study", "tiny.yaml")
    assert code == 1, "it still has failed"
    assert Books.of(tmp_path / "mlruns").results == before, "what raises is not tried for ever"


# No room


def sound(folder: Path) -> int:
    """How many runs count; each has ended, has scores, and has artifacts that can be read to the end."""
    database = folder / "mlruns" / "mlflow.db"
    if not database.exists():
        return 0
    assert query(database, "pragma integrity_check") == [("ok",)]
    counted = query(
        database,
        "select r.run_uuid, r.status, count(m.key) from runs r join tags t on t.run_uuid = r.run_uuid"
        " and t.key = 'fer_bench.counted' and t.value = 'true' left join latest_metrics m"
        " on m.run_uuid = r.run_uuid and m.key = 'val/macro_f1' group by r.run_uuid",
    )
    for run, status, scores in counted:
        (home,) = (folder / "mlruns" / "artifacts").glob(f"*/{run}")
        assert (status, scores) == ("FINISHED", 1)
        with np.load(home / "artifacts" / "predictions.npz", allow_pickle=False) as file:
            assert len(file["val_logits"]) == 80
        assert len(json.loads((home / "artifacts" / "per_class.json").read_text())["data"]) == 7
    for path in (folder / "mlruns" / "results").glob("*/*.npz"):
        assert read_result(path) is not None, "a result file is whole or not there"
    return len(counted)


def stopped(folder: Path, hurt: str, word: str, real: bool = True) -> None:
    """Be stopped by a fault: few lines that name it, no run left that counts by half."""
    code, output = run_to_the_end(folder, hurt, real=real)
    assert code not in (0, -signal.SIGKILL), output
    assert "Traceback" not in output
    assert word in output
    told = output[output.index("error:") :].strip().splitlines()
    assert len(told) <= 4, told
    assert "goes on where it stopped" in " ".join(told), told
    sound(folder)


FULL_PAGES = """
def small(connect):
    def connecting(database, *args, **kwargs):
        connection = connect(database, *args, **kwargs)
        pages = connection.execute("pragma page_count").fetchone()[0]
        if str(database).endswith("mlflow.db") and "create-" not in str(database) and pages:
            connection.execute(f"pragma max_page_count = {pages + 4}")
        return connection

    return connecting


replace("sqlite3.dbapi2:connect", small)
"""
FULL_OPTUNA = """
import sqlite3

hurt("sqlalchemy.engine.default:DefaultDialect.do_execute", range(2, 99),
     fail(sqlite3.OperationalError("database or disk is full")), "before",
     lambda dialect, cursor, statement, *_: "INSERT INTO trials" in statement)
"""
HDF5 = (
    "Can't decrement id ref count (file write failed: errno = 28, error message = 'No space left on device')"
)
FULL = {
    "result file": "hurt('fer_bench.storage.result_files:ResultFiles.save', {2}, disk_full)",
    "attempt": "hurt('fer_bench.storage.result_files:ResultFiles.begin', {3}, disk_full)",
    "artifact": "hurt('mlflow.tracking.client:MlflowClient.log_artifact', {2}, disk_full)",
    "weights": f"hurt('keras:Model.save_weights', {{1}}, fail(RuntimeError({HDF5!r})))",
    "MLflow's database": FULL_PAGES,
    "Optuna's database": FULL_OPTUNA,
}


def reason(place: str) -> str:
    return "database or disk is full" if "database" in place else "No space left on device"


@pytest.mark.slow
@pytest.mark.parametrize("place", FULL)
def test_no_room_stops_the_run_and_it_goes_on_later(tmp_path, undisturbed, place):
    stopped(tmp_path, FULL[place], reason(place))
    assert_goes_on(tmp_path, undisturbed)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Callable[[str], None]]:
    """A file system of so many bytes at `folder`; gives what changes its size. Skips without the right to."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("may not mount a small disk")
    try:
        yield (
            lambda size: (
                subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True) and None
            )
        )
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("size", ["1m", "1700k", "2m", "2300k"])
def test_a_disk_that_is_really_full(tmp_path, undisturbed, size):
    with small_disk(tmp_path / "mlruns", size) as resize:
        stopped(tmp_path, "", "")
        resize("64m")
        assert_goes_on(tmp_path, undisturbed)


def test_no_room_for_a_result_file_counts_nothing_by_half(tmp_path):
    stopped(tmp_path, FULL["result file"], reason("result file"), real=False)
    assert sound(tmp_path) == 1
    books = Books.of(tmp_path / "mlruns")
    assert books.statuses == {"FINISHED": 1, "KILLED": 1}, "it is the disk's fault, not the trial's"


# No right to write


@pytest.mark.parametrize("made", [False, True])
def test_mlruns_that_is_read_only_is_the_users_to_mend(tmp_path, made):
    if made:
        (tmp_path / "mlruns").mkdir()
    with read_only(tmp_path / "mlruns" if made else tmp_path):
        (folder := tmp_path.with_name(f"{tmp_path.name}-work")).mkdir()
        code, output = run_to_the_end(
            folder, words=(*RUN, "--mlruns", str(tmp_path / "mlruns")), before=without_write_rights
        )
    assert code == 2
    assert f"error: {tmp_path / 'mlruns'}: can't write results there (Permission denied)" in output
    assert "choose another with --mlruns" in output
    assert "Traceback" not in output
    assert not (tmp_path / "mlruns").exists() or not list((tmp_path / "mlruns").iterdir())


@pytest.mark.slow
def test_a_study_that_became_read_only_is_read_but_not_touched(tmp_path, undisturbed):
    run_to_the_end(tmp_path, "hurt('fer_bench.storage.result_files:ResultFiles.begin', {7}, kill)")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("mlruns/**/*")}
    with read_only(tmp_path / "mlruns"):
        code, output = run_to_the_end(tmp_path, before=without_write_rights)
        assert code == 2 and "can't write results there" in output
        code, output = run_to_the_end(
            tmp_path, words=("leaderboard", "--study", "tiny"), before=without_write_rights
        )
        assert code == 0 and "class_weights" in output
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("mlruns/**/*")} == before
    assert_goes_on(tmp_path, undisturbed)


# Locked databases


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Keep everybody from reading and writing a database."""
    with closing(sqlite3.connect(database, timeout=60, isolation_level=None)) as connection:
        connection.execute("begin exclusive")
        yield
        connection.execute("rollback")


def lock_in_the_middle(
    folder: Path, lock: tuple[str, ...], seconds: float, hurt: str = ""
) -> tuple[int, str]:
    """Lock databases one after the other while a study runs; its exit code and what it printed."""
    (folder / "tiny.yaml").write_text(STUDY)
    process = start(folder, *RUN, hurt=hurt)
    for slot, name in enumerate(lock):
        wait(folder / "output.txt", process, f"compact_cnn/none trial {slot}:")
        with locked(folder / "mlruns" / name):
            time.sleep(seconds)
    code = process.wait(timeout=600)
    assert ended(process.pid) == []
    return code, (folder / "output.txt").read_text()


@pytest.mark.slow
def test_databases_locked_for_a_moment_are_waited_for(tmp_path):
    code, output = lock_in_the_middle(tmp_path, ("mlflow.db", "optuna.db"), 8, "stand_in()")
    assert code == 0, output
    assert sound(tmp_path) == 8
    assert Books.of(tmp_path / "mlruns").faults(**SLOTS) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlflow.db", "optuna.db"])
def test_a_database_locked_for_30_seconds_spoils_nothing(tmp_path, undisturbed, name):
    code, output = lock_in_the_middle(tmp_path, (name,), seconds=30)
    sound(tmp_path)
    if code:
        assert "database is locked" in output and "goes on where it stopped" in output
        assert "Traceback" not in output
        assert_goes_on(tmp_path, undisturbed)
    assert_whole(tmp_path, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlflow.db", "optuna.db"])
def test_a_database_locked_at_the_start_spoils_nothing(tmp_path, undisturbed, name):
    run_to_the_end(tmp_path, "hurt('fer_bench.storage.result_files:ResultFiles.begin', {2}, kill)")
    process = start(tmp_path, *RUN)
    with locked(tmp_path / "mlruns" / name):
        time.sleep(60)
    code, output = process.wait(timeout=600), (tmp_path / "output.txt").read_text()
    if code:
        assert code == 2 and "database is locked" in output
        assert "Traceback" not in output
    assert_goes_on(tmp_path, undisturbed)


# A server that is away


@pytest.mark.slow
def test_a_server_away_for_30_seconds_is_waited_for(tmp_path, undisturbed, monkeypatch):
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    (tmp_path / "tiny.yaml").write_text(STUDY)
    with mlflow_server(tmp_path, port):
        process = start(tmp_path, *RUN, MLFLOW_TRACKING_URI=uri)
        wait(tmp_path / "output.txt", process, "compact_cnn/none trial 1:")
    time.sleep(30)
    with mlflow_server(tmp_path, port):
        code = process.wait(timeout=600)
        output = (tmp_path / "output.txt").read_text()
        assert code == 0, output
        assert "compact_cnn/class_weights repeat 1:" in output
        assert Books.of(tmp_path / "mlruns", tmp_path / "server.db").faults(**SLOTS) == []
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        pd.testing.assert_frame_equal(leaderboard_csv(tmp_path), undisturbed)
