"""What the page says of groups of test images: scores, the gaps between them, and what is too few."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import altair as alt
import pandas as pd

from fer_bench.evaluation.subgroups import FEWEST_IMAGES, FEWEST_OF_CLASS
from fer_bench.leaderboard.subgroups import GAP, GROUP
from fer_bench.leaderboard.terminal import LEVEL
from fer_bench.report.board_view import BoardView, untuned
from fer_bench.report.figures import ROWS, Figure, by_cell, effects, heat_map, in_panels, sequential
from fer_bench.report.formats import count, interval, listed, percent, points
from fer_bench.report.tables import Column, Table, chart_data, table

TEXT = (
    f"Scores among the test images of each group. Fewer than {FEWEST_IMAGES} images of a group, or "
    f"{FEWEST_OF_CLASS} of a class in it, give no number. F1 of a class also depends on how common it is in "
    "the group."
)
SCORES = {
    **{name: name for name in ("images", "macro_f1", "accuracy", "accuracy_low", "accuracy_high")},
    **{"low": "macro_f1_low", "high": "macro_f1_high"},
}
"""Columns of a group in tables, and what they are called in the leaderboard."""
INTERVAL = (Column("low", "Low", percent), Column("high", "High", percent))


def groups(view: BoardView) -> list[tuple[str, str]]:
    """Attributes and their values, in the order of the leaderboard's columns."""
    names = [n for n in map(str, view.cells) if n.startswith(GROUP) and n.endswith("/images")]
    return [(attribute, value) for name in names for attribute, value in [name.split("/")[1].split("=")]]


def _of_group(frame: pd.DataFrame, attribute: str, value: str, score: str) -> pd.Series:
    """A column of a group; NaN where there is none."""
    return _column(frame, f"{GROUP}{attribute}={value}/{score}")


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    return frame[name] if name in frame else pd.Series(float("nan"), frame.index)


def gaps(view: BoardView) -> Figure | None:
    """The gap of macro-F1 of each cell by attribute, with its interval and what equal groups would show."""
    frame = _gaps(view, "macro_f1")
    if frame.empty:
        return None
    told = frame["low"] > 0
    frame = frame.assign(told=told)
    names = list(dict.fromkeys(frame["attribute"]))
    colour = alt.condition("datum.told", alt.value("@accent"), alt.value("@quiet"))
    chance = alt.Chart().mark_tick(color="@second", thickness=2, size=13, opacity=1)
    chart = alt.layer(effects("gap in macro-F1, points", colour), chance.encode(x="by_chance:Q", y=by_cell()))
    columns = (*view.cell_columns, Column("attribute", "Attribute"), Column("lowest", "Lowest"))
    columns = (*columns, Column("highest", "Highest"), Column("value", "Gap", percent), *INTERVAL)
    columns = (*columns, Column("by_chance", "By chance", percent))
    return Figure(
        "group_gaps",
        "Gap between groups",
        "Macro-F1 of the best group less that of the worst, over the classes that all groups have enough "
        "images of, in points. The largest of several is partly the luckiest: the upright stroke is the gap "
        "that equal groups would show by chance, and the 95 % interval holds for all pairs of groups "
        "together. Blue where it excludes 0.",
        f"Gaps of {frame['c'].nunique()} cells by {', '.join(names)}; {int(told.sum())} of {len(frame)} "
        "intervals exclude 0.",
        in_panels(chart, "attribute", names),
        chart_data(frame, ["c", "attribute", "told"], percent=["value", "low", "high", "by_chance"]),
        table(frame, "Gap in macro-F1 between groups, in points", columns, headers=2),
        panels=min(len(names), 3),
    )


