"""The commands that take a model out of a study and use it; nothing heavy is imported before one runs."""

from __future__ import annotations

import csv
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from fer_bench.cli.options import Mlruns, console
from fer_bench.errors import UserError

if TYPE_CHECKING:
    from fer_bench.inference.export import Exported
    from fer_bench.inference.predict import Prediction

COLUMNS = ("file", "expression", "probability", "faces", "notes")  # of the CSV, before one for each class
Rule = Literal["decided", "argmax", "temperature", "prior_shift", "tau", "bias"]
ROUNDING = 1e-3  # a larger difference from the run's own probabilities is pointed out


def export(
    study: Annotated[str, typer.Option(help="Name of a study that was run.")],
    cell: Annotated[str, typer.Option(help="BACKBONE/STRATEGY.")],
    out: Annotated[Path, typer.Option(help="File to write, ending in .keras.")],
    mlruns: Mlruns = Path("mlruns"),
    dataset: Annotated[str | None, typer.Option(help="Where the study was run on several.")] = None,
    split: Annotated[str | None, typer.Option(help="Where it was run on several.")] = None,
    budget: Annotated[str | None, typer.Option(help="Where it was run with several.")] = None,
    recipe: Annotated[str | None, typer.Option(help="Where it has several.")] = None,
    imbalance_ratio: Annotated[float | None, typer.Option(help="Where it has several.")] = None,
    label_noise: Annotated[float | None, typer.Option(help="Where it has several.")] = None,
    decision: Annotated[
        Rule, typer.Option(help="How it decides: as the strategy does, or by a rule fitted to validation.")
    ] = "decided",
) -> None:
    """Write the kept repeat of a cell as one Keras model that needs no fer-bench; log it in MLflow, too.

    Pictures (N, height, width, 1 or 3) in 0..255 of any size in, a probability for each class out: resizing,
    preprocessing and the decision rule are inside. --decision temperature calibrates the probabilities; tau
    shifts them by the prior so that validation has the highest macro-F1.

    [bold]Example[/bold]

    fer-bench export --study imbalance --cell mobilenet_v2/oversampling --out model.keras
    """
    _check_writable(out)
    _load_keras()
    from fer_bench.inference.export import export as write_model
    from fer_bench.study.file import study_name

    board = {"dataset": dataset, "split": split, "budget": budget, "recipe": recipe}
    numbers = {"imbalance-ratio": imbalance_ratio, "label-noise": label_noise}
    board |= {name: None if number is None else f"{number:g}" for name, number in numbers.items()}
    _print_exported(out, write_model(mlruns, study_name(study), cell, board, out, decision))


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


def _check_writable(out: Path) -> None:
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
    """Load Keras without what TensorFlow prints meanwhile, which no setting of its own turns off."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    standard_error = os.dup(2)
    with open(os.devnull, "w") as null:
        os.dup2(null.fileno(), 2)
    try:
        import keras  # noqa: F401
    finally:
        os.dup2(standard_error, 2)
        os.close(standard_error)


def _decided(exported: Exported) -> str:
    """How the model decides, where that isn't the strategy's own rule."""
    found = exported.decision
    if found.rule == "decided":
        return ""
    fitted = f" = {found.parameter:.2f}" if found.rule in ("temperature", "tau") else ""
    own = exported.kept.record.metrics["test/macro_f1"]
    return f" by {found.rule}{fitted}, fitted to validation ({own:.1%} by the strategy's own rule)"


def _print_exported(out: Path, exported: Exported) -> None:
    """Print which model was written where, and how near its predictions are to the run's own."""
    from fer_bench.study.variants import in_words

    kept = exported.kept
    board = kept.record.board
    words = {"dataset": "dataset", "split": "split", "budget": "budget", "recipe_name": "recipe"}
    shown = [f"{word} {board[name]}" for name, word in words.items() if board.get(name)]
    shown_board = ", ".join(filter(None, (*shown, in_words(board))))
    height, width, channels = kept.image_shape
    lines = [
        f"wrote {out} ({out.stat().st_size / 2**20:.1f} MB)",
        f"  {kept.record.backbone}/{kept.record.strategy}, {shown_board}: {kept.place}",
        f"  test macro-F1 {exported.macro_f1:.1%}{_decided(exported)}; classes: {', '.join(kept.classes)}",
        f"  trained on {width}x{height} {'grey' if channels == 1 else 'RGB'} images",
        f"  in MLflow: {exported.address}",
    ]
    if exported.difference is None:
        lines.append(
            "  not compared with what the run predicted: its images are not here, or under other names"
        )
    else:
        lines.append(
            f"  its probabilities are those that the run predicted, to within {exported.difference:.1g}"
        )
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
    if exported.difference is not None and exported.difference > ROUNDING:
        console.print(
            "[yellow]more than rounding: trained in bfloat16, or on another device? Else the backbone or the "
            f"strategy has changed since commit {kept.record.commit}[/yellow]",
            soft_wrap=True,
        )  # fmt: skip
