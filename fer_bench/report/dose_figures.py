"""Figures of a series of boards: scores and gains by dose, and the slopes of gains."""

from __future__ import annotations

from typing import Any

import altair as alt

from fer_bench.leaderboard.board import BASELINE
from fer_bench.report.dose_view import MACRO_F1, DoseView
from fer_bench.report.figures import ROWS, Figure, effects, in_panels, tooltip
from fer_bench.report.formats import decimal, percent, points
from fer_bench.report.gains import INTERVAL, by_verdict, verdicts
from fer_bench.report.tables import Column, chart_data, table

PANELS = 4  # side by side
AXES = {"imbalance_ratio": "imbalance ratio", "label_noise": "wrong labels, %"}
LINES = ("strategy", BASELINE)
SLOPES = ("rises", "falls", "not told from 0")


def response(view: DoseView, measure: str) -> Figure | None:
    """A panel for each strategy: its score by dose, beside that of none."""
    frame = view.points_of("score", measure)
    none = frame[frame["strategy"] == BASELINE][["backbone", "dose", "value"]].rename(
        columns={"value": "none"}
    )
    frame = frame.merge(none, on=["backbone", "dose"], how="left")
    frame["none"] = frame["none"].where(frame["strategy"] != BASELINE)  # beside itself it says nothing
    name = "Macro-F1" if measure == MACRO_F1 else f"Recall of {view.response.rarest}"
    title = f"{name} by {view.knob}"
    what = "" if measure == MACRO_F1 else f" No class has fewer test images than {view.response.rarest}."
    columns = (*view.columns, Column("shown", AXES[view.response.knob].capitalize(), decimal))
    columns += (Column("value", f"{name}, %", percent), Column("low", "Low", percent))
    columns += (Column("high", "High", percent),)
    return Figure(
        "response_" + measure,
        title,
        f"In percent, mean over repeats, with 95 % intervals over images and seeds; dashed: `{BASELINE}`, "
        f"which trains on the classes as they are.{what}",
        f"{title} of {frame['c'].nunique()} strategies at {len(view.response.doses)} doses.",
        in_panels(
            _lines(view, frame["shown"].unique().tolist()), "label", view.cells["label"].tolist()
        ).resolve_axis(x="independent"),
        chart_data(frame, ["c", "shown"], percent=["value", "low", "high", "none"]),
        table(frame, title, columns, headers=2),
        panels=min(PANELS, frame["c"].nunique()),
        least=150,
    )


def _lines(view: DoseView, doses: list[float]) -> Any:
    """Two lines, a strategy's and that of none, and the interval of each point of the first."""
    log = view.response.knob == "imbalance_ratio"
    scale = alt.Scale(type="log" if log else "linear", nice=False, padding=6)
    axis = alt.Axis(values=sorted(doses), format="~r", grid=False)
    base = alt.Chart().encode(x=alt.X("shown:Q", title=AXES[view.response.knob], scale=scale, axis=axis))
    ends = base.mark_rule(strokeWidth=2.5, opacity=0.45, color="@accent", strokeCap="round").encode(
        y=_vertical("low"), y2="high:Q"
    )
    lines = (
        base.transform_fold(["value", "none"], as_=["field", "at"])
        .transform_calculate(which=f"datum.field === 'value' ? '{LINES[0]}' : '{LINES[1]}'")
        .mark_line(strokeWidth=2)
        .encode(
            y=_vertical("at"),
            color=alt.Color(
                "which:N",
                scale=alt.Scale(domain=list(LINES), range=["@accent", "@second"]),
                legend=alt.Legend(title=None),
            ),
            strokeDash=alt.StrokeDash(
                "which:N", scale=alt.Scale(domain=list(LINES), range=[[1, 0], [4, 3]]), legend=None
            ),
        )
    )
    fields = (
        ("shown:Q", view.knob),
        ("value:Q", "%"),
        ("low:Q", "low"),
        ("high:Q", "high"),
        ("none:Q", "none"),
    )
    dots = base.mark_point(filled=True, size=48, opacity=1, color="@accent").encode(
        y=_vertical("value"), tooltip=tooltip(*fields)
    )
    return alt.layer(ends, lines, dots).properties(height=150)


def _vertical(field: str) -> alt.Y:
    return alt.Y(f"{field}:Q", title=None, scale=alt.Scale(zero=False))


def gains(view: DoseView) -> Figure | None:
    """Each gain over none, a panel for each dose."""
    frame = view.points_of("gain")
    if frame.empty:
        return None
    panels = [f"{view.word} {view.dose(dose)}" for dose in view.response.doses]
    at = view.word + " " + frame["dose"].map(view.dose)
    frame = frame.assign(at=at, told=(frame["low"] > 0) | (frame["high"] < 0))
    colour = alt.condition("datum.told", alt.value("@accent"), alt.value("@quiet"))
    columns = (*view.columns, Column("at", view.knob.capitalize()))
    return Figure(
        "gains",
        f"Gain over none at each {view.knob}",
        "Gain in macro-F1 over `none` on the same training images and seeds, in points; blue where the 95 % "
        "interval, of each by itself, excludes 0.",
        f"Gains of {frame['c'].nunique()} strategies at {len(panels)} doses; "
        f"{int(frame['told'].sum())} of {len(frame)} intervals exclude 0.",
        in_panels(effects("points", colour), "at", panels),
        chart_data(frame, ["c", "at", "told"], percent=["value", "low", "high"]),
        table(
            frame,
            "Gains in macro-F1 over none, in points",
            (*columns, Column("value", "Gain", points), *INTERVAL),
            headers=2,
        ),
        panels=min(PANELS, len(panels)),
    )


def slopes(view: DoseView) -> Figure | None:
    """How much more each strategy gains with more of the dose."""
    frame = view.slopes_of("gain")
    if frame.empty or frame["low"].isna().all():
        return None
    frame = frame.assign(gain=frame["value"], gain_p=frame["p"])
    frame = frame.assign(verdict=verdicts(frame, SLOPES))
    colour, shape = by_verdict(SLOPES)
    scores = view.slopes_of("score").set_index("c")
    for end in ("value", "low", "high"):
        frame[f"score_{end}"] = frame["c"].map(scores[end])
    unit = view.unit
    columns = (*view.columns, Column("value", "Slope of the gain", points), *INTERVAL)
    columns += (Column("p", "p (Holm)", lambda p: f"{p:.3f}" if p == p else ""),)
    columns += (Column("score_value", "Slope of macro-F1", points),)
    columns += (Column("score_low", "Low", points), Column("score_high", "High", points))
    return Figure(
        "slopes",
        "Slope of the gain",
        f"How many points of macro-F1 the gain over `none` changes per {unit}, with 95 % intervals over "
        "images and seeds. Real: at 5 % for all of these together (Holm's correction).",
        f"Slopes of the gains of {len(frame)} strategies; {int((frame['verdict'] != SLOPES[2]).sum())} real.",
        alt.layer(effects(f"points per {unit}", colour, shape=shape), data=ROWS),
        chart_data(frame, ["c", "verdict"], percent=["value", "low", "high"]),
        table(frame, f"Slopes, points of macro-F1 per {unit}", columns),
    )
