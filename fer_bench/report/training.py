"""Figures of tuning, training and what they cost."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from fer_bench.leaderboard.board import BASELINE
from fer_bench.report.board_view import BoardView
from fer_bench.report.figures import (
    ROWS,
    STEP,
    Figure,
    by_cell,
    in_panels,
    tooltip,
)
from fer_bench.report.formats import count, decimal, percent
from fer_bench.report.tables import Column, Table, chart_data, table

CURVES = {"loss": "Loss", "macro_f1": "Macro-F1", "accuracy": "Accuracy"}
SUBSETS = {"train": "training", "val": "validation"}


def best_of(view: BoardView) -> Figure | None:
    """What the best of n blind trials is expected to score on validation."""
    frame = view.keyed("best_of")
    if frame.empty or frame["n"].max() < 2:
        return None
    frame = frame.assign(baseline=frame["strategy"] == BASELINE)
    most = int(frame["of"].max())
    columns = (
        *view.cell_columns,
        Column("n", "Trials", count),
        Column("expected", "Expected macro-F1", percent),
    )
    return Figure(
        "best_of",
        "Best of n trials",
        "Expected validation macro-F1 of the best of n trials, from those that were drawn blindly; blue: "
        f"`none`. Only {most} were drawn: too few for more than a hint.",
        f"Lines of {frame['c'].nunique()} cells over up to {most} trials.",
        _best_of_chart(),
        chart_data(frame, ["c", "n", "baseline"], percent=["expected"]),
        table(
            frame,
            "Expected validation macro-F1 of the best of n trials",
            (*columns, Column("of", "Of", count)),
        ),
    )


def _best_of_chart() -> Any:
    """A line for each cell, of which the baseline's has a colour."""
    base = alt.Chart(ROWS).encode(
        x=alt.X(
            "n:Q",
            title="trials",
            axis=alt.Axis(tickMinStep=1, format="d", grid=False),
            scale=alt.Scale(zero=False),
        ),
        y=alt.Y("expected:Q", title="validation macro-F1, %", scale=alt.Scale(zero=False)),
        detail="label:N",
        color=alt.condition("datum.baseline", alt.value("@accent"), alt.value("@quiet")),
    )
    lines = base.mark_line(strokeWidth=1.5, opacity=0.7)
    dots = base.mark_point(filled=True, size=36, opacity=0.9).encode(
        tooltip=[
            alt.Tooltip("label:N", title="cell"),
            alt.Tooltip("n:Q", title="trials"),
            alt.Tooltip("expected:Q", title="expected, %", format=".1f"),
        ]
    )
    return alt.layer(lines, dots, height=280)


def curves(view: BoardView) -> Figure | None:
    """Loss and scores by epoch, of one cell; a line a repeat."""
    frame = view.keyed("curves")
    if frame.empty:
        return None
    parts = frame["measure"].str.partition("/")
    frame = frame.assign(subset=parts[0].map(SUBSETS), metric=parts[2].map(CURVES))
    frame = frame.dropna(subset=["subset", "metric", "value"])
    if frame.empty:
        return None
    metrics = [name for name in CURVES.values() if (frame["metric"] == name).any()]
    frame = frame.assign(value=np.where(frame["metric"] == CURVES["loss"], 1, 100) * frame["value"])
    return Figure(
        "curves",
        "Learning curves",
        "By epoch, a line for each repeat; scores in percent. Epochs that strategies share are not drawn "
        "again.",
        "Loss and scores by epoch of the chosen cell, on training and validation images.",
        in_panels(_curves_chart(), "metric", metrics).resolve_scale(y="independent"),
        chart_data(frame, ["c", "slot", "epoch", "subset", "metric", "value"]),
        _curves_table(view, frame),
        panels=len(metrics),
        per_cell=True,
    )


def _curves_chart() -> Any:
    """A line for each repeat and subset."""
    chart = (
        alt.Chart()
        .mark_line(strokeWidth=1.6, opacity=0.85, point={"size": 18, "filled": True})
        .encode(
            x=alt.X("epoch:Q", axis=alt.Axis(tickMinStep=1, format="d", grid=False)),
            y=alt.Y("value:Q", title=None, scale=alt.Scale(zero=False)),
            detail="slot:N",
            color=alt.Color(
                "subset:N",
                scale=alt.Scale(domain=list(SUBSETS.values()), range=["@second", "@accent"]),
                legend=alt.Legend(title=None),
            ),
            strokeDash=alt.StrokeDash(
                "subset:N",
                scale=alt.Scale(domain=list(SUBSETS.values()), range=[[4, 3], [1, 0]]),
                legend=None,
            ),
            tooltip=[
                alt.Tooltip("epoch:Q"),
                alt.Tooltip("value:Q", format=".3~f"),
                alt.Tooltip("slot:N", title="repeat"),
            ],
        )
        .properties(height=200)
    )
    return chart


def _curves_table(view: BoardView, frame: pd.DataFrame) -> Table:
    """A row for each cell, repeat and epoch."""
    frame = frame.assign(key=frame["metric"] + ", " + frame["subset"])
    wide = frame.pivot_table(index=["c", "label", "slot", "epoch"], columns="key", values="value", sort=False)
    names = [str(name) for name in wide]
    columns = (*view.cell_columns, Column("slot", "Repeat", count), Column("epoch", "Epoch", count))
    columns += tuple(Column(name, name, _one_or_two) for name in names)
    return table(wide.reset_index(), "Learning curves", columns, headers=3)


def _one_or_two(value: float) -> str:
    """Percent with one decimal, losses with three digits."""
    return "" if value != value else f"{value:.1f}" if value >= 10 else f"{value:.3f}"


def cost(view: BoardView) -> Figure | None:
    """Seconds of a repeat's own training, and of what all strategies share."""
    wide = view.tested
    names = {"train_seconds": "Own, of a repeat", "shared_seconds": "Shared, of a seed"}
    names["views_seconds"] = "Test views, of a repeat"
    names = {key: title for key, title in names.items() if wide[key].notna().any()}
    if wide.empty or not names:
        return None
    frame = wide.melt(["c"], list(names), var_name="part", value_name="seconds").dropna(subset=["seconds"])
    frame["part"] = frame["part"].map(names)
    base = alt.Chart().encode(
        y=by_cell(), x=alt.X("seconds:Q", axis=alt.Axis(tickCount=3, format=",~r"), title="seconds")
    )
    bars = base.mark_bar(color="@accent", opacity=0.85, height={"band": 0.65}).encode(
        tooltip=tooltip(("seconds:Q", "seconds"))
    )
    numbers = base.mark_text(align="left", dx=4).encode(text=alt.Text("seconds:Q", format=",.1f"))
    columns = (*view.cell_columns, *(Column(key, f"{title}, s", decimal) for key, title in names.items()))
    columns += (Column("setup_seconds", "Setup, s", decimal), Column("steps", "Steps", count))
    columns += (Column("images_per_second", "Images/s", count), Column("parameters", "Parameters", count))
    return Figure(
        "cost",
        "Cost of training",
        "Median over repeats: a repeat's own training, and the phases that all strategies of a backbone "
        "share, once a seed. On the machines that this study ran on.",
        f"Bar chart of training seconds of {wide['c'].nunique()} cells.",
        in_panels(
            alt.layer(bars, numbers, height=alt.Step(STEP)), "part", list(names.values()), space=48
        ).resolve_scale(x="independent"),
        chart_data(frame, ["c", "part", "seconds"]),
        table(wide, "Training cost, medians over repeats", columns),
        panels=len(names),
    )
