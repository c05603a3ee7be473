"""`fer-bench predict`: expressions in pictures; nothing heavy is imported before it runs."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from fer_bench.cli.options import console
from fer_bench.cli.quiet_keras import load_keras
from fer_bench.errors import UserError

if TYPE_CHECKING:
    from fer_bench.inference.pictures import Unreadable
    from fer_bench.inference.predict import Prediction

COLUMNS = ("file", "expression", "probability", "faces", "notes")  # of the CSV, before one for each class
FACE_COLUMNS = ("face", "left", "top", "right", "bottom")  # after them


def predict(
    # Not as paths: an empty name would become the current folder.
    pictures: Annotated[list[str], typer.Argument(help="Pictures, and folders of pictures.", metavar="PATH")],
    model: Annotated[Path, typer.Option(help="A file that fer-bench export wrote.")],
    no_detect: Annotated[
        bool,
        typer.Option("--no-detect", help="Take pictures whole, even large ones, without a search for faces."),
    ] = False,
    faces: Annotated[
        Literal["largest", "all"],
        typer.Option(help="Of each picture: its largest face, or all, a row each, numbered by size."),
    ] = "largest",
    align: Annotated[
        bool, typer.Option("--align", help="Turn tilted heads upright, up to 60 degrees.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line and picture.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV, one column per class.")] = False,
) -> None:
    """Predict the expression of the face in each picture, or with --faces all of every face.

    In a picture larger than a face crop (shorter side more than 1.5 times the longer side of the images that
    the model was trained on) faces are found and cropped. JSON and CSV tell where: the box in pixels of the
    upright picture, and the number of the face, the largest being 1.
    Files that can't be read are named on standard error, and then the exit code is 1.

    [bold]Examples[/bold]

    fer-bench predict --model model.keras portrait.jpg holiday/

    fer-bench predict --model model.keras --csv faces/ > faces.csv

    fer-bench predict --model model.keras --faces all group.jpg
    """
    if as_json and as_csv:
        raise UserError("--json and --csv: choose one of them")
    if no_detect and (faces == "all" or align):
        raise UserError(
            f"--no-detect leaves no face to {'align' if align else 'list'}: leave one of them out"
        )
    from fer_bench.inference.face_detector import why_haar
    from fer_bench.inference.pictures import list_pictures
    from fer_bench.inference.predict import predict as predict_files

    files = list_pictures(pictures)
    load_keras()
    from fer_bench.inference.model_file import open_model

    opened = open_model(model)
    if as_csv and (twice := sorted({*COLUMNS, *FACE_COLUMNS} & {*opened.classes})):
        raise UserError(f"--csv has columns of its own named like classes: {', '.join(twice)}; use --json")
    if not no_detect and (reason := why_haar()):
        _say("note:", f"faces are searched for by Haar's cascade, which finds fewer: {reason}")
    output_format = _Json if as_json else _Csv if as_csv else _Table
    _print(predict_files(opened, files, not no_detect, faces, align), output_format(opened.classes))


def _print(results: Iterable[Prediction | Unreadable], output: _Output) -> None:
    """Print predictions, and on standard error what couldn't be read, after which SystemExit is raised."""
    from fer_bench.inference.predict import Prediction

    unreadable = 0
    for result in results:
        if isinstance(result, Prediction):
            output.add(result)
        else:
            unreadable += 1
            _say("[red]not read:[/red]", f"{result.file}: {result.reason}")
    output.end()
    if unreadable:
        raise SystemExit(1)


def _say(kind: str, line: str) -> None:
    """Print a line on standard error."""
    Console(stderr=True).print(f"{kind} {escape(line)}", highlight=False, soft_wrap=True)


class _Output(Protocol):
    """A format of predictions."""

    def add(self, prediction: Prediction) -> None: ...

    def end(self) -> None: ...


class _Json:
    """A line per picture or face."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self._classes = classes

    def add(self, prediction: Prediction) -> None:
        typer.echo(json.dumps(prediction.row(self._classes)))

    def end(self) -> None:
        pass


class _Csv:
    """A header, and a row per picture or face."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self._classes = classes
        self._rows = csv.writer(sys.stdout, lineterminator="\n")
        self._rows.writerow([*COLUMNS, *classes, *FACE_COLUMNS])

    def add(self, prediction: Prediction) -> None:
        row = prediction.row(self._classes)
        first = [row["file"], row["expression"], row["probability"], row["faces"], "; ".join(row["notes"])]
        by_class = [row["probabilities"][name] for name in self._classes]
        self._rows.writerow([*first, *by_class, row["face"], *(row["box"] or [None] * 4)])

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
