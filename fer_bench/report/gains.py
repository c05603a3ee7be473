"""Figures of gains: over `none`, split into threshold and representation, by decision rule, and ranks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from fer_bench.leaderboard.terminal import LEVEL
from fer_bench.report.board_view import BoardView
from fer_bench.report.figures import AXIS, ROWS, STEP, Figure, by_cell, effects, in_pairs, in_panels, tooltip
from fer_bench.report.formats import count, percent, points
from fer_bench.report.tables import Column, chart_data, table

FEW_RANKS = 10
VERDICTS = ("real gain", "real loss", "not told from 0")
PARTS = {
    "total": "Total gain",
    "operating_point": "Moved threshold",
    "representation": "Better representation",
    "interaction": "Interaction",
}
RULES = {
    "decided": "As trained",
    "prior_shift": "Prior shift, tau = 1",
    "tau": "Fitted tau",
    "bias": "Fitted bias",
}
INTERVAL = (Column("low", "Low", points), Column("high", "High", points))


def gains(view: BoardView) -> Figure | None:
    """Forest plot: each gain with its interval, and whether it is real."""
    frame = view.cells[view.cells["gain"].notna()]
    if frame.empty:
        return None
    frame = frame.assign(value=frame["gain"], low=frame["gain_low"], high=frame["gain_high"])
    frame = frame.assign(verdict=verdicts(frame))
    real = int((frame["verdict"] != VERDICTS[2]).sum())
    colour, shape = by_verdict(VERDICTS)
    columns = (*view.cell_columns, Column("value", "Gain", points), *INTERVAL)
    columns = (*columns, Column("gain_p", "p (Holm)", lambda p: f"{p:.3f}" if p == p else ""))
    return Figure(
        "gains",
        "Gain over none",
        "Gain in macro-F1 over `none` on the same backbone and seeds, in points, with 95 % intervals over "
        "images and seeds. Real: at 5 % for all gains of this board together (Holm's correction).",
        f"Forest plot of {len(frame)} gains over none, from {points(frame['value'].min())} to "
        f"{points(frame['value'].max())} points; {real} of them real.",
        alt.layer(effects("gain in macro-F1, points", colour, shape=shape), data=ROWS),
        chart_data(frame, ["c", "verdict"], percent=["value", "low", "high"]),
        table(frame, "Gain in macro-F1 over none, in points", (*columns, Column("verdict", "Verdict"))),
    )


def by_verdict(words: Sequence[str]) -> tuple[alt.Color, alt.Shape]:
    """Colour and shape of a verdict, of which `words` are: upwards, downwards, not told."""
    colours = alt.Scale(domain=list(words), range=["@gain", "@loss", "@quiet"])
    shapes = alt.Scale(domain=list(words), range=["triangle-up", "triangle-down", "circle"])
    legend = alt.Legend(title=None, symbolOpacity=1)
    return alt.Color("verdict:N", scale=colours, legend=legend), alt.Shape("verdict:N", scale=shapes)


def verdicts(frame: pd.DataFrame, words: Sequence[str] = VERDICTS) -> np.ndarray:
    """One of three `words` (upwards, downwards, not told) for rows with gain and gain_p."""
    real = (frame["gain_p"] < LEVEL).to_numpy()
    return np.select([real & (frame["gain"] > 0), real & (frame["gain"] < 0)], words[:2], words[2])


def decomposition(view: BoardView) -> Figure | None:
    """Each gain over `none` in its parts, with intervals."""
    frame = view.answers("decomposition")
    frame = frame[frame["part"].isin(PARTS)]
    if frame.empty:
        return None
    frame = frame.assign(part=frame["part"].map(PARTS), told=_told(frame))
    colour = alt.condition("datum.told", alt.value("@accent"), alt.value("@quiet"))
    columns = (*view.cell_columns, Column("part", "Part"), Column("value", "Points", points), *INTERVAL)
    told = frame.loc[frame["part"] == PARTS["representation"], "told"]
    return Figure(
        "decomposition",
        "Threshold or representation",
        "Total gain = moved threshold (what `none` gains when its threshold is fitted on validation) + "
        "better representation (what is left when both sides have theirs fitted) + interaction (what a "
        "strategy's own decision loses against its fitted threshold). In points of macro-F1; blue where "
        "the 95 % interval, of each by itself, excludes 0.",
        f"Parts of the gains of {frame['c'].nunique()} cells; the interval of the representation excludes 0 "
        f"for {int(told.sum())} of them.",
        in_panels(effects("points", colour), "part", list(PARTS.values())),
        chart_data(frame, ["c", "part", "told"], percent=["value", "low", "high"]),
        table(frame, "Parts of each gain in macro-F1, in points", columns, headers=2),
        panels=4,
    )


def _told(frame: pd.DataFrame) -> pd.Series:
    """Whether an interval excludes 0."""
    return (frame["low"] > 0) | (frame["high"] < 0)


def decision_rules(view: BoardView) -> Figure | None:
    """What each decision rule gains over argmax, on validation and then on test."""
    frame = view.keyed("ladder")
    frame = frame[(frame["slot"] == -1) & frame["rule"].isin(RULES)]
    if frame.empty:
        return None
    frame = frame.assign(rule=frame["rule"].map(RULES))
    axis = alt.X("val_gain:Q", axis=AXIS, title="points")
    chart = in_pairs(axis, ("val_gain", "test_gain"), ("validation", "test"), title="gain on")
    columns = (*view.cell_columns, Column("rule", "Decision rule"))
    columns = (*columns, Column("val_gain", "On validation", points), Column("test_gain", "On test", points))
    columns = (*columns, Column("test_macro_f1", "Test macro-F1", percent))
    return Figure(
        "decision_rules",
        "Decision rules: what validation promised, what test gave",
        "Gain in macro-F1 over argmax of the same logits, mean over repeats, in points. What is fitted on "
        "validation looks better there than it is.",
        f"Gains of {frame['rule'].nunique()} decision rules over argmax, for {frame['c'].nunique()} cells.",
        in_panels(chart, "rule", list(RULES.values())).resolve_scale(x="independent"),
        chart_data(frame, ["c", "rule"], percent=["val_gain", "test_gain"]),
        table(frame, "Gain of decision rules over argmax, in points", columns, headers=2),
        panels=4,
    )


def ranks(view: BoardView) -> Figure | None:
    """Shared rank, rank interval and how often a cell is the best."""
    frame = view.cells[view.cells["shared_rank"].notna()]
    if frame.empty or frame["rank_low"].isna().all():
        return None
    frame = frame.assign(value=frame["shared_rank"], low=frame["rank_low"], high=frame["rank_high"])
    base = alt.Chart().encode(y=by_cell())
    scale, axis = alt.Scale(zero=False, nice=False), alt.Axis(format="d", **_whole(int(frame["high"].max())))
    rule = base.mark_rule(strokeWidth=2.5, opacity=0.55, color="@accent", strokeCap="round").encode(
        x=alt.X("low:Q", title="rank", scale=scale, axis=axis), x2="high:Q"
    )
    fields = tooltip(("value:Q", "shared rank"), ("low:Q", "from"), ("high:Q", "to"), form="d")
    point = base.mark_point(filled=True, size=64, color="@accent").encode(x="value:Q", tooltip=fields)
    columns = (*view.cell_columns, Column("value", "Shared rank", count), Column("low", "From", count))
    columns = (*columns, Column("high", "To", count), Column("p_best", "P(best), %", percent))
    return Figure(
        "ranks",
        "Ranks",
        "Shared rank (cells that can't be told from their leader have the same) and 95 % interval of the "
        "rank, for which all pairs are tested together: it is more careful than the test against the best. "
        "P(best) takes each score as it was found, which flatters the luckiest. "
        "Computed over all cells, whatever is filtered.",
        f"Rank intervals of {len(frame)} cells.",
        alt.layer(rule, point, data=ROWS, height=alt.Step(STEP)),
        chart_data(frame, ["c", "value", "low", "high"]),
        table(frame, "Shared ranks, their intervals and in how many draws each is the best", columns),
    )


def _whole(last: int) -> dict[str, Any]:
    """What keeps the ticks of an axis of ranks whole: of few ranks Vega would draw halves, and round them."""
    return {"values": list(range(1, last + 1))} if last <= FEW_RANKS else {"tickMinStep": 1}