def _gaps(view: BoardView, measure: str) -> pd.DataFrame:
    """A row for each cell and attribute that has a gap: value, low, high, by_chance, lowest, highest."""
    tested = view.tested
    rows = []
    for attribute in dict.fromkeys(attribute for attribute, _ in groups(view)):
        name = f"{GAP}{attribute}/{measure}"
        found = {"value": _column(tested, name)}
        for end in ("low", "high", "by_chance", "lowest", "highest"):
            found[end] = _column(tested, f"{name}_{end}")
        rows.append(tested[["c", "label", "strategy"]].assign(**found, attribute=attribute))
    whole = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame({"value": [], "c": []})
    return whole[whole["value"].notna()].sort_values("c", kind="stable", ignore_index=True)


def scores(view: BoardView) -> Figure | None:
    """Macro-F1 of every cell among the images of each group."""
    frame = _scores(view)
    frame = frame[frame["macro_f1"].notna()] if len(frame) else frame
    if frame.empty:
        return None
    names = list(dict.fromkeys(frame["attribute"]))
    most = 100 * float(frame["macro_f1"].max())
    x = alt.X("value:N", sort=None, title=None, axis=alt.Axis(orient="top", labelAngle=-40, grid=False))
    colour = sequential("macro_f1", most, "macro-F1, %")
    chart = heat_map(x, by_cell(), "macro_f1", colour, ".1f", f"datum.macro_f1 > {0.75 * most}")
    panels = in_panels(chart, "attribute", names).resolve_scale(x="independent")
    columns = (*view.cell_columns, Column("attribute", "Attribute"), Column("value", "Group"))
    columns = (*columns, Column("images", "Images", count), Column("macro_f1", "Macro-F1", percent))
    columns = (*columns, *INTERVAL, Column("accuracy", "Acc.", percent))
    columns = (*columns, Column("accuracy_low", "Low", percent), Column("accuracy_high", "High", percent))
    return Figure(
        "group_scores",
        "Macro-F1 of each group",
        "Mean over repeats, in percent; of each group over the classes that it has enough images of.",
        f"Heat map of macro-F1 among {frame['value'].nunique()} groups for {frame['c'].nunique()} cells.",
        panels.resolve_axis(x="independent"),
        chart_data(frame, ["c", "attribute", "value"], percent=["macro_f1"]),
        table(frame, "Scores of each group, in percent", columns, headers=3),
        panels=min(len(names), 3),
        least=32 * max(frame.groupby("attribute")["value"].nunique()),
    )


def _scores(view: BoardView) -> pd.DataFrame:
    """A row for each cell and group."""
    tested, rows = view.tested, []
    for attribute, value in groups(view):
        found = {name: _of_group(tested, attribute, value, score) for name, score in SCORES.items()}
        rows.append(tested[["c", "label"]].assign(**found, attribute=attribute, value=value))
    whole = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()
    return whole.sort_values("c", kind="stable", ignore_index=True) if rows else whole


def classes(view: BoardView) -> Figure | None:
    """F1 of each class in each group, of one cell."""
    tested, rows = view.tested, []
    for attribute, value in groups(view):
        for name in view.classes:
            f1 = _of_group(tested, attribute, value, f"f1/{name}")
            named = {"group": f"{attribute}: {value}", "class": name}
            rows.append(tested[["c", "label"]].assign(**named).assign(f1=f1))
    frame = pd.concat(rows, ignore_index=True).dropna(subset="f1") if rows else pd.DataFrame()
    if frame.empty:
        return None
    frame = frame.sort_values("c", kind="stable", ignore_index=True)
    most = 100 * float(frame["f1"].max())
    axis = alt.Axis(orient="top", labelAngle=-40, grid=False)
    x = alt.X("class:N", sort=list(view.classes), title=None, axis=axis)
    y = alt.Y("group:N", sort=None, title=None)
    wide = frame.pivot_table(index=["c", "label", "group"], columns="class", values="f1", sort=False)
    columns = (*view.cell_columns, Column("group", "Group"))
    columns = (*columns, *(Column(name, name, percent) for name in view.classes if name in wide))
    return Figure(
        "group_classes",
        "F1 of each class in each group",
        "Of one cell, mean over repeats, in percent; classes from the commonest in training to the rarest.",
        "Heat map of F1 by group and class of the chosen cell.",
        alt.layer(
            heat_map(x, y, "f1", sequential("f1", most, "F1, %"), ".1f", f"datum.f1 > {0.75 * most}"),
            data=ROWS,
        ),
        chart_data(frame, ["c", "group", "class"], percent=["f1"]),
        table(wide.reset_index(), "F1 of each class in each group, in percent", columns, headers=2),
        per_cell=True,
        least=32 * len(view.classes),
    )


