"""Figures of what else a cell costs or gives: accuracy, calibration, tuning, training and seconds."""

from __future__ import annotations

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
    by_class,
    heat_map,
    in_panels,
    sequential,
    tooltip,
)
from fer_bench.report.formats import count, decimal, percent
from fer_bench.report.tables import Column, Table, chart_data, table

AFTER = {False: "before", True: "after temperature"}
CURVES = {"loss": "Loss", "macro_f1": "Macro-F1", "accuracy": "Accuracy"}
SUBSETS = {"train": "training", "val": "validation"}


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
        alt.layer(line, dots, left, right, data=ROWS, height=340),
        chart_data(frame, ["c", "on_front", "right", "named"], percent=["accuracy", "macro_f1"]),
        table(frame, "Accuracy and macro-F1, in percent", columns),
    )


def calibration(view: BoardView) -> Figure | None:
    """Expected calibration error of all images, before and after temperature."""
    frame = view.keyed("calibration")
    frame = frame[frame["class"] == "all"]
    if frame.empty:
        return None
    wide = frame.pivot_table(index=["c", "label"], columns="after", values="ece").reset_index()
    wide = wide.rename(columns={False: "before", True: "after"}).reindex(
        columns=["c", "label", "before", "after"]
    )
    wide = wide.assign(
        temperature=wide["c"].map(view.cells["temperature"]), nll=wide["c"].map(view.cells["nll"])
    )
    base = alt.Chart().encode(y=by_cell())
    axis = alt.X(
        "before:Q",
        title="expected calibration error, points",
        scale=alt.Scale(zero=True),
        axis=alt.Axis(tickCount=6),
    )
    between = base.mark_rule(strokeWidth=2, color="@quiet", opacity=0.5).encode(x=axis, x2="after:Q")
    names = list(AFTER.values())
    dots = (
        base.transform_fold(["before", "after"], as_=["when", "ece"])
        .transform_calculate(when=f"datum.when === 'before' ? '{names[0]}' : '{names[1]}'")
        .mark_point(filled=True, size=60, opacity=1)
        .encode(
            x="ece:Q",
            color=alt.Color(
                "when:N",
                scale=alt.Scale(domain=names, range=["@second", "@accent"]),
                legend=alt.Legend(title=None),
            ),
            shape=alt.Shape("when:N", scale=alt.Scale(domain=names, range=["diamond", "circle"])),
            tooltip=tooltip(("before:Q", "before"), ("after:Q", "after")),
        )
    )
    columns = (
        *view.cell_columns,
        Column("before", "Before, points", percent),
        Column("after", "After, points", percent),
    )
    columns += (Column("temperature", "Temperature", decimal), Column("nll", "Log loss", decimal))
    return Figure(
        "calibration",
        "Calibration",
        "How far confidence and accuracy lie apart (expected calibration error, bins of equal mass), "
        "before and after a temperature that is fitted on validation.",
        f"Calibration error of {len(wide)} cells before and after temperature.",
        alt.layer(between, dots, data=ROWS, height=alt.Step(STEP)),
        chart_data(wide, ["c"], percent=["before", "after"]),
        table(wide, "Expected calibration error", columns),
    )


def class_calibration(view: BoardView) -> Figure | None:
    """Calibration error of each class."""
    frame = view.keyed("calibration")
    frame = frame[frame["class"].isin(view.classes) & frame["ece"].notna()]
    if frame.empty:
        return None
    frame = frame.assign(when=frame["after"].map(AFTER).str.capitalize())
    most = 100 * float(frame["ece"].max())
    chart = heat_map(
        by_class(view.classes), by_cell(), "ece", sequential("ece", most, "points"), ".1f",
        f"datum.ece > {0.75 * most}",
    )  # fmt: skip
    wide = frame.pivot_table(
        index=["c", "label", "when"], columns="class", values="ece", sort=False
    ).reset_index()
    wide = wide.rename(columns={name: f"of {name}" for name in view.classes})
    columns = (*view.cell_columns, Column("when", "Temperature"))
    columns += tuple(Column(f"of {name}", name, percent) for name in view.classes if f"of {name}" in wide)
    names = [name.capitalize() for name in AFTER.values()]
    return Figure(
        "class_calibration",
        "Calibration of each class",
        "Expected calibration error of each class's probability, in points, before and after temperature.",
        f"Heat map of the calibration error of {len(view.classes)} classes for {frame['c'].nunique()} cells.",
        in_panels(chart, "when", names).resolve_axis(x="independent"),
        chart_data(frame, ["c", "class", "when"], percent=["ece"]),
        table(wide, "Calibration error of each class, in points", columns, headers=2),
        panels=2,
        least=32 * len(view.classes),
    )


