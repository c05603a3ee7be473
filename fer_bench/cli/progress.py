"""What a run shows while it goes on: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

from fer_bench.cli.options import plural
from fer_bench.cli.plan_view import duration
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

if TYPE_CHECKING:
    from fer_bench.storage.result_files import Kind
    from fer_bench.study.plan import Plan

SCORES = {  # that a line shows of a result, and how they are called there
    "val/macro_f1": "val macro-F1",
    "test/macro_f1": "test macro-F1",
    "test/accuracy": "test accuracy",
}
LONG_SILENCE = 60.0  # seconds


def follow(events: Iterable[Event], plan: Plan, console: Console) -> tuple[str, ...]:
    """Show the events of a run until all workers have ended; returns what failed, a line each."""
    anything_done = False
    failures: tuple[str, ...] = ()
    with _display(plan, console) as show:
        for event in events:
            show(event)
            anything_done |= isinstance(event, SlotEnded | Waiting | WorkerDied)
            if isinstance(event, Ended):
                failures = event.failures
    if not anything_done and not failures:
        console.print(f"all {plan.slots:,} results are there already", highlight=False)
    return failures


@contextmanager
def _display(plan: Plan, console: Console) -> Iterator[Callable[[Event], None]]:
    """Function that shows an event, as suits the console."""
    if not console.is_terminal:
        yield Lines(console).show
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=min(40, max(5, console.width - 75))),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(table_column=Column(min_width=7, no_wrap=True)),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield Bars(progress, plan).show


class Lines:
    """A line for what a user waits for, for each result, and for an epoch after a minute without a line."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._clock = console, clock
        self._waiting_for: tuple[str, ...] = ()
        self._slots: dict[int, str] = {}  # of each worker
        self._last_line = clock()

    def show(self, event: Event) -> None:
        """Print the line of an event, if it has one."""
        match event:
            case Loading():
                self._print("loading Keras and opening the stores ...")
            case Waiting(cells=cells) if cells != self._waiting_for:
                self._waiting_for = cells
                self._print(f"waiting for what other workers have: {', '.join(cells)}")
            case SlotBegun():
                self._slots[event.worker] = f"{event.cell} {event.kind} {event.slot}"
            case EpochEnded() if self._clock() - self._last_line >= LONG_SILENCE:
                slot = f"{self._slots[event.worker]}, epoch {event.epoch} of {event.epochs}"
                self._print(
                    f"{slot}: val macro-F1 {event.macro_f1:.3f}, {event.images_per_second:,.0f} images/s"
                )
            case SlotEnded() | WorkerDied():
                self._last_line = self._clock()
                _print_outcome(event, self._console)

    def _print(self, line: str) -> None:
        self._last_line = self._clock()
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


class Bars:
    """One bar for all cells; two for each worker: the slots of its cell, and the epochs of its slot."""

    def __init__(self, progress: Progress, plan: Plan) -> None:
        self._progress, self._plan = progress, plan
        note = "loading Keras and opening the stores"
        self._cells = progress.add_task("cells", total=len(plan.stages) + len(plan.tasks), note=note)
        self._of_workers: dict[int, tuple[TaskID, TaskID]] = {}
        self._ended_cells: set[str] = set()
        self._time_left = _TimeLeft(plan)
        self._trials = {task.name: task.trials for task in plan.tasks}

    def _of_worker(self, worker: int) -> tuple[TaskID, TaskID]:
        """The two bars of a worker; made when its first event comes."""
        if worker not in self._of_workers:
            totals = self._plan.trials + self._plan.repeats, self._plan.spec.recipe.epochs
            slots, epochs = (
                self._progress.add_task("", total=total, visible=False, note="") for total in totals
            )
            self._of_workers[worker] = slots, epochs
        return self._of_workers[worker]

    def show(self, event: Event) -> None:
        """Move the bars by one event, and print a result above them."""
        if not isinstance(event, Loading | Ended | WorkerDied):
            self._advance(event, *self._of_worker(event.worker))
        _print_outcome(event, self._progress.console)

    def _advance(self, event: Event, slots: TaskID, epochs: TaskID) -> None:
        progress, cells = self._progress, self._cells
        match event:
            case CellBegun(cell=cell, stage=stage):
                trials = self._trials.get(cell, self._plan.trials)
                total = 1 if stage else trials + self._plan.repeats
                progress.reset(slots, description=cell, visible=True, total=total)
                progress.update(cells, note=self._time_left.text())
            case SlotBegun(kind=kind, slot=slot):
                progress.reset(epochs, description=f"{kind} {slot}", visible=True)
                progress.update(epochs, note="")
            case EpochEnded():
                note = f"macro-F1 {event.macro_f1:.3f}, {event.images_per_second:,.0f} images/s"
                progress.update(epochs, completed=event.epoch, total=event.epochs, note=note)
            case SlotEnded(kind=kind):
                self._time_left.count(kind, event.seconds)
                progress.advance(slots)
                progress.update(cells, note=self._time_left.text())
            case Waiting(cells=waiting_for):
                progress.update(slots, visible=False)
                progress.update(epochs, visible=False)
                note = f"waiting for {plural(len(waiting_for), 'cell')} of other workers"
                progress.update(cells, note=note)
            case CellEnded(cell=cell, task=task):
                self._ended_cells.add(task or cell)
                progress.update(cells, completed=len(self._ended_cells))


class _TimeLeft:
    """An estimate from the slots filled so far, stages apart from trials and repeats, which take less.

    Of slots that none was filled of yet the plan's estimate counts.
    """

    def __init__(self, plan: Plan) -> None:
        slots = plan.slots - len(plan.stages)
        hours = sum(task.hours for task in plan.tasks)
        stage_hours = sum(stage.hours for stage in plan.stages)
        self._planned = {True: 3600 * stage_hours, False: 3600 * hours}  # seconds
        self._filled: dict[bool, list[float]] = {True: [], False: []}
        self._total = {True: len(plan.stages), False: slots}  # by whether it is a stage
        self._begun = time.monotonic()

    def count(self, kind: Kind, seconds: float) -> None:
        """Count one more slot as filled, which took so many seconds."""
        self._filled[kind == "stage"].append(seconds)

    def text(self) -> str:
        done = sum(map(len, self._filled.values()))
        if not done:
            return ""
        left = sum(map(self._seconds_left, self._filled))
        spent = sum(map(sum, self._filled.values()))
        pace = (time.monotonic() - self._begun) / spent if spent else 1.0  # below 1 with several workers
        return f"about {duration(left * pace / 3600)} left"

    def _seconds_left(self, stage: bool) -> float:
        """Seconds of one worker for the stages, or for the other slots, that are still to be filled."""
        filled, total = self._filled[stage], self._total[stage]
        each = sum(filled) / len(filled) if filled else self._planned[stage] / max(total, 1)
        return each * max(total - len(filled), 0)


def _print_outcome(event: Event, console: Console) -> None:
    """Print a line for a result, and for a worker that died."""
    match event:
        case SlotEnded():
            console.print(_result(event), highlight=False, soft_wrap=not console.is_terminal)
        case WorkerDied(message=message):
            console.print(f"[red]{escape(message)}[/red]", highlight=False, soft_wrap=True)


def _result(event: SlotEnded) -> str:
    slot = escape(f"{event.cell} {event.kind} {event.slot}:")
    if event.status == "failed":
        return f"[red]{slot} failed: {escape(event.error)}[/red]"
    scores = [f"{name} {event.scores[key]:.3f}" for key, name in SCORES.items() if key in event.scores]
    return f"{slot} {', '.join(scores)} ({event.seconds:.1f} s)"