def images(view: BoardView) -> Table | None:
    """Test images of each group, and which scores are left out for want of them."""
    tested = view.tested
    if not groups(view) or tested.empty:
        return None
    first = tested.iloc[:1]
    rows = []
    for attribute, value in groups(view):
        number = _of_group(first, attribute, value, "images").iloc[0]
        rows.append({"attribute": attribute, "value": value, "images": number})
        rows[-1]["words"] = _left_out(view, first, attribute, value, number)
    for attribute in dict.fromkeys(row["attribute"] for row in rows):
        known = sum(row["images"] for row in rows if row["attribute"] == attribute)
        if unknown := first["test_images"].iloc[0] - known:
            about = {"attribute": attribute, "value": "(unknown)", "images": unknown}
            rows.append(about | {"words": "in no group"})
    columns = [Column("attribute", "Attribute"), Column("value", "Group"), Column("images", "Images", count)]
    frame = pd.DataFrame(rows).sort_values("attribute", kind="stable", key=_order(rows))
    return table(frame, "Test images of each group", [*columns, Column("words", "No number")], headers=2)


def _order(rows: Iterable[dict[str, Any]]) -> Any:
    """Attributes in the order that they are in, for sorting."""
    places = {name: place for place, name in enumerate(dict.fromkeys(row["attribute"] for row in rows))}
    return lambda column: column.map(places)


def _left_out(view: BoardView, first: pd.DataFrame, attribute: str, value: str, images: Any) -> str:
    """Why a group, or a class of it, has no number; "" where all have one."""
    if images < FEWEST_IMAGES:
        return f"fewer than {FEWEST_IMAGES} images"
    few = [name for name in view.classes if _of_group(first, attribute, value, f"f1/{name}").isna().iloc[0]]
    return f"fewer than {FEWEST_OF_CLASS} of {', '.join(few)}" if few else ""


def finding(view: BoardView) -> str:
    """Which attributes' gaps have an interval that excludes 0; "" where none has."""
    frame = _gaps(view, "macro_f1")
    frame = frame[~untuned(frame) & frame["low"].notna()] if len(frame) else frame
    told = frame[frame["low"] > 0] if len(frame) else frame
    if told.empty:
        return ""
    words = [
        _told(str(name), rows, frame["c"].nunique()) for name, rows in told.groupby("attribute", sort=False)
    ]
    chance = len(frame) * LEVEL
    by_chance = f"{chance:.0f}" if chance >= 1 else "fewer than one"
    return (
        f"{' '.join(words)} ({len(told)} of {len(frame)} intervals of gaps exclude 0; {by_chance} would by "
        "chance.)"
    )


def _told(attribute: str, rows: pd.DataFrame, cells: int) -> str:
    most = rows.sort_values("value", ascending=False, kind="stable").iloc[0]
    where = f" in {len(rows)} of {cells} cells, most with {listed([most['label']])}" if cells > 1 else ""
    return (
        f"By `{attribute}`, macro-F1 differs{where}: from `{most['lowest']}` to "
        f"`{most['highest']}` the gap is {points(most['value']).lstrip('+')} points "
        f"{interval(most['low'], most['high'])}; by chance, equal groups would show "
        f"{percent(most['by_chance'])}."
    )
