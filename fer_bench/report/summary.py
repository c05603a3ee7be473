"""What a board says, in words written from its numbers: no more than its intervals bear."""

from __future__ import annotations

import re
from typing import NamedTuple

import pandas as pd

from fer_bench.leaderboard.board import BASELINE
from fer_bench.leaderboard.terminal import LEVEL, detectable_gains
from fer_bench.leaderboard.warnings import own_warnings, shared_warnings
from fer_bench.report import subgroups
from fer_bench.report.board_view import BoardView, untuned
from fer_bench.report.formats import count, interval, listed, percent, points, present

SEE_DEDUP = re.compile(r": see (near_)?dedup_\*$")  # of a leaderboard's warning
FEW = 3  # repeats, from which on seed noise is known well enough


class Finding(NamedTuple):
    """One finding: what it is about, and one or more sentences; names stand between backticks."""

    about: str
    text: str


def findings(view: BoardView) -> list[Finding]:
    """All that a board says, the most important first."""
    ranked = view.cells[view.cells["rank"].notna() & (view.cells["kind"] == "cell")]
    found = [
        Finding("Best", best(ranked)),
        Finding("Gains", "" if view.scored else gains(ranked)),
        Finding("What the strategies did", separated(view)),
        Finding("Who paid", who_paid(view)),
        Finding("Subgroups", subgroups.finding(view)),
        Finding("What could not be told", resolution(ranked)),
        Finding("The data", data(view, ranked)),
        Finding("What is missing", missing(view, ranked)),
    ]
    return [finding for finding in found if finding.text]


def best(ranked: pd.DataFrame) -> str:
    """The best cell with its interval, which others may be as good, and what validation would choose."""
    if ranked.empty:
        return "Nothing can be ranked yet: no cell has all of its trials and repeats."
    first, score = ranked.iloc[0], f"{percent(ranked.iloc[0]['macro_f1'])} %"
    ends = interval(first["macro_f1_low"], first["macro_f1_high"])
    score += f" {ends}" if ends else ""
    if len(ranked) == 1:
        return f"The only finished cell is `{first['label']}`, with a macro-F1 of {score} on test."
    return " ".join(
        filter(
            None,
            [
                f"`{first['label']}` has the highest macro-F1 on test, {score}.",
                _as_good(ranked),
                _chosen(ranked),
            ],
        )
    )


def _as_good(ranked: pd.DataFrame) -> str:
    others = ranked.iloc[1:]
    if others["best_set"].isna().all():
        return "With a single repeat there are no intervals: the order of the cells says nothing yet."
    may = others["best_set"].fillna(True).astype(bool)  # as may one of which nobody can tell
    good, worse = others.loc[may, "label"].tolist(), others.loc[~may, "label"].tolist()
    if not good:
        words = f"It can be told to be better than each of the {len(others)} others"
        return f"{words} ({100 * LEVEL:.0f} %, as the luckiest of all)."
    if not worse:
        return (
            f"Each of the {len(others)} others may be as good."
            if len(others) > 1
            else "The other may be as good."
        )
    if len(good) <= len(worse):
        rest = f"the other {len(worse)}" if len(worse) > 1 else "the other one"
        return f"{_sentence(listed(good))} may be as good; {rest} can be told to be worse."
    some = f"{len(good)} of the {len(others)} others may be as good"
    return f"{some}; only {listed(worse)} can be told to be worse."


def _chosen(ranked: pd.DataFrame) -> str:
    if ranked["val_macro_f1"].isna().any():
        return ""
    chosen = ranked.sort_values("val_macro_f1", ascending=False, kind="stable").iloc[0]
    if chosen["label"] == ranked.iloc[0]["label"]:
        return "Validation, which saw no test image, would choose the same."
    return (
        f"The best of {len(ranked)} by test is flattered by being that: validation would choose "
        f"`{chosen['label']}`, with {percent(chosen['macro_f1'])} % on test."
    )


