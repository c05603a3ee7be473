"""The small study run by the real command in processes of its own, and what it must have come to."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
from empty_stores import empty_stores
from soak import Books, ended, query, start
from tiny_study import tiny_study

STUDY = tiny_study(
    recipe={"augmentation": {"flip": True, "rotation": 10}}, strategies=["none", "class_weights"]
)
RUN = ("run", "--study", "tiny.yaml")
SLOTS = {"cells": 2, "trials": 2, "repeats": 2}
TIMES = ["train_seconds", "setup_seconds", "images_per_second", "commits"]


def run_to_the_end(
    folder: Path, hurt: str = "", words: tuple[str, ...] = RUN, real: bool = True, **options: Any
) -> tuple[int, str]:
    """Run a command to its end, whatever that is: exit code and what it printed; nothing of it is left.

    `hurt` and the options are those of `start`. If it isn't to be `real`, trainings are stand-ins, and empty
    databases are there from the first.
    """
    (folder / "tiny.yaml").write_text(STUDY)
    if not real and not (folder / "mlruns").exists():
        shutil.copytree(empty_stores(), folder / "mlruns")
    process = start(folder, *words, hurt=hurt if real else f"stand_in()\n{hurt}", **options)
    code = process.wait(timeout=900)
    assert ended(process.pid) == []
    return code, (folder / "output.txt").read_text()


def leaderboard_csv(folder: Path) -> pd.DataFrame:
    """The leaderboard's CSV as text, less what may differ from one time to another."""
    from fer_bench.files import write_csv
    from fer_bench.leaderboard.ranking import leaderboard
    from fer_bench.storage.logged_runs import read_study_runs

    write_csv(leaderboard(*read_study_runs(folder / "mlruns", "tiny")), folder / "board.csv")
    return pd.read_csv(io.StringIO((folder / "board.csv").read_text()), dtype=str).drop(columns=TIMES)


def assert_goes_on(folder: Path, undisturbed: pd.DataFrame, real: bool = True) -> None:
    """The same command makes the study what it would have been, and trains nothing again."""
    before = Books.of(folder / "mlruns").results
    code, output = run_to_the_end(folder, real=real)
    assert code == 0, output
    after = Books.of(folder / "mlruns").results
    assert before.items() <= after.items(), "finished slots stay as they were"
    assert len({name.rsplit("-", 1)[0] for name in after}) == len(after) == 8, (
        "one attempt of each got to its end"
    )
    assert_whole(folder, undisturbed)


def assert_whole(folder: Path, undisturbed: pd.DataFrame) -> None:
    """Every slot counts once, with whole artifacts, and the leaderboard is that of an undisturbed run."""
    assert Books.of(folder / "mlruns").faults(**SLOTS) == []
    pd.testing.assert_frame_equal(leaderboard_csv(folder), undisturbed)
    for table in (folder / "mlruns" / "artifacts").rglob("per_class.json"):
        if str(table.parent.parent.name) in _counted_runs(folder):
            assert len(json.loads(table.read_text())["data"]) == 7, "one row for each class"


def _counted_runs(folder: Path) -> set[str]:
    statement = "select run_uuid from tags where key = 'fer_bench.counted' and value = 'true'"
    return {run for (run,) in query(folder / "mlruns" / "mlflow.db", statement)}
