"""A figure of the page: an Altair chart, its data and the same as a table; and the forms that several share.

A chart's rows are named "rows". The page adds to each row what its cell "c" is called and its place: "label",
"backbone", "strategy" and "order".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import altair as alt

from fer_bench.report.tables import Table

ROWS = alt.NamedData(name="rows")
STEP = 21  # pixels of a row
AXIS = alt.Axis(
    gridColor={"condition": {"test": "datum.value === 0", "value": "@zero"}, "value": "@grid"},
    tickCount=5,
    labelFlush=False,
)
"""An axis of differences, on which 0 is seen."""


@dataclass(frozen=True, eq=False)
class Figure:
    """One chart. `says` is its caption, `alt` what a screen reader says of it, `data` its rows by column.

    `panels` are side by side where there is room, none narrower than `least` pixels, a single one not wider
    than `most`; a figure `per_cell` shows one cell at a time.
    """

    name: str
    title: str
    says: str
    alt: str
    chart: Any
    data: dict[str, list[Any]]
    table: Table
    panels: int = 1
    per_cell: bool = False
    least: int = 140
    most: int = 2000

    @property
    def spec(self) -> dict[str, Any]:
        """The Vega-Lite specification; its rows are put in by the page."""
        specification: dict[str, Any] = self.chart.to_dict()
        return {key: value for key, value in specification.items() if key not in ("config", "$schema")}


def by_cell(**more: Any) -> alt.Y:
    """The vertical axis of cells, in the order of the leaderboard."""
    return alt.Y("label:N", sort=alt.EncodingSortField("order", op="min"), title=None, **more)


def by_class(classes: tuple[str, ...], **more: Any) -> alt.X:
    """The horizontal axis of classes."""
    axis = alt.Axis(orient="top", labelAngle=-40, grid=False)
    return alt.X("class:N", sort=list(classes), title=None, axis=axis, **more)


def tooltip(*fields: tuple[str, str], form: str = ".1f") -> list[alt.Tooltip]:
    """What is shown of a row that is pointed at: the cell, then numbers by field and title."""
    shown = [alt.Tooltip(field, title=title, format=form) for field, title in fields]
    return [alt.Tooltip("label:N", title="cell"), *shown]


def effects(title: str, colour: Any, **shape: Any) -> Any:
    """Values with intervals, a row for each cell: columns value, low and high."""
    base = alt.Chart().encode(y=by_cell(), color=colour)
    rule = base.mark_rule(strokeWidth=2.5, opacity=0.55, strokeCap="round").encode(
        x=alt.X("low:Q", title=title, axis=AXIS), x2="high:Q"
    )
    point = base.mark_point(filled=True, size=64, opacity=1).encode(
        x="value:Q", tooltip=tooltip(("value:Q", title), ("low:Q", "low"), ("high:Q", "high")), **shape
    )
    return alt.layer(rule, point, height=alt.Step(STEP))


def in_pairs(x: alt.X, fields: tuple[str, str], names: tuple[str, str], title: str | None = None) -> Any:
    """Two values of each cell on one line: `x` is the axis of the first field, `names` are the legend's."""
    base = alt.Chart().encode(y=by_cell())
    between = base.mark_rule(strokeWidth=2, color="@quiet", opacity=0.5).encode(x=x, x2=f"{fields[1]}:Q")
    colours = alt.Scale(domain=list(names), range=["@second", "@accent"])
    shapes = alt.Scale(domain=list(names), range=["diamond", "circle"])
    dots = (
        base.transform_fold(list(fields), as_=["field", "shown"])
        .transform_calculate(which=f"datum.field === '{fields[0]}' ? '{names[0]}' : '{names[1]}'")
        .mark_point(filled=True, size=60, opacity=1)
        .encode(
            x="shown:Q",
            color=alt.Color("which:N", scale=colours, legend=alt.Legend(title=title)),
            shape=alt.Shape("which:N", scale=shapes),
            tooltip=tooltip(*((f"{field}:Q", name) for field, name in zip(fields, names, strict=True))),
        )
    )
    return alt.layer(between, dots, height=alt.Step(STEP))


def in_panels(chart: Any, field: str, names: list[str], space: int = 20) -> Any:
    """A chart for each value of a field, side by side with `space` pixels between them."""
    facet = alt.Facet(f"{field}:N", sort=names, title=None)
    return chart.facet(facet, columns=len(names), data=ROWS).properties(spacing=space)


def heat_map(
    x: alt.X, y: alt.Y, field: str, colour: alt.Color, form: str, strong: str, told: str = "true"
) -> Any:
    """Coloured cells with their numbers, light ones where the test `strong` holds; only where `told`."""
    cell = alt.Chart().encode(x=x, y=y)
    empty = cell.mark_rect(fill="@surface", stroke="@grid", strokeWidth=1)
    filled = cell.mark_rect(stroke="@surface", strokeWidth=1.5).encode(color=colour).transform_filter(told)
    number = (
        cell.mark_text(fontSize=11)
        .encode(text="words:N", color=alt.condition(strong, alt.value("@strong"), alt.value("@ink")))
        .transform_filter(told)
        .transform_calculate(words=f"abs(datum.{field}) < 0.05 ? '0.0' : format(datum.{field}, '{form}')")
    )
    return alt.layer(empty, filled, number, height=alt.Step(STEP))


def diverging(field: str, most: float, title: str) -> alt.Color:
    """Colours of a difference in points: from loss to gain, `most` at both ends."""
    scale = alt.Scale(
        domain=[-most, 0, most], range=["@loss", "@middle", "@gain"], clamp=True, interpolate="lab"
    )
    return alt.Color(
        f"{field}:Q", scale=scale, legend=alt.Legend(title=title, format="+.0f", values=[-most, 0, most])
    )


def sequential(field: str, most: float, title: str) -> alt.Color:
    """Colours of a share in percent: from 0 to `most`."""
    scale = alt.Scale(domain=[0, most], range=["@middle", "@accent"], clamp=True, interpolate="lab")
    return alt.Color(f"{field}:Q", scale=scale, legend=alt.Legend(title=title, tickCount=4))
