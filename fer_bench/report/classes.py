"""Figures by class: who pays for a gain, F1, confusions, and how many images there are."""

from __future__ import annotations

import altair as alt
import pandas as pd

from fer_bench.report.board_view import BoardView
from fer_bench.report.figures import (
    ROWS,
    STEP,
    Figure,
    by_cell,
    by_class,
    diverging,
    heat_map,
    in_panels,
    sequential,
)
from fer_bench.report.formats import count, percent, points
from fer_bench.report.gains import INTERVAL
from fer_bench.report.tables import Column, Table, chart_data, table

MEASURES = {"recall": "Recall", "f1": "F1"}
SUBSETS = {"train": "Training", "val": "Validation", "test": "Test"}


def who_pays(view: BoardView) -> Figure | None:
    """Change of recall and F1 of each class; blank where the interval holds 0."""
    frame = view.answers("who_pays")
    frame = frame[frame["measure"].isin(MEASURES) & frame["change"].notna()]
    if frame.empty:
        return None
    frame = frame.assign(
        measure=frame["measure"].map(MEASURES), told=(frame["low"] > 0) | (frame["high"] < 0)
    )
    most = _rounded_up(100 * frame.loc[frame["told"], "change"].abs().max())
    chart = heat_map(
        by_class(view.classes), by_cell(), "change", diverging("change", most, "points"), "+.1f",
        f"abs(datum.change) > {0.65 * most}", told="datum.told",
    )  # fmt: skip
    columns = (*view.cell_columns, Column("class", "Class"), Column("measure", "Measure"))
    columns = (*columns, Column("none", "none, %", percent), Column("value", "Cell, %", percent))
    return Figure(
        "who_pays",
        "Change of each class",
        "Change of each class against `none`, in points; classes from the commonest to the rarest. Blank "
        "where the 95 % interval holds 0. The intervals are of each change by itself: of many, one in "
        "twenty excludes 0 by chance.",
        f"Heat map of changes by class; {int(frame['told'].sum())} of {len(frame)} intervals exclude 0.",
        in_panels(chart, "measure", list(MEASURES.values())).resolve_axis(x="independent"),
        chart_data(frame, ["c", "class", "measure", "told"], percent=["change", "low", "high"]),
        table(
            frame,
            "Change of recall and F1 of each class against none",
            (*columns, Column("change", "Change", points), *INTERVAL),
            headers=3,
        ),
        panels=2,
        least=37 * len(view.classes),
    )


def exchange(view: BoardView) -> Table | None:
    """What the rarest class won, what the commonest lost, and the rate."""
    frame = view.answers("exchange")
    if frame.empty:
        return None
    commonest, rarest = frame["commonest"].iloc[0], frame["rarest"].iloc[0]
    columns = (
        *view.cell_columns,
        Column("won", f"Recall of {rarest} won, points", points),
        Column("lost", f"Recall of {commonest} lost, points", points),
        Column("rate", "Lost per point won", lambda rate: f"{rate:.2f}" if rate == rate else ""),
    )
    return table(frame, f"Points of {commonest} lost per point of {rarest} won", columns)


def f1(view: BoardView) -> Figure | None:
    """F1 of each class, of all cells."""
    names = [name for name in view.classes if f"f1_{name}" in view.tested]
    if view.tested.empty or not names:
        return None
    wide = view.tested[["c", "label", *(f"f1_{name}" for name in names)]]
    frame = wide.melt(["c", "label"], var_name="class", value_name="f1")
    frame["class"] = frame["class"].str.removeprefix("f1_")
    most = 100 * min(1, float(frame["f1"].max()))
    chart = heat_map(
        by_class(view.classes), by_cell(), "f1", sequential("f1", most, "F1, %"), ".1f",
        f"datum.f1 > {0.75 * most}",
    )  # fmt: skip
    return Figure(
        "f1",
        "F1 of each class",
        "Mean over repeats, in percent; classes from the commonest in training to the rarest.",
        f"Heat map of F1 of {len(names)} classes for {len(wide)} cells.",
        alt.layer(chart, data=ROWS),
        chart_data(frame, ["c", "class"], percent=["f1"]),
        table(
            wide,
            "F1 of each class, in percent",
            (*view.cell_columns, *(Column(f"f1_{name}", name, percent) for name in names)),
        ),
        least=32 * len(names),
    )


