"""`fer-bench predict`: expressions in pictures and videos; nothing heavy is imported before it runs."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from fer_bench.cli.options import console
from fer_bench.cli.predict_options import (
    Align,
    Camera,
    Csv,
    End,
    Every,
    Faces,
    Inputs,
    Json,
    NoDetect,
    Plot,
    Start,
    as_sampling,
    check_faces,
    check_formats,
)
from fer_bench.cli.quiet_keras import load_keras
from fer_bench.cli.video_output import Figure, Summary, check_plot, followed
from fer_bench.errors import UserError

if TYPE_CHECKING:
    from fer_bench.inference.pictures import Unreadable
    from fer_bench.inference.predict import Prediction
    from fer_bench.inference.video_predictions import FramePrediction

COLUMNS = ("file", "expression", "probability", "faces", "notes")  # of the CSV, before one for each class
FACE_COLUMNS = ("face", "left", "top", "right", "bottom")  # after them
MOMENT = ("seconds", "frame")  # after the file, where there are videos


def predict(
    inputs: Inputs = None,
    *,
    model: Annotated[Path, typer.Option(help="A file that fer-bench export wrote.")],
    no_detect: NoDetect = False,
    faces: Faces = "largest",
    align: Align = False,
    as_json: Json = False,
    as_csv: Csv = False,
    every: Every = 0.5,
    start: Start = 0.0,
    end: End = None,
    plot: Plot = None,
    camera: Camera = None,
) -> None:
    """Predict the expression of the face in each picture and over a video's time; --faces all: of every face.

    In a picture larger than a face crop (shorter side more than 1.5 times the longer side of the images that
    the model was trained on) faces are found and cropped. JSON and CSV tell where: the box in pixels of the
    upright picture, and the number of the face, the largest being 1. So it is in the frames of a video, but a
    frame without a face has no expression. On the terminal a video is summed up; --csv and --json have a row
    for each frame that was taken.
    Files that can't be read are named on standard error, and then the exit code is 1. Of a video that breaks
    off, the rows so far are kept.

    [bold]Examples[/bold]

    fer-bench predict --model model.keras portrait.jpg holiday/

    fer-bench predict --model model.keras --csv faces/ > faces.csv

    fer-bench predict --model model.keras --faces all group.jpg

    fer-bench predict --model model.keras --plot talk.png talk.mp4

    fer-bench predict --model model.keras --camera 0
    """
    if (camera is None) == (not inputs):
        raise UserError("expected pictures, videos or folders; or else --camera and its number")
    check_formats(as_json, as_csv)
    check_faces(no_detect, faces, align)
    from fer_bench.inference.inputs import count_videos, predict_camera, predict_inputs
    from fer_bench.inference.pictures import list_pictures

    files, sampling = list_pictures(inputs or []), as_sampling(every, start, end)
    videos = count_videos(files)
    if plot:
        check_plot(plot, videos)
    from fer_bench.inference.model_file import format_of, open_model

    if format_of(model) == "keras":
        load_keras()
    opened, how = open_model(model), (not no_detect, faces, align)
    output = _output(opened.classes, as_json, as_csv, with_moments=videos > 0)
    outputs = [output, *([Figure(plot, opened.classes)] if plot else [])]
    if not no_detect:
        _say_which_detector()
    from_files = predict_inputs(opened, files, sampling, *how)
    results = from_files if camera is None else predict_camera(opened, camera, *how)
    if _show(results, outputs, bars=videos > 0 and not (output.at_once and sys.stdout.isatty())):
        raise SystemExit(1)


def _show(
    results: Iterable[Prediction | FramePrediction | Unreadable], outputs: Sequence[_Output], bars: bool
) -> int:
    """Show results as they come, with `bars` also how far a video is read; the number of what wasn't read."""
    from fer_bench.inference.pictures import Unreadable

    errors = Console(stderr=True)
    unreadable = 0
    for result in followed(results, errors) if bars and errors.is_terminal else results:
        if isinstance(result, Unreadable):
            unreadable += 1
            _say("[red]not read:[/red]", f"{result.file}: {result.reason}", errors)
        else:
            for output in outputs:
                output.add(result)
    for output in outputs:
        output.end()
    return unreadable


def _say_which_detector() -> None:
    from fer_bench.inference.face_detector import why_haar

    if reason := why_haar():
        _say("note:", f"faces are searched for by Haar's cascade, which finds fewer: {reason}")


def _say(kind: str, line: str, errors: Console | None = None) -> None:
    """Print a line on standard error."""
    (errors or Console(stderr=True)).print(f"{kind} {escape(line)}", highlight=False, soft_wrap=True)


def _output(classes: tuple[str, ...], as_json: bool, as_csv: bool, with_moments: bool) -> _Output:
    """The format that is asked for; UserError for a CSV that would have two columns of one name."""
    if as_json:
        return _Json(classes)
    if not as_csv:
        return _Table(classes)
    columns = [COLUMNS[0], *(MOMENT if with_moments else ()), *COLUMNS[1:]]
    if twice := sorted({*columns, *FACE_COLUMNS} & {*classes}):
        raise UserError(f"--csv has columns of its own named like classes: {', '.join(twice)}; use --json")
    return _Csv(classes, columns)


class _Output(Protocol):
    """A format of predictions; one that is `at_once` is written while they come."""

    at_once: bool

    def add(self, prediction: Prediction | FramePrediction) -> None: ...

    def end(self) -> None: ...


class _Json:
    """A line per picture or face."""

    at_once = True

    def __init__(self, classes: tuple[str, ...]) -> None:
        self._classes = classes

    def add(self, prediction: Prediction | FramePrediction) -> None:
        typer.echo(json.dumps(prediction.row(self._classes)))

    def end(self) -> None:
        pass


class _Csv:
    """A header, and a row per picture or face."""

    at_once = True

    def __init__(self, classes: tuple[str, ...], columns: Sequence[str]) -> None:
        self._classes, self._columns = classes, columns
        self._rows = csv.writer(sys.stdout, lineterminator="\n")
        self._rows.writerow([*columns, *classes, *FACE_COLUMNS])

    def add(self, prediction: Prediction | FramePrediction) -> None:
        row = prediction.row(self._classes)
        cells = {**row, **row["probabilities"], "notes": "; ".join(row["notes"])}
        cells |= dict(zip(FACE_COLUMNS[1:], row["box"] or (), strict=False))
        self._rows.writerow([cells.get(name) for name in (*self._columns, *self._classes, *FACE_COLUMNS)])

    def end(self) -> None:
        sys.stdout.flush()


class _Table:
    """A table of pictures at the end, and a summary of each video."""

    at_once = False

    def __init__(self, classes: tuple[str, ...]) -> None:
        self._classes = classes
        self._picture = Column("Picture", overflow="fold", no_wrap=True)
        self._table = Table(self._picture, "Expression", "Second", "Remarks", box=None, pad_edge=False)
        self._videos = Summary(classes)

    def add(self, prediction: Prediction | FramePrediction) -> None:
        from fer_bench.inference.video_predictions import FramePrediction

        if isinstance(prediction, FramePrediction):
            self._videos.add(prediction)
            return
        likeliest = prediction.row(self._classes)["probabilities"].items()
        first, second, *_ = (f"{escape(name)} {probability:.1%}" for name, probability in likeliest)
        if len(prediction.file) > console.width // 2:
            self._picture.no_wrap = False
        self._table.add_row(escape(prediction.file), first, second, "; ".join(prediction.notes))

    def end(self) -> None:
        if self._table.row_count:
            console.print(self._table)
        self._videos.end()
