"""MLflow's store: made whole, runs that count once, nothing secret shown."""

import multiprocessing
import sqlite3
import time
from typing import Any

import pytest

from fer_bench.errors import UserError
from fer_bench.storage.mlflow_client import create_store, open_client
from fer_bench.storage.result_files import PREDICTIONS, Result, write_result
from fer_bench.storage.run_record import Artifacts
from fer_bench.storage.tracking import Tracker


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mlruns")
    context = multiprocessing.get_context("spawn")
    makers = [context.Process(target=create_store, args=(folder,)) for _ in range(2)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert [maker.exitcode for maker in makers] == [0, 0]
    return folder


@pytest.fixture
def tracker(store, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return Tracker(store, "study-data-budget")


def tags(slot=0, attempt=1, cell="abc"):
    return {"cell": cell, "kind": "trial", "slot": str(slot), "attempt": str(attempt), "study": "study"}


def result(run_id: str, **changes: Any) -> Result:
    history = [
        {"train/loss": 1.5, "val/macro_f1": 0.25, "time": 1.7e9},
        {"train/loss": 1.0, "time": 1.7e9 + 60},
    ]
    fields = {"cell": "abc", "kind": "trial", "slot": 0, "attempt": 1, "seed": 7, "parameters": {}}
    fields |= {"status": "complete", "run_id": run_id, "started": time.time(), "finished": time.time()}
    fields |= {"scores": {"val/macro_f1": 0.5}, "history": history, "origin": {"commit": "c0ffee"}}
    return Result(**fields | changes)


@pytest.fixture
def log(tracker, tmp_path):
    """Log a result with its file into a run."""

    def log_result(run_id: str, artifacts: Artifacts = Artifacts(), **changes: Any) -> None:  # noqa: B008
        logged = result(run_id, **changes)
        write_result(logged, tmp_path / PREDICTIONS)
        tracker.log_result(run_id, logged, artifacts, tmp_path / PREDICTIONS)

    return log_result


def test_a_store_made_by_two_processes_at_once_opens_and_is_whole(store):
    with sqlite3.connect(store / "mlflow.db") as connection:
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
    assert {path.name for path in store.iterdir()} - {".create.lock"} == {"mlflow.db"}


def test_a_logged_run_is_finished_and_counts(tracker, log):
    run = tracker.start("a", tags(), {"learning_rate": 1e-3})
    assert tracker.open_runs() == {"abc": [run]}
    log(run, Artifacts({"per_class.json": [{"class": "happy", "f1": 0.5}]}, {"note.txt": "hello"}))
    assert tracker.open_runs() == {}
    assert tracker.counted("abc") == {("trial", 0): (1, run)}


def test_logging_twice_stores_the_curve_once(tracker, store, log):
    run = tracker.start("b", tags(cell="twice"), {})
    for _ in range(2):
        log(run, cell="twice")
    with sqlite3.connect(store / "mlflow.db") as connection:
        points = connection.execute(
            "select step, value from metrics where run_uuid = ? and key = 'train/loss' order by step", (run,)
        )
        assert points.fetchall() == [(1, 1.5), (2, 1.0)]


def test_a_superseded_run_no_longer_counts(tracker, log):
    old = tracker.start("old", tags(cell="two"), {})
    log(old, cell="two")
    new = tracker.start("new", tags(cell="two", attempt=2), {})
    tracker.discount(old)
    log(new, cell="two", attempt=2)
    assert tracker.counted("two") == {("trial", 0): (2, new)}


def test_a_failed_run_says_why(tracker, log):
    run = tracker.start("bad", tags(cell="bad"), {})
    log(run, cell="bad", status="failed", error="ValueError: no", scores={}, history=[])
    logged = tracker._client.get_run(run)
    assert logged.data.tags["fer_bench.error"] == "ValueError: no"
    assert logged.info.status == "FAILED"


def test_a_long_description_comes_back_whole(tracker):
    for length in (30_000, 90_000, 10, 0):
        text = "".join(map(str, range(length)))[:length]
        tracker.describe({"cells": text})
        assert tracker.description()["cells"] == text


def test_a_tag_that_another_machine_makes_at_the_same_time_is_set_again(tracker, monkeypatch):
    from mlflow.exceptions import MlflowException

    set_tag = tracker._client.set_experiment_tag
    failures = iter([MlflowException("UNIQUE constraint failed: experiment_tags.key")])

    def raced(*arguments):
        for failure in failures:
            raise failure
        set_tag(*arguments)

    monkeypatch.setattr(tracker._client, "set_experiment_tag", raced)
    tracker.describe({"cells": "{}"})
    assert tracker.description()["cells"] == "{}"


def test_a_missing_run_is_not_had(tracker):
    assert not tracker.has("0" * 32)


def test_a_deleted_experiment_is_the_users_error(tracker, store):
    gone = Tracker(store, "gone")
    gone._client.delete_experiment(gone.id)
    with pytest.raises(UserError, match="was deleted in MLflow"):
        Tracker(store, "gone")


def test_a_store_that_is_no_database_is_one_line(tmp_path, monkeypatch):
    broken = tmp_path / "mlflow.db"
    broken.write_text("not a database, but long enough to be taken for one " * 20)
    with pytest.raises(UserError, match="can't open the MLflow store") as error:
        open_client(f"sqlite:///{broken}")
    assert "\n" not in str(error.value)


def test_passwords_are_hidden():
    from fer_bench.storage.databases import hide_password

    assert (
        hide_password("postgresql+psycopg://me:secret@host:5432/db")
        == "postgresql+psycopg://me:***@host:5432/db"
    )
    assert hide_password("a http://me:p@ss@host/b") == "a http://me:***@host/b"
    assert hide_password("sqlite:///a.db") == "sqlite:///a.db"


def test_a_worker_whose_data_set_another_names_at_the_same_time_goes_on(tracker, monkeypatch):
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    real, calls = MlflowClient.log_inputs, []

    def refused_at_first(self, *given, **named):
        calls.append(given)
        if len(calls) == 1:
            raise MlflowException('duplicate key value violates unique constraint "dataset_pk"')
        return real(self, *given, **named)

    monkeypatch.setattr(MlflowClient, "log_inputs", refused_at_first)
    about = {"dataset": "mine", "data_fingerprint": "f" * 64, "split": "official"}
    run = tracker.start("c", tags(cell="named") | about, {})
    assert len(calls) == 2
    (given,) = tracker._client.get_run(run).inputs.dataset_inputs
    assert given.dataset.name == "mine"
    tracker.end(run, "KILLED")


def test_a_moved_folder_is_not_written_to_where_it_was(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (before := tmp_path / "before").mkdir()
    create_store(before)
    Tracker(before, "mine")
    moved = before.rename(tmp_path / "moved")
    with pytest.raises(UserError, match=r"moved or copied from .*before.*: move it back"):
        Tracker(moved, "mine")
    assert not before.exists()
