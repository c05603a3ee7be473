"""The commands that work on a study; nothing heavy is imported before one of them runs."""

from __future__ import annotations

import shlex
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.markup import escape

from fer_bench.cli.leaderboard import board, show
from fer_bench.cli.options import (
    Address,
    Budget,
    DatasetName,
    KeepWeights,
    Mlruns,
    Names,
    RecipeName,
    Repeats,
    RetryFailed,
    SplitName,
    Storage,
    StudyName,
    Trials,
    Workers,
    console,
)
from fer_bench.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from fer_bench.runner.events import Event
    from fer_bench.study.plan import Plan


def run(
    context: typer.Context,
    study: StudyName = "imbalance",
    dataset: DatasetName = None,
    split: SplitName = None,
    recipe: RecipeName = None,
    budget: Budget = None,
    backbones: Names = None,
    strategies: Names = None,
    trials: Trials = None,
    repeats: Repeats = None,
    mlruns: Mlruns = Path("mlruns"),
    storage: Storage = None,
    keep_weights: KeepWeights = "one",
    retry_failed: RetryFailed = False,
    workers: Workers = None,
    engine: Annotated[Literal["local", "ray"], typer.Option(help="Where workers run.")] = "local",
    address: Address = None,
    yes: Annotated[bool, typer.Option("--yes", help="Start even what takes many hours.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False,
) -> None:
    """Run a study, or go on with it: tune every cell, repeat it with fresh seeds, log it all to MLflow.

    What is finished is never done again: the same command after a crash, or with more trials or repeats,
    does what is missing; beside another that runs it joins in.

    [bold]Examples[/bold]

    fer-bench run --study imbalance

    fer-bench run --study imbalance --budget hour --backbones mobilenet_v2

    fer-bench run --study my_study.yaml --dry-run
    """
    from fer_bench.cli.plan_view import show_plans
    from fer_bench.runner.processes import run as launch
    from fer_bench.runner.processes import visible_devices
    from fer_bench.runner.ray_cluster import run as run_on_ray

    plans = _planned(context.params)
    show_plans(plans, console)
    if dry_run:
        return
    _consent(plans, yes)
    on_ray = partial(run_on_ray, address=address, workers=workers)
    start = on_ray if engine == "ray" else partial(launch, devices=visible_devices(workers))
    failures = _followed(plans, start)
    _summary(plans, study)
    _fail_if(failures)


def worker(
    context: typer.Context,
    study: StudyName = "imbalance",
    dataset: DatasetName = None,
    split: SplitName = None,
    recipe: RecipeName = None,
    budget: Budget = None,
    backbones: Names = None,
    strategies: Names = None,
    trials: Trials = None,
    repeats: Repeats = None,
    mlruns: Mlruns = Path("mlruns"),
    storage: Storage = None,
    keep_weights: KeepWeights = "one",
    retry_failed: RetryFailed = False,
) -> None:
    """Work on a study with others, on this machine or on several: takes cells that nobody works on.

    Start any number, with the options of the `run` they help. Workers of one machine share the folder mlruns;
    those of several need --storage postgresql+psycopg://... and MLFLOW_TRACKING_URI of one MLflow server.

    [bold]Example[/bold]

    fer-bench worker --study imbalance --budget full
    """
    plans = _planned(context.params)
    from fer_bench.runner.processes import run as launch

    failures = _followed(plans, launch)
    console.print(f"every cell of {plans[0].study} is done", highlight=False, markup=False)
    _fail_if(failures)


def _planned(options: dict[str, Any]) -> list[Plan]:
    from dataclasses import replace

    from fer_bench.storage.databases import check_folder, check_storage
    from fer_bench.study.plan import make_plans

    check_folder(options["mlruns"])
    check_storage(options["storage"])
    names = ("dataset", "split", "budget", "trials", "repeats", "mlruns", "storage")
    wanted = {name: options[name] for name in names} | {"recipe_name": options["recipe"]}
    wanted |= {name: _listed(options[name]) for name in ("backbones", "strategies")}
    plans = make_plans(options["study"], may_download=not options.get("dry_run"), **wanted)
    own = {name: options[name] for name in ("keep_weights", "retry_failed")}
    return [replace(plan, **own) for plan in plans]


def _followed(plans: list[Plan], start: Callable[[Plan], Generator[Event]]) -> list[str]:
    """Work on one plan after the other; what failed."""
    from fer_bench.cli.progress import follow
    from fer_bench.runner.processes import terminated_as_interrupted

    failures: list[str] = []
    with terminated_as_interrupted():
        try:
            for plan in plans:
                if plan.recipe_name:
                    console.print(f"recipe {plan.recipe_name}:", highlight=False, markup=False)
                with closing(start(plan)) as events:
                    failures += follow(events, plan, console)
        except KeyboardInterrupt:
            console.print("interrupted; nothing finished is lost: the same command goes on where it stopped")
            raise SystemExit(130) from None
    return failures


def _listed(names: str | None) -> tuple[str, ...] | None:
    return tuple(name.strip() for name in names.split(",") if name.strip()) if names is not None else None


def _consent(plans: list[Plan], yes: bool) -> None:
    from fer_bench.cli.plan_view import hours
    from fer_bench.study.cost import MANY_HOURS

    cost = sum(plan.hours for plan in plans)
    if yes or cost <= MANY_HOURS:
        return
    if not sys.stdin.isatty():
        raise UserError(
            f"this plan takes roughly {hours(cost)}: --yes starts it, --budget chooses a smaller one"
        )
    if not typer.confirm(f"This takes roughly {hours(cost)}. Start?"):
        raise SystemExit(1)


def _summary(plans: list[Plan], study: str) -> None:
    plan = plans[0]
    show(board(plan.study, plan.mlruns, [plan.experiment for plan in plans]))
    where = "" if plan.mlruns == Path("mlruns") else f" --mlruns {shlex.quote(str(plan.mlruns))}"
    console.print(
        f"runs: fer-bench ui{where}\n"
        f"csv:  fer-bench leaderboard --study {shlex.quote(study)}{where} --out leaderboard.csv",
        highlight=False, markup=False, soft_wrap=True,
    )  # fmt: skip


def _fail_if(failures: list[str]) -> None:
    if failures:
        console.print(
            f"[red]{len(failures)} failed, such as {escape(failures[0])}; once the cause is mended, "
            "--retry-failed tries them again[/red]",
            soft_wrap=True,
        )  # fmt: skip
        raise SystemExit(1)
