"""What a run shows: a plan before it, bars on a terminal and plain lines elsewhere while it goes on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from fer_bench.launch import Event
from fer_bench.plan import Plan


def show_plan(plan: Plan, console: Console) -> None:
    """Print what will be done, with effective priors and the estimated cost."""
    spec = plan.spec
    if plan.why:
        console.print(plan.why, style="yellow", highlight=False)
    name = f"{plan.study}, recipe {plan.recipe_name}" if plan.recipe_name else plan.study
    console.print(
        f"[bold]{name}[/bold]: {spec.dataset} ({escape(plan.source)}), split {spec.split}: "
        f"{plan.images[0]:,} train, {plan.images[1]:,} val, {plan.images[2]:,} test images"
    )
    for note in plan.notes:
        console.print(f"[yellow]note:[/yellow] {escape(note)}")
    if plan.twins:
        console.print(
            f"[yellow]note:[/yellow] {plan.twins:,} of the {plan.images[2]:,} test images are also in train "
            "or val; scores are given without them as well (dedup)"
        )
    if plan.selects_on_test:
        console.print(
            f"[yellow]split {spec.split}: val is test; its rows are never ranked with others[/yellow]"
        )
    console.print(
        f"{len(plan.tasks)} cells x ({_plural(plan.trials, 'trial')} + {_plural(plan.repeats, 'repeat')}), "
        f"at most {plan.steps:,} steps of {spec.recipe.batch_size} images each; "
        f"roughly {hours(plan.hours)} in all; results in {plan.mlruns}",
        highlight=False,
    )
    console.print(_backbones(plan))
    console.print(_strategies(plan))


def _backbones(plan: Plan) -> Table:
    table = Table(title="Backbones", title_justify="left", box=None, pad_edge=False)
    for column in ("backbone", "weights", "sha256", "cost"):
        table.add_column(column, justify="right" if column == "cost" else "left")
    for name in plan.spec.backbones:
        tasks = [task for task in plan.tasks if task.cell.backbone == name]
        weights = tasks[0].weights
        table.add_row(name, weights.origin, weights.sha256[:12], hours(sum(t.hours for t in tasks)))
    return table


def _strategies(plan: Plan) -> Table:
    table = Table(title="Effective class prior, %", title_justify="left", box=None, pad_edge=False)
    table.add_column("strategy")
    first = {task.cell.strategy: task for task in reversed(plan.tasks)}
    for name in next(iter(first.values())).effective_prior:
        table.add_column(name, justify="right")
    table.add_column("", style="yellow")
    for strategy in plan.spec.strategies:
        shares = [f"{100 * share:.1f}" for share in first[strategy].effective_prior.values()]
        table.add_row(strategy, *shares, "; ".join(first[strategy].warnings))
    return table


def follow(events: Iterable[Event], plan: Plan, console: Console) -> dict[str, Any]:
    """Show what a worker tells until it ends; returns the facts of its end."""
    shown = _bars(events, plan, console) if console.is_terminal else _lines(events, console)
    *_, last = shown
    return last


def _lines(events: Iterable[Event], console: Console) -> Iterator[dict[str, Any]]:
    waiting: list[str] = []
    for name, facts in events:
        if name == "loading":
            console.print("loading Keras and opening the stores ...")
        elif name == "waiting" and facts["cells"] != waiting:
            waiting = facts["cells"]
            console.print(f"waiting for what other workers have: {', '.join(waiting)}", soft_wrap=True)
        _tell(name, facts, console)
        yield facts


def _tell(name: str, facts: dict[str, Any], console: Console) -> None:
    if name == "result":
        console.print(_result(facts), highlight=False, soft_wrap=True)
    elif name == "died":
        console.print(f"[red]{escape(facts['message'])}[/red]", highlight=False, soft_wrap=True)


def _bars(events: Iterable[Event], plan: Plan, console: Console) -> Iterator[dict[str, Any]]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
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
            note = f"val macro-F1 {facts['score']:.3f}  {facts['rate']:,.0f} images/s"
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
    what = f"{facts['cell']} {facts['kind']} {facts['slot']}:"
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
    return f"{value * 60:.0f} min" if value < 2 else f"{value:.1f} h"


def _plural(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")
