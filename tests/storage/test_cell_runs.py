"""The run of a whole cell in MLflow: one each, means over repeats, and nothing that counts depends on it."""

import math
import sqlite3
import time
from contextlib import closing

import pandas as pd
import pytest

from fer_bench.leaderboard.in_mlflow import METRICS, log_leaderboard
from fer_bench.leaderboard.ranking import leaderboard
from fer_bench.speed import many_runs
from fer_bench.storage.cell_runs import CellRun, log_study_files, scored, show_cells, study_run, summary
from fer_bench.storage.logged_runs import read_study_runs
from fer_bench.storage.mlflow_client import LoggedRun, create_store
from fer_bench.storage.tracking import Tracker

TAGS = {"study": "s", "backbone": "vgg16", "strategy": "none", "recipe": "r1", "cell": "abc"}


@pytest.fixture
def tracker(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    create_store(tmp_path)
    return Tracker(tmp_path, "s-data")


def begin(tracker, slot, kind="repeat", **scores):
    """A counted run of the cell, as it was made before there were runs of cells."""
    run = tracker.start(f"{kind} {slot}", TAGS | {"kind": kind, "slot": str(slot), "attempt": "1"}, {})
    tracker.log_numbers(run, scores)
    tracker.tag(run, "counted", "true")
    tracker.end(run, "FINISHED")
    return run


def repeat(tracker, slot, macro_f1):
    return begin(tracker, slot, **{"test/macro_f1": macro_f1, "val/macro_f1": 0.5, "train/loss": 1.0})


def of_cell(tracker) -> LoggedRun:
    (run,) = tracker.runs(kind="cell")
    return run


def log(tracker, **more):
    CellRun(tracker, TAGS).log(scored(tracker.runs(cell="abc", counted="true")), more or None)


def rows(tracker):
    """Everything that MLflow keeps of runs."""
    database = tracker.uri.removeprefix("sqlite:///")
    with closing(sqlite3.connect(database)) as connection:
        return {
            table: connection.execute(f"select * from {table} order by 1, 2, 3").fetchall()
            for table in ("runs", "tags", "params", "metrics")
        }


def test_a_mean_and_a_standard_deviation_by_hand(tracker):
    for slot, score in enumerate((0.5, 0.6, 0.7)):
        repeat(tracker, slot, score)
    found = summary(scored(tracker.runs(cell="abc")))
    expected = {"repeats": 3, "macro_f1": 0.6, "sd/macro_f1": 0.1, "val/macro_f1": 0.5, "sd/val/macro_f1": 0}
    assert found == pytest.approx(expected)
    assert summary([]) == {"repeats": 0}


def test_a_single_repeat_has_no_standard_deviation(tracker):
    repeat(tracker, 0, 0.5)
    assert summary(tracker.runs(cell="abc")) == {"repeats": 1, "macro_f1": 0.5, "val/macro_f1": 0.5}


def test_runs_from_before_are_nested_and_count_as_before(tracker):
    runs = [begin(tracker, 0, "trial"), repeat(tracker, 0, 0.5), repeat(tracker, 1, 0.7)]
    before = tracker.counted("abc")
    CellRun(tracker, TAGS).gather()
    log(tracker)
    cell = of_cell(tracker)
    assert {run.run_id: run.parent for run in tracker.runs(cell="abc")} == {
        **dict.fromkeys(runs, cell.run_id), cell.run_id: "",
    }  # fmt: skip
    assert cell.metrics["macro_f1"] == pytest.approx(0.6)
    assert tracker.counted("abc") == before and len(before) == 3


def test_a_cell_without_runs_gets_none(tracker):
    CellRun(tracker, TAGS).gather()
    CellRun(tracker, TAGS).end("KILLED")
    assert tracker.runs() == []


def test_done_again_it_changes_nothing(tracker):
    repeat(tracker, 0, 0.5)

    def states():
        for _ in range(3):
            CellRun(tracker, TAGS).gather()
            log(tracker, **{"low/macro_f1": 0.4})
            CellRun(tracker, TAGS).end("FINISHED")
            yield rows(tracker)

    first, *others = states()
    assert others == [first] * 2


def test_what_no_longer_holds_becomes_nan(tracker):
    repeat(tracker, 0, 0.5)
    log(tracker, **{"low/macro_f1": 0.4, "gain": 0.1})
    log(tracker)
    assert of_cell(tracker).metrics["low/macro_f1"] == 0.4, "the means are the same: the interval stays"
    log(tracker, **{"low/macro_f1": 0.4})
    assert math.isnan(of_cell(tracker).metrics["gain"]), "no longer known"
    repeat(tracker, 1, 0.7)
    log(tracker)
    found = of_cell(tracker).metrics
    assert found["macro_f1"] == pytest.approx(0.6) and math.isnan(found["low/macro_f1"]), "of other repeats"


def test_of_several_runs_of_one_cell_all_take_the_oldest(tracker):
    repeat(tracker, 0, 0.5)
    first = CellRun(tracker, TAGS).begin()
    time.sleep(0.01)
    second = tracker.start("the same", TAGS | {"kind": "cell"}, {})
    tracker.nest(tracker.runs(kind="repeat")[0].run_id, second)
    CellRun(tracker, TAGS).gather()
    assert of_cell(tracker).run_id == first
    assert tracker.runs(kind="repeat")[0].parent == first


def test_an_interrupted_cell_goes_on(tracker):
    cell = CellRun(tracker, TAGS)
    run = cell.begin()
    assert of_cell(tracker).status == "RUNNING"
    cell.end("KILLED")
    assert of_cell(tracker).status == "KILLED"
    assert cell.begin() == run and of_cell(tracker).status == "RUNNING"


def test_files_of_a_study_are_in_one_run_of_their_own(tracker, tmp_path):
    tracker.describe({"study": "s"})
    file = tmp_path / "report.html"
    for text in ("first", "second"):
        file.write_text(text)
        log_study_files(tmp_path, "s", [file])
    (run,) = tracker.runs(kind="study")
    assert (run.run_id, run.status) == (study_run(tmp_path, tracker.id), "FINISHED")
    (tmp_path / "fetched").mkdir()
    assert tracker.fetch(run.run_id, "report.html", tmp_path / "fetched").read_text() == "second"
    assert tracker.open_runs() == {}


@pytest.fixture
def many(tmp_path, monkeypatch):
    """A study of four cells, made without runs of cells."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    many_runs.make_store(tmp_path, 20, trials=3, repeats=2)
    return tmp_path


def board(mlruns):
    return leaderboard(*read_study_runs(mlruns, many_runs.STUDY))


def test_the_numbers_are_those_of_the_leaderboard_which_stays_the_same(many):
    before = board(many)
    for _ in range(2):
        log_leaderboard(many, many_runs.STUDY)
    pd.testing.assert_frame_equal(board(many), before)
    tracker = Tracker(many, f"{many_runs.STUDY}-fer2013-budget_0")
    cells = {run.tags["cell"]: run for run in tracker.runs(kind="cell")}
    assert len(cells) == len(before) == 4
    for row in before.to_dict("records"):
        found = cells[row["cell"]].metrics
        for column, name in METRICS.items():
            assert found.get(name) == pytest.approx(row[column]) or pd.isna(row[column]) == (
                name not in found
            )
        for column in ("macro_f1_sd", "accuracy_sd", "balanced_accuracy_sd"):
            assert found[f"sd/{column[:-3]}"] == pytest.approx(row[column], nan_ok=True)
        for column in ("accuracy", "balanced_accuracy", "f1_disgust"):
            assert found[column.replace("f1_d", "f1/d")] == pytest.approx(row[column])
    assert {run.status for run in cells.values()} == {"FINISHED"}
    nested = [run for run in tracker.runs() if run.parent]
    assert len(nested) == 20
    assert len(tracker.runs(kind="study")) == 1


def test_only_the_experiments_asked_for_are_written(many):
    show_cells(many, many_runs.STUDY, {}, only=["another"])
    assert Tracker(many, f"{many_runs.STUDY}-fer2013-budget_0").runs(kind="cell") == []