def confusion(view: BoardView) -> Figure | None:
    """Confusion matrix of one cell, and what differs from `none`."""
    frame = view.keyed("confusion")
    if frame.empty:
        return None
    most = _rounded_up(100 * float(frame["change"].abs().quantile(0.98)))  # the few beyond look like it
    axis = alt.Axis(orient="top", labelAngle=-40, grid=False, title="predicted")
    x = alt.X("predicted:N", sort=list(view.classes), axis=axis)
    y = alt.Y("true:N", sort=list(view.classes), title="true")
    share = heat_map(
        x, y, "share", sequential("share", 100, "% of the true class"), ".1f", "datum.share > 70"
    )
    differs = heat_map(
        x, y, "change", diverging("change", most, "less those of none, points"), "+.1f",
        f"abs(datum.change) > {0.65 * most}", told="isValid(datum.change)",
    )  # fmt: skip
    chart = alt.concat(
        share.properties(height=alt.Step(30)), differs.properties(height=alt.Step(30)), data=ROWS, columns=2
    ).resolve_scale(color="independent")
    return Figure(
        "confusion",
        "Confusion matrix, and how it differs from none",
        "Left: percent of the images of a true class (rows) that are predicted as each class (columns), "
        "mean over repeats. Right: less the same of `none`, in points.",
        "Confusion matrix of the chosen cell, and its difference to that of none.",
        chart,
        chart_data(frame, ["c", "true", "predicted"], percent=["share", "change"]),
        _confusion_table(view, frame),
        panels=2,
        per_cell=True,
        least=34 * len(view.classes),
    )


def _confusion_table(view: BoardView, frame: pd.DataFrame) -> Table:
    """A row for each cell and true class, a column for each predicted one: percent, and change in points."""
    frame = frame.assign(
        words=[
            f"{percent(s)} ({points(c)})" if c == c else percent(s)
            for s, c in zip(frame["share"], frame["change"], strict=True)
        ]
    )
    wide = frame.pivot_table(
        index=["c", "label", "true"], columns="predicted", values="words", aggfunc="first"
    ).reset_index()
    order = {name: place for place, name in enumerate(view.classes)}
    wide = wide.sort_values(
        ["c", "true"], key=lambda column: column.map(order) if column.name == "true" else column
    )
    wide = wide.rename(columns={name: f"as {name}" for name in view.classes})
    columns = (*view.cell_columns, Column("true", "True class"))
    columns += tuple(Column(f"as {name}", name, str) for name in view.classes if f"as {name}" in wide)
    return table(
        wide, "Predicted classes in percent of the true class (less none, points)", columns, headers=2
    )


def counts(view: BoardView) -> Figure | None:
    """Images of each class in the three subsets."""
    wide = view.analysis.counts
    if wide.empty:
        return None
    wide = wide.set_index("class").reindex(view.classes).reset_index()
    used = {key: title for key, title in SUBSETS.items() if key in wide and wide[key].notna().any()}
    frame = wide.melt("class", list(used), var_name="subset", value_name="images")
    frame["subset"] = frame["subset"].map(used)
    base = alt.Chart().encode(
        y=alt.Y("class:N", sort=list(view.classes), title=None),
        x=alt.X("images:Q", axis=alt.Axis(tickCount=3, format=",d"), title="images"),
    )
    bars = base.mark_bar(color="@accent", opacity=0.85, height={"band": 0.7})
    numbers = base.mark_text(align="left", dx=4).encode(text=alt.Text("images:Q", format=",d"))
    chart = alt.layer(bars, numbers, height=alt.Step(STEP))
    train = wide["train"].dropna()
    ratio = (
        f" Imbalance ratio of training: {train.max() / train.min():.1f}."
        if len(train) and train.min()
        else ""
    )
    return Figure(
        "counts",
        "Images of each class",
        f"Classes from the commonest in training to the rarest.{ratio}",
        f"Bar chart of the images of {len(wide)} classes in {', '.join(used.values()).lower()}.",
        in_panels(chart, "subset", list(used.values()), space=48).resolve_scale(x="independent"),
        chart_data(frame, ["class", "subset", "images"]),
        table(
            wide,
            "Images of each class",
            (Column("class", "Class"), *(Column(key, title, count) for key, title in used.items())),
        ),
        panels=len(used),
    )


def _rounded_up(most: float) -> float:
    """The next multiple of 5, for the ends of a scale of points; 5 where nothing is known."""
    return 5.0 * max(1, -(-most // 5)) if most == most else 5.0
