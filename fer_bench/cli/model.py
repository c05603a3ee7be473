"""The commands that take a model out of a study and use it; nothing heavy is imported before one runs."""

from __future__ import annotations

import csv
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from fer_bench.cli.options import Mlruns, console, study_name
from fer_bench.errors import UserError

if TYPE_CHECKING:
    from fer_bench.inference.export import Exported

COLUMNS = ("file", "expression", "probability", "faces", "notes")  # of the CSV, before those of the classes
CLOSE = 1e-3  # a larger difference from the run's own probabilities is pointed out


def export(
    study: Annotated[str, typer.Option(help="Name of a study that was run.")],
    cell: Annotated[str, typer.Option(help="BACKBONE/STRATEGY.")],
    out: Annotated[Path, typer.Option(help="File to write, ending in .keras.")],
    mlruns: Mlruns = Path("mlruns"),
    dataset: Annotated[str | None, typer.Option(help="Where the study was run on several.")] = None,
    split: Annotated[str | None, typer.Option(help="Where it was run on several.")] = None,
    budget: Annotated[str | None, typer.Option(help="Where it was run with several.")] = None,
    recipe: Annotated[str | None, typer.Option(help="Where it has several.")] = None,
) -> None:
    """Write the kept repeat of a cell as one Keras model that needs no fer-bench; log it in MLflow, too.

    Pictures (N, height, width, 1 or 3) in 0..255 of any size in, a probability for each class out: resizing,
    preprocessing and logit adjustment are inside.

    [bold]Example[/bold]

    fer-bench export --study imbalance --cell mobilenet_v2/oversampling --out model.keras
    """
    _check_place(out)
    _load_keras()
    from fer_bench.inference.export import export as write

    chosen = {"dataset": dataset, "split": split, "budget": budget, "recipe": recipe}
    _tell(out, write(mlruns, study_name(study), cell, chosen, out))


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
    _load_keras()
    from fer_bench.inference.model_file import open_model

    opened = open_model(model)
    if as_csv and (twice := sorted({*COLUMNS} & {*opened.classes})):
        raise UserError(f"--csv has columns of its own named like classes: {', '.join(twice)}; use --json")
    show: Any = _Json if as_json else _Csv if as_csv else _Table
    shown, unread = show(opened.classes), 0
    for each in predict_files(opened, files, not no_detect):
        if isinstance(each, Unreadable):
            unread += 1
            told = f"[red]not read:[/red] {escape(each.file)}: {escape(each.reason)}"
            Console(stderr=True).print(told, highlight=False, soft_wrap=True)
        else:
            shown.add(each.row(opened.classes))
    shown.end()
    if unread:
        raise SystemExit(1)


class _Json:
    """A line per picture."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        pass

    def add(self, row: dict[str, Any]) -> None:
        typer.echo(json.dumps(row))

    def end(self) -> None:
        pass


class _Csv:
    """A header, and a row per picture."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self._classes = classes
        self._rows = csv.writer(sys.stdout, lineterminator="\n")
        self._rows.writerow([*COLUMNS, *classes])

    def add(self, row: dict[str, Any]) -> None:
        given = [row["probabilities"][name] for name in self._classes]
        notes = "; ".join(row["notes"])
        self._rows.writerow([row["file"], row["expression"], row["probability"], row["faces"], notes, *given])

    def end(self) -> None:
        sys.stdout.flush()


class _Table:
    """A table at the end."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self._picture = Column("Picture", overflow="fold", no_wrap=True)
        self._table = Table(self._picture, "Expression", "Second", "Remarks", box=None, pad_edge=False)

    def add(self, row: dict[str, Any]) -> None:
        first, second, *_ = (f"{escape(name)} {p:.1%}" for name, p in row["probabilities"].items())
        if len(row["file"]) > console.width // 2:
            self._picture.no_wrap = False
        self._table.add_row(escape(row["file"]), first, second, "; ".join(row["notes"]))

    def end(self) -> None:
        if self._table.row_count:
            console.print(self._table)


def _check_place(out: Path) -> None:
    """Raise UserError, before anything takes time, where `out` can't be written."""
    if out.suffix != ".keras":
        raise UserError(f"--out {out}: expected a name that ends in .keras")
    try:
        if out.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise UserError(f"--out {out}: can't be written ({error.strerror}); name a file") from None


def _load_keras() -> None:
    """Load Keras without what TensorFlow tells of itself meanwhile, which no setting of it turns off."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    standard_error = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        import keras  # noqa: F401
    finally:
        os.dup2(standard_error, 2)
        os.close(standard_error)


def _tell(out: Path, done: Exported) -> None:
    kept = done.kept
    board = kept.record.board
    names = {"dataset": "dataset", "split": "split", "budget": "budget", "recipe_name": "recipe"}
    where = ", ".join(f"{word} {board[name]}" for name, word in names.items() if board.get(name))
    height, width, channels = kept.image_shape
    lines = [
        f"wrote {out} ({out.stat().st_size / 2**20:.1f} MB)",
        f"  {kept.record.backbone}/{kept.record.strategy}, {where}: {kept.place}",
        f"  test macro-F1 {kept.record.metrics['test/macro_f1']:.1%}; classes: {', '.join(kept.classes)}",
        f"  trained on {width}x{height} {'grey' if channels == 1 else 'RGB'} images",
        f"  in MLflow: {done.address}",
    ]
    if done.difference is None:
        lines.append(
            "  not compared with what the run predicted: its images are not here, or under other names"
        )
    else:
        lines.append(f"  its probabilities are those that the run predicted, to within {done.difference:.1g}")
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
    if done.difference is not None and done.difference > CLOSE:
        console.print(
            "[yellow]more than rounding: trained in bfloat16, or on another device? Else the backbone or the "
            f"strategy has changed since commit {kept.record.commit}[/yellow]",
            soft_wrap=True,
        )  # fmt: skip
