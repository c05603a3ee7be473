"""`fer-bench leaderboard`: rank what was logged, on the terminal and as CSV."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from fer_bench.cli.options import From, Mlruns, Study, console

if TYPE_CHECKING:
    import pandas as pd


def leaderboard(
    study: Study = None,
    mlruns: Mlruns = Path("mlruns"),
    from_file: From = None,
    out: Annotated[Path | None, typer.Option(help="Write all columns to this CSV file.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also cells of earlier versions of the study.")
    ] = False,
) -> None:
    """Rank the cells of a study, one row each, with intervals; from what was logged, never from memory.

    [bold]Examples[/bold]

    fer-bench leaderboard --study imbalance --out leaderboard.csv

    fer-bench leaderboard --from results.zip
    """
    from fer_bench.files import check_csv, write_csv

    if out:
        check_csv(out)
    frame = board(study, mlruns, every=every, from_file=from_file)
    show(frame)
    if out:
        write_csv(frame, out)
        console.print(f"wrote {escape(str(out))}: {len(frame)} rows", highlight=False, soft_wrap=True)


def board(
    study: str | None,
    mlruns: Path,
    only: Collection[str] = (),
    every: bool = False,
    from_file: Path | None = None,
) -> pd.DataFrame:
    """Leaderboard of a study, of `only` some experiments or of all, or of a bundle."""
    from fer_bench.leaderboard.ranking import leaderboard as rank
    from fer_bench.storage.study_runs import read_runs

    runs = read_runs(mlruns, study, from_file, only=only, with_trials=False)
    return rank(runs.statuses, runs.repeats, all_recipes=every)


def show(frame: pd.DataFrame) -> None:
    """Print a leaderboard."""
    from fer_bench.leaderboard.terminal import table

    console.print(table(frame))
