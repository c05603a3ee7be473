"""The commands; nothing heavy is imported before one of them runs."""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from fer_bench.data_cli import app as data_app
from fer_bench.errors import UserError
from fer_bench.model_cli import export, predict, study_name
from fer_bench.run_cli import Mlruns, board, run, show, worker

app = typer.Typer(
    help="Which backbone, with which answer to class imbalance, reads facial expressions best?\n\n"
    "[bold]Examples[/bold]\n\n"
    "fer-bench run --study imbalance\n\n"
    "fer-bench ui\n\n"
    "fer-bench leaderboard --study imbalance --out leaderboard.csv",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from fer_bench.provenance import commit, versions

        typer.echo(f"fer-bench {versions().get('fer-bench', 'not installed')}, commit {commit()}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", help="Say which fer-bench this is.", callback=_version)
    ] = False,
) -> None:
    pass


app.add_typer(data_app, name="data")
app.command()(run)
app.command()(worker)
app.command()(export)
app.command()(predict)
console = Console()


def main() -> None:
    """Run a command; an error that is the user's is a line or a few and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # where a terminal's encoding lacks a sign
    try:
        try:
            app(standalone_mode=True)
        finally:
            if sys.stdout:
                sys.stdout.flush()
    except UserError as error:
        told = f"[bold red]error:[/bold red] {escape(str(error))}"
        Console(stderr=True).print(told, highlight=False, soft_wrap=True)
        sys.exit(2)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename:
            raise
        sys.stderr.write("error: no room where the output goes: free some, or send it elsewhere\n")
        os._exit(2)  # Python would try to write the rest once more


@app.command()
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
    from fer_bench.leaderboard import check_csv, write_csv

    if out:
        check_csv(out)
    frame = board(study_name(study), mlruns, every=every)
    show(frame)
    if out:
        write_csv(frame, out)
        console.print(f"wrote {escape(str(out))}: {len(frame)} rows", highlight=False, soft_wrap=True)


@app.command("list")
def list_(
    markdown: Annotated[bool, typer.Option("--markdown", help="As the README's tables.")] = False,
) -> None:
    """List studies, backbones, strategies and datasets, each with its first line."""
    from fer_bench.listing import markdown_tables, tables

    if markdown:
        console.print(markdown_tables(), highlight=False, markup=False, soft_wrap=True)
    else:
        console.print(tables())


@app.command()
def ui(
    mlruns: Mlruns = Path("mlruns"),
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 5050,
) -> None:
    """Open MLflow on the runs: compare their charts, and their per-class tables side by side."""
    from fer_bench.server import serve

    serve(mlruns, port, console)


@app.command()
def speed(
    measurements: Annotated[
        list[str] | None,
        typer.Argument(help="training, cell, predict, overhead, start, leaderboard, memory; by default all."),
    ] = None,
) -> None:
    """Measure how fast fer-bench is here, each figure beside what it is compared with; half an hour for all.

    For a machine that does nothing else meanwhile. What is wanted and missed is marked, and is no error.

    [bold]Example[/bold]

    fer-bench speed overhead start
    """
    from fer_bench.speed.measures import run as measure

    measure(measurements or (), console)


@app.command()
def doctor(mlruns: Mlruns = Path("mlruns")) -> None:
    """Say what fer-bench finds: versions, backend, devices, data, weights, stores."""
    from fer_bench.doctor import examine

    console.print(examine(mlruns))


if __name__ == "__main__":
    main()
