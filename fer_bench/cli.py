"""The commands; nothing heavy is imported before one of them runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from fer_bench.data_cli import app as data_app
from fer_bench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from fer_bench.plan import Plan

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
app.add_typer(data_app, name="data")
console = Console()

SPLITS = "official, union, random_80_10_10, random_80_20 or test_as_validation"
Mlruns = Annotated[Path, typer.Option(help="Folder of the databases, result files and artifacts.")]
Names = Annotated[str | None, typer.Option(help="Only these, separated by commas.")]


def main() -> None:
    """Run a command; an error that is the user's is a line or a few and exit code 2."""
    try:
        app(standalone_mode=True)
    except UserError as error:
        Console(stderr=True).print(f"[bold red]error:[/bold red] {escape(str(error))}", highlight=False)
        sys.exit(2)
    except BrokenPipeError:
        sys.exit(1)


@app.command()
def run(
    study: Annotated[str, typer.Option(help="Name of a study, or path of its YAML file.")] = "imbalance",
    dataset: Annotated[str | None, typer.Option(help="Another dataset than the study's.")] = None,
    split: Annotated[str | None, typer.Option(help=f"Another split than the study's: {SPLITS}.")] = None,
    budget: Annotated[str | None, typer.Option(help="One of the study's budgets, such as quick.")] = None,
    backbones: Names = None,
    strategies: Names = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Trials per cell.")] = None,
    repeats: Annotated[int | None, typer.Option(min=1, help="Repeats per cell.")] = None,
    mlruns: Mlruns = Path("mlruns"),
    storage: Annotated[str | None, typer.Option(help="Optuna storage, e.g. postgresql+psycopg://...")] = None,
    keep_weights: Annotated[str, typer.Option(help="none, one (each cell's median repeat) or all.")] = "one",
    yes: Annotated[bool, typer.Option("--yes", help="Start even what takes many hours.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False,
) -> None:
    """Run a study, or go on with it: tune every cell, repeat it with fresh seeds, log it all to MLflow.

    What is finished is never done again: the same command after a crash, or with more trials or repeats,
    does what is missing.

    [bold]Examples[/bold]

    fer-bench run --study imbalance

    fer-bench run --study imbalance --budget hour --backbones mobilenet_v2

    fer-bench run --study my_study.yaml --dry-run
    """
    from fer_bench.plan import make_plan
    from fer_bench.view import follow, show_plan

    if keep_weights not in ("none", "one", "all"):
        raise UserError(f"--keep-weights {keep_weights}: expected none, one or all")
    plan = make_plan(
        study, dataset=dataset, split=split, budget=budget, backbones=_listed(backbones),
        strategies=_listed(strategies), trials=trials, repeats=repeats, mlruns=mlruns, storage=storage,
        keep_weights=keep_weights, may_download=not dry_run,  # type: ignore[arg-type]
    )  # fmt: skip
    show_plan(plan, console)
    if dry_run:
        return
    _consent(plan, yes)
    from fer_bench.launch import run as launch

    try:
        end = follow(launch(plan), plan, console)
    except KeyboardInterrupt:
        console.print("interrupted; nothing finished is lost: the same command goes on where it stopped")
        raise SystemExit(130) from None
    _summary(plan, end)


def _listed(names: str | None) -> tuple[str, ...] | None:
    return tuple(name.strip() for name in names.split(",") if name.strip()) if names else None


def _consent(plan: Plan, yes: bool) -> None:
    from fer_bench.plan import MANY_HOURS
    from fer_bench.view import hours

    if yes or plan.hours <= MANY_HOURS:
        return
    if not sys.stdin.isatty():
        raise UserError(
            f"this plan takes roughly {hours(plan.hours)}: --yes starts it, --budget chooses a smaller one"
        )
    if not typer.confirm(f"This takes roughly {hours(plan.hours)}. Start?"):
        raise SystemExit(1)


def _summary(plan: Plan, end: dict[str, list[str]]) -> None:
    _show(_board(plan.study, plan.mlruns, plan.experiment))
    if failures := end["failures"]:
        console.print(f"[red]{len(failures)} failed, such as {escape(failures[0])}[/red]", soft_wrap=True)
    if end["busy"]:
        console.print(f"left to another worker that has them now: {', '.join(end['busy'])}")
    where = "" if plan.mlruns == Path("mlruns") else f" --mlruns {plan.mlruns}"
    console.print(
        f"runs: fer-bench ui{where}\n"
        f"csv:  fer-bench leaderboard --study {plan.study}{where} --out leaderboard.csv",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    if end["failures"]:
        raise SystemExit(1)


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
    from fer_bench.leaderboard import write_csv

    frame = _board(Path(study).stem, mlruns, None, every)
    _show(frame)
    if out:
        write_csv(frame, out)
        console.print(f"wrote {out}: {len(frame)} rows", highlight=False)


def _board(study: str, mlruns: Path, experiment: str | None, every: bool = False) -> pd.DataFrame:
    from fer_bench.history import read_study_runs
    from fer_bench.leaderboard import leaderboard as rank

    return rank(*read_study_runs(mlruns, study, experiment), all_recipes=every)


def _show(frame: pd.DataFrame) -> None:
    from fer_bench.leaderboard_table import table

    console.print(table(frame))


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
def doctor(mlruns: Mlruns = Path("mlruns")) -> None:
    """Say what fer-bench finds: versions, backend, devices, data, weights, stores."""
    from fer_bench.doctor import examine

    console.print(examine(mlruns))


if __name__ == "__main__":
    main()
