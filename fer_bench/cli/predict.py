"""`fer-bench predict`: expressions in pictures; nothing heavy is imported before it runs."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from fer_bench.cli.options import console
from fer_bench.cli.quiet_keras import load_keras
from fer_bench.errors import UserError

if TYPE_CHECKING:
    from fer_bench.inference.predict import Prediction

COLUMNS = ("file", "expression", "probability", "faces", "notes")  # of the CSV, before one for each class


def predict(
    # Not as paths: an empty name would become the current folder.
    pictures: Annotated[list[str], typer.Argument(help="Pictures, and folders of pictures.", metavar="PATH")],
    model: Annotated[Path, typer.Option(help="A file that fer-bench export wrote.")],
    no_detect: Annotated[
        bool,
        typer.Option("--no-detect", help="Take pictures whole, even large ones, without a search for faces."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line and picture.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV, one column per class.")] = False,
) -> None:
    """Predict the expression of the face in each picture.

    In a picture larger than a face crop (shorter side more than 1.5 times the longer side of the images that
    the model was trained on) the largest face is found and cropped.
    Files that can't be read are named on standard error, and then the exit code is 1.

    [bold]Examples[/bold]

    fer-bench predict --model model.keras portrait.jpg holiday/

    fer-bench predict --model model.keras --csv faces/ > faces.csv
    """
    if as_json and as_csv:
        raise UserError("--json and --csv: choose one of them")
    from fer_bench.inference.pictures import list_pictures
    from fer_bench.inference.predict import Unreadable
    from fer_bench.inference.predict import predict as predict_files

    files = list_pictures(pictures)
    from fer_bench.inference.model_file import format_of, open_model

    if format_of(model) == "keras":
        load_keras()
    opened = open_model(model)
    if as_csv and (twice := sorted({*COLUMNS} & {*opened.classes})):
        raise UserError(f"--csv has columns of its own named like classes: {', '.join(twice)}; use --json")
    output_format = _Json if as_json else _Csv if as_csv else _Table
    output: _Output = output_format(opened.classes)
    unreadable = 0
    for result in predict_files(opened, files, not no_detect):
        if isinstance(result, Unreadable):
            unreadable += 1
            line = f"[red]not read:[/red] {escape(result.file)}: {escape(result.reason)}"
            Console(stderr=True).print(line, highlight=False, soft_wrap=True)
        else:
            output.add(result)
    output.end()
    if unreadable:
        raise SystemExit(1)


class _Output(Protocol):
    """A format of predictions."""

    def add(self, prediction: Prediction) -> None: ...

    def end(self) -> None: ...


class _Json:
    """A line per picture."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self._classes = classes

    def add(self, prediction: Prediction) -> None:
        typer.echo(json.dumps(prediction.row(self._classes)))

    def end(self) -> None:
        pass


class _Csv:
    """A header, and a row per picture."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self._classes = classes
        self._rows = csv.writer(sys.stdout, lineterminator="\n")
        self._rows.writerow([*COLUMNS, *classes])

    def add(self, prediction: Prediction) -> None:
        row = prediction.row(self._classes)
        first = [row["file"], row["expression"], row["probability"], row["faces"], "; ".join(row["notes"])]
        self._rows.writerow(first + [row["probabilities"][name] for name in self._classes])

    def end(self) -> None:
        sys.stdout.flush()


class _Table:
    """A table at the end."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self._classes = classes
        self._picture = Column("Picture", overflow="fold", no_wrap=True)
        self._table = Table(self._picture, "Expression", "Second", "Remarks", box=None, pad_edge=False)

    def add(self, prediction: Prediction) -> None:
        likeliest = prediction.row(self._classes)["probabilities"].items()
        first, second, *_ = (f"{escape(name)} {probability:.1%}" for name, probability in likeliest)
        if len(prediction.file) > console.width // 2:
            self._picture.no_wrap = False
        self._table.add_row(escape(prediction.file), first, second, "; ".join(prediction.notes))

    def end(self) -> None:
        if self._table.row_count:
            console.print(self._table)