def gains(ranked: pd.DataFrame) -> str:
    """Which gains over `none` are real with all of the board tested together."""
    if ranked.empty:
        return ""
    if not (ranked["strategy"] == BASELINE).any():
        return f"No finished cell has the strategy `{BASELINE}`: what the strategies gain can't be said."
    gained = ranked[ranked["gain"].notna()]
    if gained.empty:
        return f"There is nothing to compare with `{BASELINE}`." if len(ranked) > 1 else ""
    if gained["gain_p"].isna().all():
        return f"Gains over `{BASELINE}` have no intervals with a single repeat: none can be called real."
    up, down = (gained[(gained["gain_p"] < LEVEL) & (gained["gain"] * sign > 0)] for sign in (1, -1))
    together = f"({100 * LEVEL:.0f} % for all of them together)"
    if up.empty and down.empty:
        number = "The one gain or loss" if len(gained) == 1 else f"None of the {len(gained)} gains and losses"
        verb = "isn't" if len(gained) == 1 else "is"
        return f"{number} against `{BASELINE}`, training on the classes as they are, {verb} real {together}."
    rest = len(gained) - len(up) - len(down)
    words = [f"Better than `{BASELINE}`: {_with_intervals(up)}." if len(up) else ""]
    words += [f"Worse than `{BASELINE}`: {_with_intervals(down)}." if len(down) else ""]
    words += [f"The other{f' {rest}' if rest > 1 else ''} can't be told from it." if rest else ""]
    return f"{' '.join(filter(None, words))} In points of macro-F1 {together}."


def _with_intervals(rows: pd.DataFrame, most: int = 4) -> str:
    words = [
        f"`{row['label']}` by {points(row['gain'])} {interval(row['gain_low'], row['gain_high'], points)}"
        for _, row in rows.head(most).iterrows()
    ]
    words += [f"and {len(rows) - most} more"] if len(rows) > most else []
    return ", ".join(words)


def separated(view: BoardView) -> str:
    """What of the gains is a moved threshold, and which strategies have a better representation."""
    frame = view.answers("decomposition")
    frame = frame[frame["low"].notna()]
    if frame.empty:
        return ""
    of = dict(list(frame.groupby("part")))
    words = [_moved(of["operating_point"].drop_duplicates("backbone"))]
    better, worse = _told(of["representation"])
    if better.empty and worse.empty:
        words.append(f"Beyond that, no strategy's representation can be told from that of `{BASELINE}`.")
    for rows, word in ((better, "better"), (worse, "worse")):
        if len(rows):
            words.append(f"Beyond that, {_parts(rows)} separate{_s(rows)} the classes {word}.")
    _, beside = _told(of["interaction"])
    if len(beside):
        threshold = f"by where {_its(beside)} own decision puts the threshold"
        words.append(f"{_sentence(_parts(beside))} lose{_s(beside)} {threshold}.")
    tested = len(of["representation"]) + len(of["interaction"])
    found = len(better) + len(worse) + len(beside) + len(_told(of["interaction"])[0])
    return " ".join([*words, _by_chance(tested, found)])


