"""Options that several commands share, each said once, and the console that all print to."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_type_hints

import typer
from rich.console import Console

from fer_bench.data.split_names import SPLITS
from fer_bench.study.keep import Keep

console = Console()

*_MOST_SPLITS, _LAST_SPLIT = SPLITS
SPLIT_NAMES = f"{', '.join(_MOST_SPLITS)} or {_LAST_SPLIT}"
Mlruns = Annotated[Path, typer.Option(help="Folder of the databases, result files and artifacts.")]
Study = Annotated[str | None, typer.Option(help="Name of a study that was run; by default imbalance.")]
From = Annotated[
    Path | None,
    typer.Option("--from", help="A file of fer-bench bundle, instead of databases and artifacts."),
]
Names = Annotated[str | None, typer.Option(help="Only these, separated by commas.")]


@dataclass(frozen=True)
class PlanOptions:
    """What is to be run: options of `run` and of the workers that help it."""

    study: Annotated[str, typer.Option(help="Name of a study, or path of its YAML file.")] = "imbalance"
    dataset: Annotated[str | None, typer.Option(help="Another dataset than the study's.")] = None
    split: Annotated[str | None, typer.Option(help=f"Another split than the study's: {SPLIT_NAMES}.")] = None
    recipe: Annotated[str | None, typer.Option(help="One of the study's recipes; by default all.")] = None
    budget: Annotated[str | None, typer.Option(help="One of the study's budgets, such as quick.")] = None
    imbalance_ratio: Annotated[
        float | None,
        typer.Option(min=1, help="One of the study's imbalance ratios, or another; by default all."),
    ] = None
    label_noise: Annotated[
        float | None,
        typer.Option(min=0, help="One of the study's shares of wrong training labels, or another."),
    ] = None
    backbones: Names = None
    strategies: Names = None
    trials: Annotated[int | None, typer.Option(min=1, help="Trials per cell.")] = None
    repeats: Annotated[int | None, typer.Option(min=1, help="Repeats per cell.")] = None
    mlruns: Mlruns = Path("mlruns")
    storage: Annotated[str | None, typer.Option(help="Optuna storage, e.g. postgresql+psycopg://...")] = None
    keep_weights: Annotated[
        Keep, typer.Option(help="Of no repeat, of each cell's median one, or of all.")
    ] = "one"
    retry_failed: Annotated[
        bool,
        typer.Option("--retry-failed", help="Try again what failed before."),
    ] = False


@dataclass(frozen=True)
class RunOptions(PlanOptions):
    """What is to be run, by how many workers and where: the options of `run`."""

    workers: Annotated[
        int | None, typer.Option(min=1, help="Worker processes; by default one per GPU, else one.")
    ] = None
    engine: Annotated[Literal["local", "ray"], typer.Option(help="Where workers run.")] = "local"
    address: Annotated[
        str | None,
        typer.Option(help="Of the Ray cluster; else Ray finds or starts one."),
    ] = None
    yes: Annotated[bool, typer.Option("--yes", help="Start even what takes many hours.")] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False


Options = TypeVar("Options", bound=PlanOptions)


def takes(options: type[Options]) -> Callable[[Callable[[Options], None]], Callable[..., None]]:
    """Make a function of one options object a command that Typer shows with an option for each field."""
    hints = get_type_hints(options, include_extras=True)
    parameters = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(options)
    ]

    def as_command(function: Callable[[Options], None]) -> Callable[..., None]:
        @wraps(function)
        def command(**values: Any) -> None:
            function(options(**values))

        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = hints
        return command

    return as_command


def plural(number: int, word: str) -> str:
    """A number of things, such as `1 cell` or `2 cells`."""
    return f"{number} {word}" + ("" if number == 1 else "s")
