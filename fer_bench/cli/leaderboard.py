"""`fer-bench leaderboard`: rank what was logged, on the terminal and as CSV."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from fer_bench.cli.options import Mlruns, console

if TYPE_CHECKING:
    import pandas as pd


def leaderboard(
    study: Annotated[str, typer.Option(help="Name of a study that was run.")] = "imbalance",
    mlruns: Mlruns = Path("mlruns"),
    out: Annotated[Path | None, typer.Option(help="Write all columns to this CSV file.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also cells of earlier versions of the study.")
    ] = False,
) -> None:
    """Rank the cells of a study, one row each, with intervals; from what was logged, never from memory.

    [bold]Example[/bold]

    fer-bench leaderboard --study imbalance --out leaderboard.csv
    """
    from fer_bench.files import check_csv, write_csv
    from fer_bench.study.file import study_name

    if out:
        check_csv(out)
    frame = board(study_name(study), mlruns, every=every)
    show(frame)
    if out:
        write_csv(frame, out)
        console.print(f"wrote {escape(str(out))}: {len(frame)} rows", highlight=False, soft_wrap=True)


def board(study: str, mlruns: Path, only: Collection[str] = (), every: bool = False) -> pd.DataFrame:
    """Leaderboard of a study, of `only` some experiments or of all."""
    from fer_bench.leaderboard.ranking import leaderboard as rank
    from fer_bench.storage.logged_runs import read_study_runs

    return rank(*read_study_runs(mlruns, study, only), all_recipes=every)


def show(frame: pd.DataFrame) -> None:
    """Print a leaderboard."""
    from fer_bench.leaderboard.terminal import table

    console.print(table(frame))
