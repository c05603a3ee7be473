"""The numbers of a leaderboard in MLflow: in the run of each cell, and as a file of the study's own run."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from fer_bench.files import write_csv
from fer_bench.leaderboard.ranking import leaderboard
from fer_bench.storage.cell_runs import PLACE, log_study_files, show_cells
from fer_bench.storage.logged_runs import read_study_runs

CSV = "leaderboard.csv"
METRICS = {  # names in MLflow by names of columns
    "rank": "rank",
    "rarest_class_recall": "rarest_class_recall",
    "gain": "gain",
    "gain_p": "gain_p",
    **{f"{name}_{end}": f"{end}/{name}" for name in ("macro_f1", "gain") for end in ("low", "high")},
    "dedup_macro_f1_low": "low/dedup/macro_f1",
    "dedup_macro_f1_high": "high/dedup/macro_f1",
}


def refresh(mlruns: Path, study: str) -> None:
    """Log the leaderboard of what there is of a study. Raises UserError where that can't be read."""
    log_leaderboard(mlruns, study, leaderboard(*read_study_runs(mlruns, study)))


def log_leaderboard(
    mlruns: Path, study: str, frame: pd.DataFrame, only: Collection[str] = (), files: Collection[Path] = ()
) -> None:
    """Log a study's leaderboard to the runs of its cells, and with other `files` to that of the study.

    `frame` is that of `leaderboard`, of all of the study's experiments or of `only` some. What is there
    already isn't logged again. Raises UserError where the folder was moved.
    """
    numbers = {}
    for row in frame.to_dict("records"):
        known = {name: float(row[column]) for column, name in METRICS.items() if not pd.isna(row[column])}
        *place, cell = (str(row[key]) for key in (*PLACE, "cell"))
        numbers[place[0], place[1], place[2], cell] = known
    show_cells(mlruns, study, numbers, only)
    with tempfile.TemporaryDirectory() as folder:
        write_csv(frame, Path(folder) / CSV)
        log_study_files(mlruns, study, [Path(folder) / CSV, *files], only)
