"""The numbers of a leaderboard in MLflow: in the run of each cell, and as a file of the study's own run."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

import pandas as pd

from fer_bench.files import write_csv
from fer_bench.leaderboard.board import Row, board_rows
from fer_bench.leaderboard.ranking import find_boards, frame
from fer_bench.leaderboard.score_intervals import score_intervals
from fer_bench.storage.cell_runs import log_study_files, show_cells
from fer_bench.storage.logged_runs import read_study_runs
from fer_bench.storage.records import safe_name

CSV = "leaderboard.csv"
METRICS = {  # names in MLflow by names of columns
    "rank": "rank",
    "rarest_class_recall": "rarest_class_recall",
    "gain": "gain",
    "gain_p": "gain_p",
    **{f"{name}_{end}": f"{end}/{name}" for name in ("macro_f1", "gain") for end in ("low", "high")},
    **{
        f"{part}_macro_f1_{end}": f"{end}/{part}/macro_f1"
        for part in ("dedup", "near_dedup")
        for end in ("low", "high")
    },
}


def log_leaderboard(
    mlruns: Path, study: str, only: Collection[str] = (), files: Collection[Path] = ()
) -> None:
    """Log a study's leaderboard to the runs of its cells, and with other `files` to that of the study.

    Of all of the study's experiments or of `only` some. Numbers that are there already aren't logged again.
    Raises UserError where the runs can't be read or the folder was moved.
    """
    boards = find_boards(*read_study_runs(mlruns, study, only))
    rows = [board_rows(board) for board in boards]
    numbers: dict[tuple[str, str, str, str], dict[str, float]] = {}
    for board, of_board in zip(boards, rows, strict=True):
        ends = score_intervals(board)
        for row in of_board:
            place = row["recipe_name"], row["dataset"], row["budget"], row["cell"]
            numbers[place] = _numbers(row, ends.get(row["cell"], {}))
    show_cells(mlruns, study, numbers, only)
    with tempfile.TemporaryDirectory() as folder:
        write_csv(frame([row for of_board in rows for row in of_board]), Path(folder) / CSV)
        log_study_files(mlruns, study, [Path(folder) / CSV, *files], only)


def _numbers(row: Row, ends: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """What is known of a cell, by the names of MLflow's metrics."""
    values = {name: row.get(column) for column, name in METRICS.items()}
    for score, (low, high) in ends.items():
        values |= {f"low/{safe_name(score)}": low, f"high/{safe_name(score)}": high}
    return {name: float(value) for name, value in values.items() if not pd.isna(value)}
