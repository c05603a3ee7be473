"""`fer-bench score`: what a model from elsewhere says of the test images, on a board of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from fer_bench.cli.leaderboard import board, show
from fer_bench.cli.options import SPLIT_NAMES, Mlruns, console


def score(
    file: Annotated[Path, typer.Argument(help="CSV or npz of probabilities or logits.")],
    dataset: Annotated[str, typer.Option(help="Whose test images they are of.")],
    name: Annotated[str, typer.Option(help="What to call the model.")],
    split: Annotated[str, typer.Option(help=f"{SPLIT_NAMES[0].upper()}{SPLIT_NAMES[1:]}.")] = "official",
    mlruns: Mlruns = Path("mlruns"),
) -> None:
    """Score a model that was trained elsewhere by its probabilities for the test images of a split.

    A CSV has a column per class, named like it, and a column id (as in the dataset, or the file's name alone)
    or position (among the test images, from 0); an npz has probabilities or logits, classes, and ids or
    positions. The model is logged, and stands beside studies on the same data, never ranked with their cells.

    [bold]Example[/bold]

    fer-bench score probabilities.csv --dataset fer2013 --split official --name theirs
    """
    from fer_bench.data.model_outputs import read_outputs
    from fer_bench.data.splits import split as split_images
    from fer_bench.datasets.base import open_dataset
    from fer_bench.errors import check_name
    from fer_bench.storage.databases import check_folder
    from fer_bench.storage.scored import STUDY, log_scored

    check_name("--name", name)
    check_folder(mlruns)
    images = open_dataset(dataset)
    parts = split_images(images, split)
    outputs = read_outputs(file, images.classes, images.ids, parts.test)
    for note in outputs.notes:
        console.print(f"[yellow]note:[/yellow] {escape(note)}", highlight=False, soft_wrap=True)
    log_scored(mlruns, name, images, parts, outputs)
    frame = board(STUDY, mlruns)
    show(frame[(frame["dataset"] == dataset) & (frame["split"] == split)])
