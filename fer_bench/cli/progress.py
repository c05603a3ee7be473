"""What a run shows while it goes on: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

from fer_bench.cli.plan_view import _plural, hours
from fer_bench.runner.events import (
    CellBegun,
    CellEnded,
    Ended,
    EpochEnded,
    Event,
    Loading,
    SlotBegun,
    SlotEnded,
    Waiting,
    WorkerDied,
)
from fer_bench.study.plan import Plan


def follow(events: Iterable[Event], plan: Plan, console: Console) -> tuple[str, ...]:
    """Show what workers tell until all have ended; returns what failed, a line each."""
    news: set[type[Event]] = set()
    failures: tuple[str, ...] = ()
    for event in _bars(events, plan, console) if console.is_terminal else _lines(events, console):
        news.add(type(event))
        if isinstance(event, Ended):
            failures = event.failures
    if not news & {SlotEnded, Waiting, WorkerDied} and not failures:
        results = len(plan.tasks) * (plan.trials + plan.repeats)
        console.print(f"all {results:,} results are there already", highlight=False)
    return failures


def _lines(events: Iterable[Event], console: Console) -> Iterator[Event]:
    waiting: tuple[str, ...] = ()
    for event in events:
        if isinstance(event, Loading):
            console.print("loading Keras and opening the stores ...")
        elif isinstance(event, Waiting) and event.cells != waiting:
            waiting = event.cells
            line = f"waiting for what other workers have: {', '.join(waiting)}"
            console.print(line, markup=False, soft_wrap=True)
        _print_result(event, console)
        yield event


def _print_result(event: Event, console: Console) -> None:
    if isinstance(event, SlotEnded):
        console.print(_result(event), highlight=False, soft_wrap=not console.is_terminal)
    elif isinstance(event, WorkerDied):
        console.print(f"[red]{escape(event.message)}[/red]", highlight=False, soft_wrap=True)


def _bars(events: Iterable[Event], plan: Plan, console: Console) -> Iterator[Event]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=min(40, max(5, console.width - 75))),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(table_column=Column(min_width=7, no_wrap=True)),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        bars = _Bars(progress, plan)
        for event in events:
            bars.advance(event)
            _print_result(event, console)
            yield event


class _Bars:
    """One bar for all cells; two for each worker: the slots of its cell, and the epochs of its slot."""

    def __init__(self, progress: Progress, plan: Plan) -> None:
        self._progress, self._plan = progress, plan
        note = "loading Keras and opening the stores"
        self._cells = progress.add_task("cells", total=len(plan.tasks), note=note)
        self._own: dict[int, tuple[TaskID, TaskID]] = {}
        self._done: set[str] = set()
        self._clock = _Clock(len(plan.tasks) * (plan.trials + plan.repeats))

    def _of(self, worker: int) -> tuple[TaskID, TaskID]:
        if worker not in self._own:
            totals = self._plan.trials + self._plan.repeats, self._plan.spec.recipe.epochs
            slots, epochs = (self._progress.add_task("", total=t, visible=False, note="") for t in totals)
            self._own[worker] = slots, epochs
        return self._own[worker]

    def advance(self, event: Event) -> None:
        """Move the bars by one event."""
        if isinstance(event, Loading | Ended | WorkerDied):
            return
        progress, cells = self._progress, self._cells
        slots, epochs = self._of(event.worker)
        match event:
            case CellBegun():
                progress.reset(slots, description=event.cell, visible=True)
                progress.update(cells, note=self._clock.left())
            case SlotBegun():
                progress.reset(epochs, description=f"{event.kind} {event.slot}", visible=True)
                progress.update(epochs, note="")
            case EpochEnded():
                note = f"macro-F1 {event.macro_f1:.3f}, {event.images_per_second:,.0f} images/s"
                progress.update(epochs, completed=event.epoch, total=event.epochs, note=note)
            case SlotEnded():
                self._clock.count()
                progress.advance(slots)
                progress.update(cells, note=self._clock.left())
            case Waiting():
                progress.update(slots, visible=False)
                progress.update(epochs, visible=False)
                note = f"waiting for {_plural(len(event.cells), 'cell')} of other workers"
                progress.update(cells, note=note)
            case CellEnded():
                self._done.add(event.cell)
                progress.update(cells, completed=len(self._done))


class _Clock:
    """Time left, from the slots filled so far."""

    def __init__(self, slots: int) -> None:
        self._slots, self._done, self._begun = slots, 0, time.monotonic()

    def count(self) -> None:
        self._done += 1

    def left(self) -> str:
        if not self._done:
            return ""
        seconds = (time.monotonic() - self._begun) / self._done * (self._slots - self._done)
        return f"about {hours(seconds / 3600)} left"


def _result(event: SlotEnded) -> str:
    what = escape(f"{event.cell} {event.kind} {event.slot}:")
    if event.status == "failed":
        return f"[red]{what} failed: {escape(event.error)}[/red]"
    named = {
        "val/macro_f1": "val macro-F1",
        "test/macro_f1": "test macro-F1",
        "test/accuracy": "test accuracy",
    }
    scores = ", ".join(
        f"{word} {event.scores[key]:.3f}" for key, word in named.items() if key in event.scores
    )
    return f"{what} {scores} ({event.seconds:.1f} s)"
