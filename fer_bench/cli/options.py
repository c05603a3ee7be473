"""Options that several commands share, each said once, and the console that all print to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

console = Console()

SPLITS = "official, union, random_80_10_10, random_80_20 or test_as_validation"
Mlruns = Annotated[Path, typer.Option(help="Folder of the databases, result files and artifacts.")]
Names = Annotated[str | None, typer.Option(help="Only these, separated by commas.")]
StudyName = Annotated[str, typer.Option(help="Name of a study, or path of its YAML file.")]
DatasetName = Annotated[str | None, typer.Option(help="Another dataset than the study's.")]
SplitName = Annotated[str | None, typer.Option(help=f"Another split than the study's: {SPLITS}.")]
RecipeName = Annotated[str | None, typer.Option(help="One of the study's recipes; by default all.")]
Budget = Annotated[str | None, typer.Option(help="One of the study's budgets, such as quick.")]
Trials = Annotated[int | None, typer.Option(min=1, help="Trials per cell.")]
Repeats = Annotated[int | None, typer.Option(min=1, help="Repeats per cell.")]
Storage = Annotated[str | None, typer.Option(help="Optuna storage, e.g. postgresql+psycopg://...")]
Keep = Literal["none", "one", "all"]
KeepWeights = Annotated[Keep, typer.Option(help="Of no repeat, of each cell's median one, or of all.")]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Try again what failed before.")]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Worker processes; by default one per GPU, else one.")
]
Address = Annotated[str | None, typer.Option(help="Of the Ray cluster; else Ray finds or starts one.")]


def study_name(given: str) -> str:
    """Name of a study that is given by name or by its YAML file's path."""
    return Path(given).name.removesuffix(".yaml").removesuffix(".yml")
