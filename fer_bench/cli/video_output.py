"""What `fer-bench predict` shows of videos: a summary, a figure, and how far the reading is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from fer_bench.cli.options import console, plural
from fer_bench.errors import UserError
from fer_bench.files import atomic

if TYPE_CHECKING:
    from fer_bench.inference.predict import Prediction
    from fer_bench.inference.timeline import Timeline
    from fer_bench.inference.video_predictions import FramePrediction

FIGURES = (".png", ".svg", ".pdf")
MOST_STRETCHES = 12
Result = TypeVar("Result")
MOST_LETTERS = 40  # of a name beside its bar


def check_plot(path: Path, videos: int) -> None:
    """Raise UserError, before anything takes time, where a figure of this many videos can't be written."""
    if videos != 1:
        raise UserError(f"--plot draws one video, and there are {videos} among what is given: name one")
    if path.suffix.lower() not in FIGURES:
        raise UserError(f"--plot {path}: expected a name that ends in {', '.join(FIGURES)}")
    if path.is_dir() or not path.absolute().parent.is_dir():
        problem = "it is a folder" if path.is_dir() else "its folder isn't there"
        raise UserError(f"--plot {path}: can't be written ({problem}); name a file")


class _OfVideos:
    """Keeps the predictions of videos until all are there."""

    at_once = False

    def __init__(self, classes: tuple[str, ...]) -> None:
        self._classes = classes
        self._frames: dict[str, list[FramePrediction]] = {}

    def add(self, prediction: Prediction | FramePrediction) -> None:
        """Keep a prediction, unless it is of a picture."""
        from fer_bench.inference.video_predictions import FramePrediction

        if isinstance(prediction, FramePrediction):
            self._frames.setdefault(prediction.file, []).append(prediction)

    def timelines(self) -> Iterator[Timeline]:
        """The timeline of each video of which a frame was read."""
        from fer_bench.inference.timeline import timeline

        for frames in self._frames.values():
            yield timeline(frames, self._classes)


class Summary(_OfVideos):
    """Prints at the end how long each expression lasts, and the longest stretches."""

    def end(self) -> None:
        """Print of all videos."""
        for timeline in self.timelines():
            _print_summary(timeline)
        if self._frames:
            console.print("[dim]a row for each frame: --csv or --json; a figure: --plot FILE.png[/dim]")


class Figure(_OfVideos):
    """Draws the only video over its time at the end."""

    def __init__(self, path: Path, classes: tuple[str, ...]) -> None:
        super().__init__(classes)
        self._path = path

    def end(self) -> None:
        """Write the file, unless no frame was read; UserError where it can't be written."""
        from fer_bench.inference.timeline_figure import draw

        for timeline in self.timelines():
            try:
                with atomic(self._path) as temporary:
                    draw(timeline).savefig(temporary, format=self._path.suffix[1:].lower())
            except OSError as error:
                raise UserError(f"--plot {self._path}: can't be written ({error.strerror})") from None


def _print_summary(timeline: Timeline) -> None:
    from fer_bench.inference.timeline import clock

    found, durations = timeline.with_face, timeline.durations_by_class()
    span = f"{clock(float(timeline.seconds[0]))} to {clock(timeline.end)}"
    faceless = f", no face found in {1 - found:.0%} of the time" if found < 1 else ""
    first = f"{plural(len(timeline.seconds), 'frame')} from {span}{faceless}"
    console.print(f"[bold]{escape(timeline.file)}[/bold]: {first}", highlight=False, soft_wrap=True)
    if not found:
        console.print("no expression: with --no-detect, frames are taken whole")
        return
    shares = Table("Expression", "Time", "Share", box=None, pad_edge=False)
    for name, seconds in durations.items():
        if seconds:
            shares.add_row(escape(name), clock(seconds), f"{seconds / sum(durations.values()):.1%}")
    console.print(shares)
    console.print(_stretches(timeline))


def _stretches(timeline: Timeline) -> Table:
    """The longest stretches of one expression, in the order of time."""
    from fer_bench.inference.timeline import clock

    every = [each for each in timeline.stretches() if each.expression]
    shown = sorted(
        sorted(every, key=lambda each: -each.seconds)[:MOST_STRETCHES], key=lambda each: each.start
    )
    title = (
        f"The {len(shown)} longest of {len(every):,} stretches" if len(shown) < len(every) else "Stretches"
    )
    table = Table("From", "To", "Expression", "Probability", title=title, title_justify="left", box=None)
    table.pad_edge = False
    for each in shown:
        times = clock(each.start), clock(each.end)
        table.add_row(*times, escape(each.expression or ""), f"{each.probability:.1%}")
    return table


def followed(results: Iterable[Result], errors: Console) -> Iterator[Result]:
    """Pass results on, and show on the terminal of standard error how far their video is read."""
    from fer_bench.inference.timeline import clock
    from fer_bench.inference.video_predictions import FramePrediction

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[at]}"),
        TimeRemainingColumn(),
    )
    # What is written to standard output meanwhile goes there, not through the bars' console.
    with Progress(*columns, console=errors, transient=True, redirect_stdout=False) as bars:
        bar, file = bars.add_task("", at=""), ""
        for result in results:
            if isinstance(result, FramePrediction):
                moment = result.moment
                if moment.file != file:
                    file = moment.file
                    bars.reset(bar, total=moment.length, description=escape(file[-MOST_LETTERS:]))
                bars.update(bar, completed=moment.seconds, at=clock(moment.seconds, 0))
            yield result
