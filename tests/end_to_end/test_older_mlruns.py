"""A folder of results made before the code was laid out in packages is read, continued and exported."""

import os
import sqlite3
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from soak import Books

import fer_bench

ARCHIVE = Path(__file__).with_name("mlruns_before_packages.zip")  # made by commit c5ddede, less its pictures


@pytest.fixture
def mlruns(tmp_path, monkeypatch) -> Path:
    """The folder as its maker left it, with the study and the leaderboard of then beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FER_BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = tmp_path / "mlruns"
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(folder)
    for name in ("mlflow", "optuna"):
        script = (folder / f"{name}.sql").read_text().replace("@MLRUNS@", str(folder.resolve()))
        with sqlite3.connect(folder / f"{name}.db") as database:
            database.executescript(script)
        database.close()
    for name in ("before.yaml", "before.csv"):
        os.replace(folder / name, tmp_path / name)
    return folder


def board(mlruns: Path) -> pd.DataFrame:
    from fer_bench.files import write_csv
    from fer_bench.leaderboard.ranking import leaderboard
    from fer_bench.storage.logged_runs import read_study_runs

    write_csv(leaderboard(*read_study_runs(mlruns, "before")), Path("now.csv"))
    return pd.read_csv("now.csv", dtype=str)


def test_its_leaderboard_is_the_same_to_the_last_digit(mlruns):
    now, before = board(mlruns), pd.read_csv("before.csv", dtype=str)
    pd.testing.assert_frame_equal(now[before.columns], before)
    younger = [name for name in now if name not in before]
    assert {"shared_seconds", "shared_phases", "val_macro_f1"} < set(younger)
    assert now[["shared_seconds", "shared_phases"]].isna().all(axis=None), "there were no shared phases"
    assert now["val_macro_f1"].notna().all()


def test_it_is_bundled_and_all_of_it_fits(mlruns):
    from fer_bench.leaderboard.ranking import leaderboard
    from fer_bench.storage.bundle_writer import write_bundle
    from fer_bench.storage.study_runs import read_runs
    from fer_bench.storage.verify import verify

    runs = read_runs(mlruns, "before")
    assert write_bundle(runs, "before", Path("results.zip")).without == 0
    assert verify(Path("results.zip")).faults == []
    again = read_runs(Path("nowhere"), None, Path("results.zip"))
    frames = (leaderboard(each.statuses, each.repeats) for each in (again, runs))
    pd.testing.assert_frame_equal(*frames, check_exact=True)


def test_its_report_is_the_same_from_its_stores_and_from_a_bundle(mlruns):
    from fer_bench.report.page import write_report
    from fer_bench.storage.bundle_writer import write_bundle
    from fer_bench.storage.study_runs import read_runs

    write_bundle(read_runs(mlruns, "before"), "before", Path("results.zip"))
    pages = [fer_bench.report("before", mlruns, "here.html")]
    pages.append(write_report(Path("new/there.html"), Path("nowhere"), None, Path("results.zip")))
    here, there = (page.read_text("utf-8").partition("<footer>") for page in pages)
    assert here[0] == there[0]
    assert "fer-bench report --study before --mlruns" in here[2]
    assert "fer-bench report --from results.zip --out there.html" in there[2]


def test_it_is_continued_and_exported_and_nothing_is_trained_again(mlruns):
    from fer_bench.inference.export import export
    from fer_bench.runner.events import SlotEnded
    from fer_bench.runner.worker import work
    from fer_bench.study.plan import make_plan

    exported = export(mlruns, "before", "compact_cnn/none", {}, Path("model.keras"))
    assert exported.kept.record.slot == 0
    assert exported.difference is not None and exported.difference < 1e-5
    events = []
    assert work(make_plan("before.yaml", trials=1, repeats=1), events.append) == []
    assert not [event for event in events if isinstance(event, SlotEnded)], "all is there already"
    assert work(make_plan("before.yaml", trials=1, repeats=2), events.append) == []
    trained = [(e.cell, e.kind, e.slot, e.status) for e in events if isinstance(e, SlotEnded)]
    strategies = ("none", "oversampling")
    assert trained == [(f"compact_cnn/{name}", "repeat", 1, "complete") for name in strategies]
    now, before = board(mlruns), pd.read_csv("before.csv", dtype=str)
    assert now["repeats"].tolist() == ["2", "2"]
    assert now["warnings"].str.contains("1 of 2 repeats were added when 1 had been tested").all()
    books = Books.of(mlruns)
    assert list(books.cells.values()) == [["FINISHED"], ["FINISHED"]], "each cell has a run of its own now"
    assert set(books.nested.values()) == {1 + 2}, "under which the older runs are as well"
    assert sorted(now["cell"]) == sorted(before["cell"]), "keys stay"
    assert all("c5ddede" in commits for commits in now["commits"]), "and where the older repeats came from"
