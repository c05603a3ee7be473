"""Figure of accuracy against macro-F1, and of the cells that no other beats in both."""

from __future__ import annotations

from typing import Any

import altair as alt

from fer_bench.leaderboard.board import BASELINE
from fer_bench.report.board_view import BoardView
from fer_bench.report.figures import (
    ROWS,
    Figure,
    tooltip,
)
from fer_bench.report.formats import percent
from fer_bench.report.tables import Column, chart_data, table


def front(view: BoardView) -> Figure | None:
    """Accuracy against macro-F1, and the cells that no other beats in both."""
    frame = view.tested
    if frame.empty:
        return None
    middle = (frame["accuracy"].min() + frame["accuracy"].max()) / 2
    frame = frame.assign(
        on_front=frame["on_front"].fillna(False).astype(bool),
        right=frame["accuracy"] > middle,
        named=frame["on_front"].fillna(False) | (frame["strategy"] == BASELINE),
    )
    columns = (
        *view.cell_columns,
        Column("accuracy", "Accuracy", percent),
        Column("macro_f1", "Macro-F1", percent),
    )
    columns += (Column("balanced_accuracy", "Balanced accuracy", percent),)
    columns += (Column("skew_macro_f1", "Macro-F1, skew-normalised", percent),)
    columns += (Column("on_front", "On the front", lambda value: "yes" if value else "no"),)
    return Figure(
        "front",
        "Accuracy against macro-F1",
        "Diamonds: the front, cells that no other beats in both by the means measured; near neighbours are "
        "rarely told apart.",
        f"Scatter plot of {len(frame)} cells; {int(frame['on_front'].sum())} are on the front.",
        _chart(),
        chart_data(frame, ["c", "on_front", "right", "named"], percent=["accuracy", "macro_f1"]),
        table(frame, "Accuracy and macro-F1, in percent", columns),
    )


def _chart() -> Any:
    """Points, a line along the front, and the names of what is on it and of the baseline."""
    scale, axis = alt.Scale(zero=False, nice=True), alt.Axis(tickCount=5)
    base = alt.Chart().encode(
        x=alt.X("accuracy:Q", scale=scale, axis=axis, title="accuracy, %"),
        y=alt.Y("macro_f1:Q", scale=scale, axis=axis, title="macro-F1, %"),
    )
    line = base.mark_line(color="@accent", opacity=0.4, strokeWidth=1.5).transform_filter("datum.on_front")
    dots = base.mark_point(filled=True, size=80, opacity=0.9).encode(
        color=alt.condition("datum.on_front", alt.value("@accent"), alt.value("@quiet")),
        shape=alt.condition("datum.on_front", alt.value("diamond"), alt.value("circle")),
        tooltip=tooltip(("accuracy:Q", "accuracy, %"), ("macro_f1:Q", "macro-F1, %")),
    )
    names = base.encode(text="label:N").transform_filter("datum.named")
    left = names.mark_text(align="left", dx=9, dy=-6).transform_filter("!datum.right")
    right = names.mark_text(align="right", dx=-9, dy=-6).transform_filter("datum.right")
    return alt.layer(line, dots, left, right, data=ROWS, height=340)
