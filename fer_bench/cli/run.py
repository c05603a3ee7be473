"""The commands that work on a study; nothing heavy is imported before one of them runs."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import typer
from rich.markup import escape

from fer_bench.cli.leaderboard import board, show
from fer_bench.cli.options import PlanOptions, RunOptions, console, takes
from fer_bench.cli.report import report_of_run
from fer_bench.errors import UserError, phrase

if TYPE_CHECKING:
    from fer_bench.runner.events import Event
    from fer_bench.study.plan import Plan

    Start: TypeAlias = Callable[[Plan], Generator[Event]]


@takes(RunOptions)
def run(options: RunOptions) -> None:
    """Run a study, or go on with it: tune every cell, repeat it with fresh seeds, log it all to MLflow.

    What is finished is never done again: the same command after a crash, or with more trials or repeats,
    does what is missing; beside another that runs it joins in.

    [bold]Examples[/bold]

    fer-bench run --study imbalance

    fer-bench run --study imbalance --budget hour --backbones mobilenet_v2

    fer-bench run --study my_study.yaml --dry-run
    """
    from fer_bench.cli.plan_view import show_plans

    plans = plans_for(options, may_download=not options.dry_run)
    show_plans(plans, console)
    if options.dry_run:
        return
    ask_consent(plans, options.yes)
    failures = run_all(plans, _starter(options))
    _show_results(plans, options.study)
    exit_if_failed(failures)


@takes(PlanOptions)
def worker(options: PlanOptions) -> None:
    """Work on a study with others, on this machine or on several: takes cells that nobody works on.

    Start any number, with the options of the `run` they help. Workers of one machine share the folder mlruns;
    those of several need --storage postgresql+psycopg://... and MLFLOW_TRACKING_URI of one MLflow server.

    [bold]Example[/bold]

    fer-bench worker --study imbalance --budget full
    """
    from fer_bench.runner.processes import run as run_here

    plans = plans_for(options)
    failures = run_all(plans, run_here)
    console.print(f"every cell of {plans[0].study} is done", highlight=False, markup=False)
    exit_if_failed(failures)


def plans_for(options: PlanOptions, may_download: bool = True) -> list[Plan]:
    """A plan for each recipe and training set; raises UserError for what can't be run."""
    from fer_bench.storage.databases import check_folder, check_storage
    from fer_bench.study.plan import make_plans

    check_folder(options.mlruns)
    check_storage(options.storage)
    plans = make_plans(
        options.study,
        recipe_name=options.recipe,
        dataset=options.dataset,
        split=options.split,
        budget=options.budget,
        imbalance_ratio=options.imbalance_ratio,
        label_noise=options.label_noise,
        backbones=_listed(options.backbones),
        strategies=_listed(options.strategies),
        trials=options.trials,
        repeats=options.repeats,
        mlruns=options.mlruns,
        storage=options.storage,
        may_download=may_download,
    )
    return [
        replace(plan, keep_weights=options.keep_weights, retry_failed=options.retry_failed) for plan in plans
    ]


def _listed(names: str | None) -> tuple[str, ...] | None:
    return tuple(name.strip() for name in names.split(",") if name.strip()) if names is not None else None


def _starter(options: RunOptions) -> Start:
    """What runs a plan: workers on this machine, or on a Ray cluster."""
    if options.engine == "ray":
        from fer_bench.runner.ray_cluster import run as run_on_ray

        return partial(run_on_ray, address=options.address, workers=options.workers)
    from fer_bench.runner.processes import run as run_here
    from fer_bench.runner.processes import visible_devices

    return partial(run_here, devices=visible_devices(options.workers))


def run_all(plans: Sequence[Plan], start: Start) -> list[str]:
    """Run one plan after the other and show how it goes; what failed, a line each."""
    from fer_bench.cli.progress import follow
    from fer_bench.runner.processes import terminated_as_interrupted

    failures: list[str] = []
    with terminated_as_interrupted():
        try:
            for plan in plans:
                if plan.part:
                    console.print(f"{plan.part}:", highlight=False, markup=False)
                with closing(start(plan)) as events:
                    failures += follow(events, plan, console)
        except KeyboardInterrupt:
            console.print("interrupted; nothing finished is lost: the same command goes on where it stopped")
            raise SystemExit(130) from None
    return failures


def ask_consent(plans: Sequence[Plan], yes: bool) -> None:
    """Ask before many hours begin; raises UserError where nobody is there to answer."""
    from fer_bench.cli.plan_view import duration
    from fer_bench.study.cost import MANY_HOURS

    cost = sum(plan.hours for plan in plans)
    if yes or cost <= MANY_HOURS:
        return
    if not sys.stdin.isatty():
        raise UserError(
            f"this plan takes roughly {duration(cost)}: --yes starts it, --budget chooses a smaller one"
        )
    if not typer.confirm(f"This takes roughly {duration(cost)}. Start?"):
        raise SystemExit(1)


def _show_results(plans: Sequence[Plan], study: str) -> None:
    mlruns, experiments = plans[0].mlruns, [plan.experiment for plan in plans]
    show(board(plans[0].study, mlruns, experiments))
    page = report_of_run(plans[0].study, mlruns, experiments)
    _log_leaderboard(plans, [page] if page else [])
    console.print(next_commands(study, mlruns), highlight=False, markup=False, soft_wrap=True)


def _log_leaderboard(plans: Sequence[Plan], files: Sequence[Path]) -> None:
    """Log the leaderboard and other files to MLflow; a store that is away costs no run."""
    from fer_bench.leaderboard.in_mlflow import log_leaderboard

    try:
        only = [plan.experiment for plan in plans]
        log_leaderboard(plans[0].mlruns, plans[0].study, only, files)
    except Exception as error:  # MLflow lets the stores' own errors through
        reason = escape(phrase(error))
        console.print(f"cells in MLflow are shown as they were ({reason}); fer-bench ui tries again")


def next_commands(study: str, mlruns: Path) -> str:
    """Commands to look further into what was run, as a shell takes them."""
    option = "" if mlruns == Path("mlruns") else f" --mlruns {shlex.quote(str(mlruns))}"
    return (
        f"runs: fer-bench ui{option}\n"
        f"csv:  fer-bench leaderboard --study {shlex.quote(study)}{option} --out leaderboard.csv"
    )


def exit_if_failed(failures: Sequence[str]) -> None:
    """End the program with code 1 where something failed, and name the first of it."""
    if failures:
        console.print(
            f"[red]{len(failures)} failed, such as {escape(failures[0])}; once the cause is mended, "
            "--retry-failed tries them again[/red]",
            soft_wrap=True,
        )  # fmt: skip
        raise SystemExit(1)
