"""What boards say together that differ in their training sets alone: in words, and which figures show it."""

from __future__ import annotations

from dataclasses import dataclass

from fer_bench.leaderboard.board import BASELINE
from fer_bench.leaderboard.terminal import LEVEL
from fer_bench.report.dose_figures import gains, response, slopes
from fer_bench.report.dose_view import MACRO_F1, RAREST_RECALL, DoseView
from fer_bench.report.figures import Figure
from fer_bench.report.formats import interval, percent, points
from fer_bench.report.summary import Finding


@dataclass(frozen=True, eq=False)
class DosePage:
    """All that the page shows of one series of boards."""

    view: DoseView
    findings: list[Finding]
    figures: list[Figure]


def dose_page(view: DoseView) -> DosePage:
    """Everything of a series of boards."""
    made = (response(view, MACRO_F1), gains(view), slopes(view), response(view, RAREST_RECALL))
    return DosePage(view, findings(view), [figure for figure in made if figure])


def findings(view: DoseView) -> list[Finding]:
    """What the dose does without an answer, and for which answers the gain grows with it."""
    found = [
        Finding("Without an answer", baseline(view)),
        Finding("Gains", grown(view)),
        Finding("What the slopes don't say", _limits(view)),
    ]
    return [finding for finding in found if finding.text]


def baseline(view: DoseView) -> str:
    """How plain training fares from the lowest dose to the highest."""
    points_of = view.points_of("score")
    slopes_of = view.slopes_of("score")
    words = []
    for c in view.cells.loc[view.cells["strategy"] == BASELINE, "c"]:
        line = points_of[points_of["c"] == c].sort_values("dose")
        slope = slopes_of[slopes_of["c"] == c]
        if slope.empty:
            continue
        ends = [f"{percent(line.iloc[end]['value'])} %" for end in (0, -1)]
        doses = [view.dose(line.iloc[end]["dose"]) for end in (0, -1)]
        row = slope.iloc[0]
        words.append(
            f"`{line.iloc[0]['label']}` has a macro-F1 of {ends[0]} at {_word(view)} {doses[0]} and of "
            f"{ends[1]} at {doses[1]}: {points(row['value'])} points "
            f"{interval(row['low'], row['high'], points)} per {view.unit}."
        )
    return " ".join(words)


def grown(view: DoseView) -> str:
    """For which strategies the gain over none grows with the dose, and for which it shrinks."""
    frame = view.slopes_of("gain")
    frame = frame[frame["p"].notna()]
    if frame.empty:
        return ""
    told = frame[frame["p"] < LEVEL]
    words = []
    for verb, rows in (("grows", told[told["value"] > 0]), ("shrinks", told[told["value"] < 0])):
        if len(rows):
            rows = rows.sort_values("value", key=abs, ascending=False)
            named = ", ".join(
                f"`{row['label']}` by {points(row['value'])} {interval(row['low'], row['high'], points)}"
                for _, row in rows.head(4).iterrows()
            )
            more = f" and {len(rows) - 4} more" if len(rows) > 4 else ""
            words.append(f"The gain over `{BASELINE}` {verb} with the dose for {named}{more}.")
    together = f"({100 * LEVEL:.0f} % for all {len(frame)} together, points of macro-F1 per {view.unit})"
    if not words:
        return f"No strategy's gain over `{BASELINE}` can be told to grow or shrink with the dose {together}."
    rest = len(frame) - len(told)
    words += [f"For the other{f' {rest}' if rest > 1 else ''} no change can be told."] if rest else []
    return f"{' '.join(words)} {together[:-1]}.)"


def _limits(view: DoseView) -> str:
    words = (
        "A slope is that of the straight line through all doses: whether the truth is one, the figure shows. "
        "Its interval knows other test images and seeds, not other draws of the training images."
    )
    if len(set(view.response.train_images)) > 1:
        words += " The boards differ in their numbers of training images, too: rarity and amount are mixed."
    return words


def _word(view: DoseView) -> str:
    return "a ratio of" if view.response.knob == "imbalance_ratio" else "label noise of"
