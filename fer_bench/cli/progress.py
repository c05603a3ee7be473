"""What a run shows while it goes on: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

from fer_bench.cli.plan_view import _plural, hours
from fer_bench.runner.processes import Event
from fer_bench.study.plan import Plan


def follow(events: Iterable[Event], plan: Plan, console: Console) -> dict[str, Any]:
    """Show what a worker tells until it ends; returns the facts of its end."""
    named: set[str] = set()

    def noted() -> Iterator[Event]:
        for name, facts in events:
            named.add(name)
            yield name, facts

    shown = _bars(noted(), plan, console) if console.is_terminal else _lines(noted(), console)
    *_, last = shown
    if not named & {"result", "waiting", "died"} and not last["failures"]:
        results = len(plan.tasks) * (plan.trials + plan.repeats)
        console.print(f"all {results:,} results are there already", highlight=False)
    return last


def _lines(events: Iterable[Event], console: Console) -> Iterator[dict[str, Any]]:
    waiting: list[str] = []
    for name, facts in events:
        if name == "loading":
            console.print("loading Keras and opening the stores ...")
        elif name == "waiting" and facts["cells"] != waiting:
            waiting = facts["cells"]
            told = f"waiting for what other workers have: {', '.join(waiting)}"
            console.print(told, markup=False, soft_wrap=True)
        _tell(name, facts, console)
        yield facts


def _tell(name: str, facts: dict[str, Any], console: Console) -> None:
    if name == "result":
        console.print(_result(facts), highlight=False, soft_wrap=not console.is_terminal)
    elif name == "died":
        console.print(f"[red]{escape(facts['message'])}[/red]", highlight=False, soft_wrap=True)


def _bars(events: Iterable[Event], plan: Plan, console: Console) -> Iterator[dict[str, Any]]:
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
        for name, facts in events:
            bars.advance(name, facts)
            _tell(name, facts, console)
            yield facts


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

    def advance(self, name: str, facts: dict[str, Any]) -> None:
        """Move the bars by one event."""
        if name in ("loading", "end", "died"):
            return
        progress, cells = self._progress, self._cells
        slots, epochs = self._of(facts["worker"])
        if name == "cell":
            progress.reset(slots, description=facts["cell"], visible=True)
            progress.update(cells, note=self._clock.left())
        elif name == "slot":
            progress.reset(epochs, description=f"{facts['kind']} {facts['slot']}", visible=True)
            progress.update(epochs, note="")
        elif name == "epoch":
            note = f"macro-F1 {facts['score']:.3f}, {facts['rate']:,.0f} images/s"
            progress.update(epochs, completed=facts["epoch"], total=facts["epochs"], note=note)
        elif name == "result":
            self._clock.count()
            progress.advance(slots)
            progress.update(cells, note=self._clock.left())
        elif name == "waiting":
            progress.update(slots, visible=False)
            progress.update(epochs, visible=False)
            progress.update(
                cells, note=f"waiting for {_plural(len(facts['cells']), 'cell')} of other workers"
            )
        elif name == "cell_end":
            self._done.add(facts["cell"])
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


def _result(facts: dict[str, Any]) -> str:
    what = escape(f"{facts['cell']} {facts['kind']} {facts['slot']}:")
    if facts["status"] == "failed":
        return f"[red]{what} failed: {escape(facts['error'])}[/red]"
    named = {
        "val/macro_f1": "val macro-F1",
        "test/macro_f1": "test macro-F1",
        "test/accuracy": "test accuracy",
    }
    scores = ", ".join(f"{word} {facts[key]:.3f}" for key, word in named.items() if key in facts)
    return f"{what} {scores} ({facts['seconds']:.1f} s)"
