"""What a run shows: a plan before it, bars on a terminal and plain lines elsewhere while it goes on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.text import Text

from fer_bench.launch import Event
from fer_bench.plan import Plan


def show_plans(plans: Iterable[Plan], console: Console) -> None:
    """Print what will be done, with effective priors and the estimated cost; what plans share only once."""
    told: list[object] = []
    for plan in plans:
        for line in _head(plan):
            if line not in told:
                console.print(line)
        told += _head(plan)
        console.print(_cost(plan))
        for part in (_backbones(plan), _strategies(plan)):
            console.print(f"{part.title}: as above" if part in told else part.table())
            for warning in () if part in told else part.warnings:
                console.print(Text(warning, style="yellow"))
            told.append(part)


def _head(plan: Plan) -> Iterator[Text]:
    spec = plan.spec
    if plan.why:
        yield Text(plan.why, style="yellow")
    name = f"{plan.study}, recipe {plan.recipe_name}" if plan.recipe_name else plan.study
    yield Text.assemble(
        (name, "bold"),
        f": {spec.dataset} ({plan.source}), split {spec.split}: "
        f"{plan.images[0]:,} train, {plan.images[1]:,} val, {plan.images[2]:,} test images",
    )
    for note in plan.notes:
        yield Text.assemble(("note:", "yellow"), f" {note}")
    if plan.twins:
        yield Text.assemble(
            ("note:", "yellow"),
            f" {plan.twins:,} of the {plan.images[2]:,} test images are also in train or val; "
            "scores are given without them as well (dedup)",
        )
    if plan.selects_on_test:
        yield Text(f"split {spec.split}: val is test; its rows are never ranked with others", style="yellow")


def _cost(plan: Plan) -> Text:
    return Text(
        f"{_plural(len(plan.tasks), 'cell')} x "
        f"({_plural(plan.trials, 'trial')} + {_plural(plan.repeats, 'repeat')}), "
        f"at most {plan.steps:,} steps of {plan.spec.recipe.batch_size} images each; "
        f"roughly {hours(plan.hours)} in all; results in {plan.mlruns}"
    )


@dataclass(frozen=True)
class _Part:
    """A table of a plan: a name in the first column of each row; what is wrong with them stands below."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[str, ...]  # columns that hold them
    warnings: tuple[str, ...] = ()

    def table(self) -> Table:
        table = Table(title=self.title, title_justify="left", box=None, pad_edge=False)
        for place, column in enumerate(self.header):
            justify: Literal["left", "right"] = "right" if column in self.numbers else "left"
            table.add_column(escape(column), justify=justify, no_wrap=not place)
        for row in self.rows:
            table.add_row(*map(escape, row))
        return table


def _backbones(plan: Plan) -> _Part:
    rows = []
    for name in plan.spec.backbones:
        tasks = [task for task in plan.tasks if task.cell.backbone == name]
        weights = tasks[0].weights
        rows.append((name, weights.origin, weights.sha256[:12], hours(sum(t.hours for t in tasks))))
    return _Part("Backbones", ("backbone", "weights", "sha256", "cost"), tuple(rows), ("cost",))


def _strategies(plan: Plan) -> _Part:
    tasks = {task.cell.strategy: task for task in plan.tasks}
    classes = tuple(plan.tasks[0].effective_prior)
    rows = [(n, *(f"{100 * share:.1f}" for share in t.effective_prior.values())) for n, t in tasks.items()]
    warnings = tuple(f"{name}: {'; '.join(task.warnings)}" for name, task in tasks.items() if task.warnings)
    return _Part("Effective class prior, %", ("strategy", *classes), tuple(rows), classes, warnings)


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


def hours(value: float) -> str:
    """A duration in the unit that suits it."""
    if value < 1 / 60:
        return f"{value * 3600:.0f} s"
    if value < 2:
        return f"{value * 60:.0f} min"
    return f"{value:.1f} h" if value < 72 else f"{value / 24:,.0f} days"


def _plural(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")
