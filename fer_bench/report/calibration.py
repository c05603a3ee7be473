"""Figures of whether probabilities are true, before and after a temperature."""

from __future__ import annotations

from typing import Any

import altair as alt

from fer_bench.report.board_view import BoardView
from fer_bench.report.figures import (
    ROWS,
    Figure,
    by_cell,
    by_class,
    heat_map,
    in_pairs,
    in_panels,
    sequential,
    tooltip,
)
from fer_bench.report.formats import count, decimal, percent
from fer_bench.report.tables import Column, chart_data, table

AFTER = {False: "before", True: "after temperature"}


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
    axis = alt.X(
        "before:Q",
        title="expected calibration error, points",
        scale=alt.Scale(zero=True),
        axis=alt.Axis(tickCount=6),
    )
    chart = in_pairs(axis, ("before", "after"), (AFTER[False], AFTER[True]))
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
        alt.layer(chart, data=ROWS),
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
        "Expected calibration error among the images that are taken for each class, in points, before and "
        "after temperature.",
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
    columns = (*view.cell_columns, Column("when", "Temperature"), Column("bin", "Bin", count))
    columns += (Column("confidence", "Confidence", percent), Column("accuracy", "Accuracy", percent))
    return Figure(
        "reliability",
        "Reliability",
        "Accuracy of predictions by their confidence; on the dashed line they agree.",
        "Accuracy against confidence of the chosen cell, before and after temperature.",
        _reliability_chart(),
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


def _reliability_chart() -> Any:
    """Lines over the diagonal on which confidence and accuracy agree."""
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
    return alt.layer(ideal.encode(x="x:Q", y="y:Q"), base.mark_line(strokeWidth=1.5), dots, height=300)