def reliability(view: BoardView) -> Figure | None:
    """Accuracy by confidence of one cell."""
    frame = view.keyed("reliability").dropna(subset=["confidence", "accuracy"])
    if frame.empty:
        return None
    frame = frame.assign(when=frame["after"].map(AFTER))
    names, scale = list(AFTER.values()), alt.Scale(domain=[0, 100])
    base = alt.Chart(ROWS).encode(
        x=alt.X("confidence:Q", scale=scale, title="confidence, %", axis=alt.Axis(tickCount=5)),
        y=alt.Y("accuracy:Q", scale=scale, title="accuracy, %", axis=alt.Axis(tickCount=5)),
        color=alt.Color(
            "when:N",
            scale=alt.Scale(domain=names, range=["@second", "@accent"]),
            legend=alt.Legend(title=None),
        ),
    )
    ideal = alt.Chart(alt.InlineData([{"x": 0, "y": 0}, {"x": 100, "y": 100}])).mark_line(
        color="@zero", strokeDash=[4, 4], strokeWidth=1
    )
    dots = base.mark_point(filled=True, size=50, opacity=1).encode(
        shape=alt.Shape("when:N", scale=alt.Scale(domain=names, range=["diamond", "circle"])),
        tooltip=tooltip(
            ("confidence:Q", "confidence, %"), ("accuracy:Q", "accuracy, %"), ("images:Q", "images")
        ),
    )
    columns = (*view.cell_columns, Column("when", "Temperature"), Column("bin", "Bin", count))
    columns += (Column("confidence", "Confidence", percent), Column("accuracy", "Accuracy", percent))
    return Figure(
        "reliability",
        "Reliability",
        "Accuracy of predictions by their confidence; on the dashed line they agree.",
        "Accuracy against confidence of the chosen cell, before and after temperature.",
        alt.layer(ideal.encode(x="x:Q", y="y:Q"), base.mark_line(strokeWidth=1.5), dots, height=300),
        chart_data(frame, ["c", "when", "images"], percent=["confidence", "accuracy"]),
        table(
            frame,
            "Accuracy by confidence, in percent",
            (*columns, Column("images", "Images", count)),
            headers=3,
        ),
        per_cell=True,
        most=400,
    )


def best_of(view: BoardView) -> Figure | None:
    """What the best of n blind trials is expected to score on validation."""
    frame = view.keyed("best_of")
    if frame.empty or frame["n"].max() < 2:
        return None
    frame = frame.assign(baseline=frame["strategy"] == BASELINE)
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
    most = int(frame["of"].max())
    few = f" Only {most} were drawn: too few for more than a hint." if most < 16 else ""
    columns = (
        *view.cell_columns,
        Column("n", "Trials", count),
        Column("expected", "Expected macro-F1", percent),
    )
    return Figure(
        "best_of",
        "Best of n trials",
        "Expected validation macro-F1 of the best of n trials, from those that were drawn blindly; blue: "
        "`none`." + few,
        f"Lines of {frame['c'].nunique()} cells over up to {most} trials.",
        alt.layer(lines, dots, height=280),
        chart_data(frame, ["c", "n", "baseline"], percent=["expected"]),
        table(
            frame,
            "Expected validation macro-F1 of the best of n trials",
            (*columns, Column("of", "Of", count)),
        ),
    )


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
    return Figure(
        "curves",
        "Learning curves",
        "By epoch, a line for each repeat; scores in percent. Epochs that strategies share are not drawn "
        "again.",
        "Loss and scores by epoch of the chosen cell, on training and validation images.",
        in_panels(chart, "metric", metrics).resolve_scale(y="independent"),
        chart_data(frame, ["c", "slot", "epoch", "subset", "metric", "value"]),
        _curves_table(view, frame),
        panels=len(metrics),
        per_cell=True,
    )


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