def _told(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows whose interval lies above 0, and rows whose interval lies below; the farthest from 0 first."""
    key = "value" if "part" in rows else "change"
    return (
        rows[rows["low"] > 0].sort_values(key, ascending=False),
        rows[rows["high"] < 0].sort_values(key),
    )


def _moved(moved: pd.DataFrame) -> str:
    """What a threshold fitted on validation does to `none`, on one backbone or on several."""
    start = f"A threshold fitted on validation, with no other training, changes `{BASELINE}` by"
    up, down = _told(moved)
    if len(moved) == 1:
        row = moved.iloc[0]
        told = "" if len(up) + len(down) else ", which can't be told from nothing"
        return f"{start} {points(row['value'])} points {interval(row['low'], row['high'], points)}{told}."
    ends = f"{points(moved['value'].min())} to {points(moved['value'].max())}"
    count_told = len(up) + len(down) or "none"
    return f"{start} {ends} points on {len(moved)} backbones, {count_told} of which can be told from nothing."


def _parts(rows: pd.DataFrame, most: int = 3) -> str:
    words = [
        f"`{row['label']}` ({points(row['value'])} {interval(row['low'], row['high'], points)})"
        for _, row in rows.head(most).iterrows()
    ]
    words += [f"{len(rows) - most} more"] if len(rows) > most else []
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _by_chance(number: int, found: int) -> str:
    chance = "fewer than one" if number * LEVEL < 1 else f"about {number * LEVEL:.0f}"
    return f"({found} of {number} intervals exclude 0; {chance} would by chance.)"


def who_paid(view: BoardView) -> str:
    """Whose recall rose and whose fell, by intervals that exclude 0, and whether F1 followed."""
    frame = view.answers("who_pays")
    frame = frame[frame["low"].notna()]
    if frame.empty:
        return ""
    recall, f1 = (frame[frame["measure"] == measure] for measure in ("recall", "f1"))
    words = [_moved_most("Recall", recall), _moved_most("F1", f1)]
    found = sum(len(rows) for rows in _told(frame))
    return " ".join([*filter(None, words), _by_chance(len(frame), found)])


def _moved_most(measure: str, frame: pd.DataFrame) -> str:
    """The classes that rose and fell most, over all cells, and where they did most."""
    if frame.empty:
        return ""
    up, down = _told(frame)
    cells = frame["c"].nunique()
    if up.empty and down.empty:
        return f"{measure} of no class can be told from what it is under `{BASELINE}`."
    words = [_most(rows, verb, cells) for rows, verb in ((up, "rose"), (down, "fell"))]
    return f"{measure} of {'; that of '.join(filter(None, words))}."


def _most(rows: pd.DataFrame, verb: str, cells: int) -> str:
    if rows.empty:
        return f"no class {verb}"
    name = rows["change"].abs().groupby(rows["class"]).sum().idxmax()
    found = rows[rows["class"] == name]
    most = found.iloc[0]
    ends = interval(most["low"], most["high"], points)
    where = (
        f"in {len(found)} of {cells} cells{', most' if len(found) > 1 else ''} with" if cells > 1 else "with"
    )
    return f"`{name}` {verb} {where} `{most['label']}` ({points(most['change'])} points {ends})"


def resolution(ranked: pd.DataFrame) -> str:
    """The smallest true gain that this board would have found."""
    if not (ends := detectable_gains(ranked)):
        return ""
    by = ", by cell," if len(ends) > 1 else ""
    return (
        f"A true gain has to be {' to '.join(ends)} points{by} to be told from 0 in four cases of five, if "
        "it is tested alone. Smaller ones this study could not have told from nothing: that a gain isn't "
        "called real doesn't say that there is none."
    )


def data(view: BoardView, ranked: pd.DataFrame) -> str:
    """What the data, or what was made of it, is warned of."""
    words = [f"{_sentence(SEE_DEDUP.sub('', phrase))}." for phrase in shared_warnings(view.cells)]
    for column, images in (("dedup_macro_f1", "such images"), ("near_dedup_macro_f1", "near-duplicates")):
        if ranked.empty or not present(ranked.iloc[0][column]):
            continue
        first = ranked.iloc[0]
        if abs(first[column] - first["macro_f1"]) >= 0.0005:
            scores = f"{percent(first[column])} % instead of {percent(first['macro_f1'])} %"
            words.append(f"Without {images}, `{first['label']}` has {scores}.")
    if own := own_warnings(view.cells[~untuned(view.cells)]):
        number = len({label for labels in own.values() for label in labels})
        have = "1 cell has warnings of its" if number == 1 else f"{number} cells have warnings of their"
        words.append(f"{have} own, below the leaderboard.")
    return " ".join(words)


def missing(view: BoardView, ranked: pd.DataFrame) -> str:
    """What is not there yet, or too little of it."""
    words = []
    cells = view.cells[~untuned(view.cells)]
    if behind := len(cells) - len(ranked):
        words.append(f"{behind} of {len(cells)} cells have no rank, such as {_unranked(cells)}.")
    repeats = ranked["repeats"].dropna()
    if len(repeats) and repeats.min() < FEW and not view.scored:
        few = f"{count(repeats.min())} repeats hardly show the noise of seeds, so intervals are wide"
        few = "A single repeat gives no interval" if repeats.min() == 1 else few
        words.append(f"{few}: take three or more (`--repeats`).")
    return " ".join(words)


def _unranked(cells: pd.DataFrame) -> str:
    row = cells[cells["rank"].isna()].iloc[0]
    reason = str(row["warnings"]).split("; ")[0]
    return f"`{row['label']}` ({reason})" if reason else f"`{row['label']}`"


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _s(rows: pd.DataFrame) -> str:
    """Ending of a verb."""
    return "s" if len(rows) == 1 else ""


def _its(rows: pd.DataFrame) -> str:
    return "its" if len(rows) == 1 else "their"
