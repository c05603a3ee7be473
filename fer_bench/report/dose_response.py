"""What boards say together that differ in their training sets alone: in words, and which figures show it."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from fer_bench.leaderboard.board import BASELINE
from fer_bench.leaderboard.terminal import LEVEL
from fer_bench.report.dose_figures import gains, response, slopes
from fer_bench.report.dose_view import MACRO_F1, RAREST_RECALL, DoseView
from fer_bench.report.figures import Figure
from fer_bench.report.formats import interval, percent, points

MOST_NAMED = 4
NOTHING = "No slope can be told yet: no strategy was tested at all doses."


@dataclass(frozen=True, eq=False)
class DosePage:
    """All that the page shows of one series of boards; names in its texts stand between backticks."""

    view: DoseView
    answer: str
    limits: str
    figures: list[Figure]


def dose_page(view: DoseView) -> DosePage:
    """Everything of a series of boards."""
    made = (response(view, MACRO_F1), gains(view), slopes(view), response(view, RAREST_RECALL))
    answer = " ".join(filter(None, (baseline(view), grown(view))))
    return DosePage(view, answer or NOTHING, limits(view), [figure for figure in made if figure])


def baseline(view: DoseView) -> str:
    """How plain training fares from the lowest dose to the highest, a sentence for each backbone."""
    points_of, slopes_of = view.points_of("score"), view.slopes_of("score")
    words = []
    for _, row in slopes_of[slopes_of["strategy"] == BASELINE].iterrows():
        line = points_of[points_of["c"] == row["c"]]
        first, last = (f"{percent(line.iloc[end]['value'])} %" for end in (0, -1))
        low, high = (view.dose(line.iloc[end]["dose"]) for end in (0, -1))
        words.append(
            f"`{row['label']}` has a macro-F1 of {first} at {view.at} {low} and of {last} at {high}: "
            f"{_with_interval(row)} points per {view.unit}."
        )
    return " ".join(words)


def grown(view: DoseView) -> str:
    """For which strategies the gain over none rises with the dose, and for which it falls."""
    frame = view.slopes_of("gain")
    frame = frame[frame["p"].notna()]
    if frame.empty:
        return ""
    told = frame[frame["p"] < LEVEL]
    together = f"({100 * LEVEL:.0f} %{f' for all {len(frame)} together' if len(frame) > 1 else ''})"
    if told.empty:
        return f"No gain over `{BASELINE}` can be told to rise or fall with the {view.knob} {together}."
    ways = (("rises", told[told["value"] > 0]), ("falls", told[told["value"] < 0]))
    words = [f"{verb} for {_named(view, rows)}" for verb, rows in ways if len(rows)]
    rest = len(frame) - len(told)
    other = f" For the other{f' {rest}' if rest > 1 else ''} no change can be told." if rest else ""
    return (
        f"With the {view.knob}, the gain over `{BASELINE}` {'; it '.join(words)}.{other} In points of "
        f"macro-F1 per {view.unit} {together}."
    )


def limits(view: DoseView) -> str:
    """What a slope doesn't say."""
    words = (
        "A slope is that of the straight line through all doses: whether the truth is one, the figure shows. "
        "Its interval knows other test images and seeds, not other draws of the training images."
    )
    if len(set(view.response.train_images)) > 1:
        words += " The boards differ in their numbers of training images, too: rarity and amount are mixed."
    return words


def _named(view: DoseView, rows: pd.DataFrame) -> str:
    """The steepest slopes with the gains that they end in, and how many more there are."""
    rows = rows.sort_values("value", key=abs, ascending=False, kind="stable")
    ends = view.points_of("gain").groupby("c").last()
    words = []
    for _, row in rows.head(MOST_NAMED).iterrows():
        end = ends.loc[row["c"]]
        last = f"to {points(end['value'])} at {view.dose(end['dose'])}"
        words.append(f"`{row['label']}` ({_with_interval(row)}, {last})")
    words += [f"{len(rows) - MOST_NAMED} more"] if len(rows) > MOST_NAMED else []
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _with_interval(row: pd.Series) -> str:
    return " ".join(filter(None, (points(row["value"]), interval(row["low"], row["high"], points))))
