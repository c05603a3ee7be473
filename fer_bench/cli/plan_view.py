"""A plan before it is run, on the terminal: cells, data, weights, effective priors and cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from fer_bench.cli.options import plural
from fer_bench.study.plan import Plan


def show_plans(plans: Sequence[Plan], console: Console) -> None:
    """Print what will be done, with effective priors and the estimated cost; what plans share only once."""
    printed: list[Text | _PlanTable] = []
    for plan in plans:
        for line in _head(plan):
            if line not in printed:
                console.print(line)
        printed += _head(plan)
        console.print(_cost(plan))
        for table in (_backbones(plan), _strategies(plan)):
            if table in printed:
                console.print(f"{table.title}: as above")
                continue
            console.print(table.render())
            for warning in table.warnings:
                console.print(Text(warning, style="yellow"))
            printed.append(table)
    if len(plans) > 1:
        console.print(
            f"{plural(len(plans), 'board')}, roughly {duration(sum(plan.hours for plan in plans))} in all"
        )


def _head(plan: Plan) -> Iterator[Text]:
    spec = plan.spec
    if plan.why:
        yield Text(plan.why, style="yellow")
    name = ", ".join(filter(None, (plan.study, plan.part)))
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
    if plan.near_twins:
        yield Text.assemble(
            ("note:", "yellow"),
            f" {plan.near_twins:,} of the {plan.images[2]:,} test images have a near-duplicate in train or "
            "val; scores are given without them as well (near_dedup)",
        )
    if plan.val_twins:
        yield Text.assemble(
            ("note:", "yellow"),
            f" {plan.val_twins:,} of the {plan.images[1]:,} validation images are also in train: trials and "
            "epochs are selected by them, too",
        )
    if plan.selects_on_test:
        yield Text(f"split {spec.split}: val is test; its rows are never ranked with others", style="yellow")
    if plan.precision:
        yield Text(plan.precision)


def _cost(plan: Plan) -> Text:
    slots = f"({plural(plan.trials, 'trial')} + {plural(plan.repeats, 'repeat')})"
    if not plan.trials:
        slots = f"{plural(plan.repeats, 'repeat')} of the defaults"
    shared = ""
    if plan.stages:
        hours = duration(sum(stage.hours for stage in plan.stages))
        shared = (
            f"first {plural(len(plan.stages), 'stage')} ({plan.tags['shared_phases']}), each trained once "
            f"for all strategies, roughly {hours}; then "
        )
    untuned = [task for task in plan.tasks if not task.cell.tuned]
    cells = f"{plural(len(plan.tasks) - len(untuned), 'cell')} x {slots}, "
    if untuned:
        cells += f"{len(untuned)} more of {untuned[0].cell.label} x {plural(plan.repeats, 'repeat')}, "
    return Text(
        f"{shared}{cells}"
        f"at most {plan.steps:,} steps of {plan.spec.recipe.batch_size} images each; "
        f"roughly {duration(plan.hours)} in all; results in {plan.mlruns}"
    )


@dataclass(frozen=True)
class _PlanTable:
    """A table of a plan: a name in the first column of each row; what is wrong with a row stands below."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[str, ...]  # names of the columns that hold numbers
    warnings: tuple[str, ...] = ()

    def render(self) -> Table:
        """The table as it is printed, without its warnings."""
        table = Table(title=self.title, title_justify="left", box=None, pad_edge=False)
        for place, column in enumerate(self.header):
            justify: Literal["left", "right"] = "right" if column in self.numbers else "left"
            table.add_column(escape(column), justify=justify, no_wrap=not place)
        for row in self.rows:
            table.add_row(*map(escape, row))
        return table


def _backbones(plan: Plan) -> _PlanTable:
    rows = []
    for name in plan.spec.backbones:
        tasks = [task for task in plan.tasks if task.cell.backbone == name]
        weights = tasks[0].weights
        stages = [stage for stage in plan.stages if stage.cell.backbone == name]
        costs = [duration(sum(t.hours for t in each)) for each in ((stages, tasks) if stages else (tasks,))]
        rows.append((name, weights.origin, weights.sha256[:12], *costs))
    costs = ["shared", "cells"] if plan.stages else ["cost"]
    return _PlanTable("Backbones", ("backbone", "weights", "sha256", *costs), tuple(rows), tuple(costs))


def _strategies(plan: Plan) -> _PlanTable:
    tasks = {task.cell.strategy: task for task in plan.tasks}
    classes = tuple(plan.tasks[0].effective_prior)
    rows = [(n, *(f"{100 * share:.1f}" for share in t.effective_prior.values())) for n, t in tasks.items()]
    warnings = tuple(f"{name}: {'; '.join(task.warnings)}" for name, task in tasks.items() if task.warnings)
    return _PlanTable("Effective class prior, %", ("strategy", *classes), tuple(rows), classes, warnings)


def duration(hours: float) -> str:
    """Hours as text, in the unit that suits them."""
    if hours < 1 / 60:
        return f"{hours * 3600:.0f} s"
    if hours < 2:
        return f"{hours * 60:.0f} min"
    return f"{hours:.1f} h" if hours < 72 else f"{hours / 24:,.0f} days"
