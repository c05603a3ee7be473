"""The program `fer-bench`: its commands, and how errors end it."""

from __future__ import annotations

import errno
import inspect
import io
import os
import re
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from fer_bench.cli.bundle import bundle, verify
from fer_bench.cli.data import app as data_app
from fer_bench.cli.demo import demo
from fer_bench.cli.explain import explain
from fer_bench.cli.export import export
from fer_bench.cli.leaderboard import leaderboard
from fer_bench.cli.options import Mlruns, console
from fer_bench.cli.predict import predict
from fer_bench.cli.recommend import recommend
from fer_bench.cli.report import report
from fer_bench.cli.run import run, worker
from fer_bench.cli.score import score
from fer_bench.errors import UserError

app = typer.Typer(
    help="Which backbone, with which answer to class imbalance, reads facial expressions best?\n\n"
    "[bold]Examples[/bold]\n\n"
    "fer-bench run --study imbalance\n\n"
    "fer-bench report --study imbalance\n\n"
    "fer-bench ui\n\n"
    "fer-bench leaderboard --study imbalance --out leaderboard.csv",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        from fer_bench.environment import commit, versions

        typer.echo(f"fer-bench {versions().get('fer-bench', 'not installed')}, commit {commit()}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", help="Say which fer-bench this is.", callback=_print_version)
    ] = False,
) -> None:
    pass


app.add_typer(data_app, name="data")
app.command()(run)
app.command()(worker)
app.command()(leaderboard)
app.command()(recommend)
app.command()(report)
app.command()(bundle)
app.command()(verify)
app.command()(score)
app.command()(export)
app.command()(predict)
app.command()(explain)
app.command()(demo)


def main() -> None:
    """Run a command; a UserError is printed in a line or a few, with exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # for signs that the terminal's encoding lacks
    try:
        try:
            app(standalone_mode=True)
        finally:
            if sys.stdout:
                sys.stdout.flush()
    except UserError as error:
        message = f"[bold red]error:[/bold red] {escape(str(error))}"
        Console(stderr=True).print(message, highlight=False, soft_wrap=True)
        sys.exit(2)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename:
            raise
        sys.stderr.write("error: no room where the output goes: free some, or send it elsewhere\n")
        os._exit(2)  # Python would try to write the rest once more


@app.command("list")
def list_(
    markdown: Annotated[bool, typer.Option("--markdown", help="As the tables of the documents.")] = False,
) -> None:
    """List studies, backbones, strategies and datasets, each with its first line."""
    from fer_bench.cli.listing import markdown_tables, tables

    if markdown:
        console.print(markdown_tables(), highlight=False, markup=False, soft_wrap=True)
    else:
        console.print(tables())


@app.command()
def ui(
    mlruns: Mlruns = Path("mlruns"),
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 5050,
) -> None:
    """Open MLflow on the cells of every study: scores, bars, and per-class tables side by side."""
    from fer_bench.cli.mlflow_ui import serve

    serve(mlruns, port, console)


@app.command()
def speed(
    measurements: Annotated[
        list[str] | None,
        typer.Argument(
            help="training, cell, study, predict, faces, overhead, start, leaderboard, memory; "
            "by default all."
        ),
    ] = None,
) -> None:
    """Measure how fast fer-bench is here, each figure beside what it is compared with; half an hour for all.

    For a machine that does nothing else meanwhile. What is wanted and missed is marked, and is no error.

    [bold]Example[/bold]

    fer-bench speed overhead start
    """
    from fer_bench.speed.report import run as run_measurements

    run_measurements(measurements or (), console)


@app.command()
def doctor(mlruns: Mlruns = Path("mlruns")) -> None:
    """Say what fer-bench finds: versions, backend, devices, data, weights, stores."""
    from fer_bench.cli.doctor import examine

    console.print(examine(mlruns))


def _fill_width(commands: typer.Typer) -> None:
    """Have paragraphs of help end their lines where the terminal ends, not where docstrings do."""
    for command in commands.registered_commands:
        described = inspect.cleandoc(command.callback.__doc__ or "") if command.callback else ""
        command.help = re.sub(r"(?<!\n)\n(?!\n)", " ", described)


_fill_width(app)
_fill_width(data_app)
