"""The leaderboard for a terminal: one table a board, as wide as there is room, and what to know below it."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fer_bench.leaderboard.warnings import letter, phrases, shared_warnings
from fer_bench.storage.records import BOARD, SCORED, TRAINING_SET
from fer_bench.study.spec import UNTUNED
from fer_bench.study.variants import in_words

if TYPE_CHECKING:
    import pandas as pd

Row = dict[Hashable, Any]
"""One row of the frame: words and numbers by column."""
ONE_TABLE = [*BOARD, "test_images", "recipe", "selected_from"]
"""Columns whose values the rows of one table share."""
# From rich to narrow: interval beside its score (or below it), F1 of each class, extra space between columns.
LAYOUTS = (
    *((True, True, 1), (True, True, 0), (False, True, 0)),
    *((True, False, 1), (True, False, 0), (False, False, 1), (False, False, 0)),
)
LEVEL = 0.05  # of tests
DETECTED = 2.8 / (2 * 1.96)  # of an interval's width: found in 4 of 5 cases, 0.84 + 1.96 standard errors


class _Column(NamedTuple):
    title: str
    key: str
    signed: bool = False


def table(frame: pd.DataFrame) -> LeaderboardTable:
    """Something for rich's console to print: the tables of a leaderboard with their footnotes."""
    return LeaderboardTable(frame)


@dataclass(frozen=True)
class LeaderboardTable:
    """The frame of `leaderboard` to be printed by rich; chooses its columns by the width of the console."""

    frame: pd.DataFrame

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.frame.empty:
            yield Text("Nothing to rank: the study has no cells yet.")
        for _, rows in self.frame.groupby(ONE_TABLE, sort=False, dropna=False):
            yield Text(_title(rows, self.frame), style="bold")
            for layout in LAYOUTS:
                grid = _grid(rows, *layout)
                if _width(grid, console, options) <= options.max_width:
                    break
            yield grid
            yield from (Padding(note, (0, 0, 0, 1)) for note in _notes(rows))
            yield Text()


def _width(grid: Table, console: Console, options: ConsoleOptions) -> int:
    """Letters of a table's longest line; rich's own measure is one short where columns have no padding."""
    lines = console.render_lines(grid, options.update(max_width=1000), pad=False)
    return max(sum(part.cell_length for part in line) for line in lines)


def _grid(rows: pd.DataFrame, beside: bool, classes: bool, space: int) -> Table:
    """Rows of one board in one of LAYOUTS."""
    grid = Table(box=box.SIMPLE_HEAD, padding=(0, space, 0, 0))
    grid.add_column("#", justify="right", no_wrap=True)
    grid.add_column("Backbone", overflow="fold")
    grid.add_column("Strategy", overflow="fold")
    scores = [_Column("Macro-F1", "macro_f1"), _Column("Gain", "gain", signed=True)]
    scores += [_Column("Bal.", "balanced_accuracy"), _Column("Acc.", "accuracy")]
    scores += _classes(rows) if classes else []
    for column in scores:
        grid.add_column(column.title, justify="right", no_wrap=True)
    grid.add_column("n", justify="right", no_wrap=True)
    grid.add_column("", no_wrap=True)
    marks = _marks(rows)
    ranked = rows[rows["rank"].notna()]
    best = {column.key: ranked[column.key].max() for column in scores}
    for row in rows.to_dict("records"):
        values = [_score(row, column, best[column.key], beside) for column in scores]
        signs = " ".join(marks[phrase] for phrase in phrases(row["warnings"]) if phrase in marks)
        style = None if _present(row["rank"]) else "dim"
        grid.add_row(
            _rank(row),
            escape(row["backbone"]),
            escape(row["strategy"]),
            *values,
            str(row["repeats"]),
            signs,
            style=style,
        )
    reported = _reported(rows)
    cells = [f"{100 * reported[c.key]:.1f}" if c.key in reported else "" for c in scores]
    if any(cells):
        grid.add_row("", "reported", "", *cells, "", "", style="italic")
    return grid


def _reported(rows: pd.DataFrame) -> dict[str, float]:
    """What others reported of the system, by the names of our columns or other words."""
    words = next(filter(None, rows["reported"]), "{}")
    return {name.replace("f1/", "f1_"): value for name, value in json.loads(words).items()}


def _title(rows: pd.DataFrame, every: pd.DataFrame) -> str:
    """What the rows of a table share; where `every` row names other data or recipes alike, also which."""
    first = rows.iloc[0]
    recipe = f"{first['recipe_name']}: " if first["recipe_name"] else ""
    training_set = f"{words}: " if (words := in_words(first[list(TRAINING_SET)].to_dict())) else ""
    alike = every.loc[every["dataset"] == first["dataset"], "data_fingerprint"].nunique() > 1
    data = f" ({first['data_fingerprint']})" if alike else ""
    same = (every[list(BOARD)] == first[list(BOARD)]).all(axis=1)
    versions = every.loc[same, "recipe"].nunique()
    version = f", version {first['recipe']}" if versions > 1 else ""
    images = f", {first['test_images']:,} test images" if _present(first["test_images"]) else ""
    chosen = _present(first["selected_from"]) and first["selected_from"] > 1
    trials = f", best of {first['selected_from']} trials" if chosen else ""
    budget = f", budget {first['budget']}" if first["budget"] else ""
    shared = f", shared phases: {first['shared_phases']}" if first["shared_phases"] else ""
    return (
        f"{recipe}{training_set}{first['dataset']}{data}, split {first['split']}{budget}{images}{trials}"
        f"{shared}{version}"
    )


def _rank(row: Row) -> str:
    if not _present(row["rank"]):
        return "-"
    if row["rank"] == 1:
        return "1 "
    return f"{row['rank']}{'?' if not _present(row['best_set']) else '≈' if row['best_set'] else ' '}"


def _classes(rows: pd.DataFrame) -> list[_Column]:
    """A column for each class, names cut to five letters where they still differ."""
    filled = map(str, rows.dropna(axis="columns", how="all"))
    names = [key.removeprefix("f1_") for key in filled if key.startswith("f1_")]
    short = [name if len(name) <= 5 else f"{name[:4]}." for name in names]
    return [_Column(s if short.count(s) == 1 else n, f"f1_{n}") for s, n in zip(short, names, strict=True)]


def _score(row: Row, column: _Column, best: float, beside: bool) -> Text:
    """A score in percent, bold where it is the `best` of those ranked, with its interval if it has one."""
    value = row[column.key]
    if not _present(value):
        return Text("")
    form = "{:+.1f}" if column.signed else "{:.1f}"
    is_best = _present(row["rank"]) and form.format(100 * value) == form.format(100 * best)
    text = Text(form.format(100 * value), style="bold" if is_best else "")
    if _present(row.get(f"{column.key}_p")):
        text.append("*" if row[f"{column.key}_p"] < LEVEL else " ", style="not bold")
    if _present(row.get(f"{column.key}_low")):
        low, high = (form.format(100 * row[f"{column.key}_{end}"]) for end in ("low", "high"))
        text.append(f"{' ' if beside else chr(10)}[{low}, {high}]", style="not bold dim")
    return text


def _common(rows: pd.DataFrame) -> list[str]:
    """Warnings that all tested cells of two or more share, such as the data's."""
    return shared_warnings(rows) if (rows["repeats"] > 0).sum() > 1 else []


def _marks(rows: pd.DataFrame) -> dict[str, str]:
    """A letter for each other warning, in order of appearance."""
    found = dict.fromkeys(phrase for words in rows["warnings"] for phrase in phrases(words))
    common = _common(rows)
    lettered = (phrase for phrase in found if phrase not in common)
    return {phrase: letter(number) for number, phrase in enumerate(lettered)}


def _notes(rows: pd.DataFrame) -> Iterator[Text]:
    """Lines below the table: what the numbers mean, the smallest gain that could be detected, warnings."""
    scored = bool((rows["recipe_name"] == SCORED).all())
    yield Text(
        "In percent; n: repeats. [low, high]: 95 % intervals over test images alone, of these very nets."
        if scored
        else "In percent; n: repeats. Gain: macro-F1 less that of `none` on the same backbone, in points. "
        "[low, high]: 95 % intervals over test images and seeds together.",
        style="dim",
    )
    if rows["shared_seconds"].notna().any():
        own, shared = _seconds(rows["train_seconds"]), _seconds(rows["shared_seconds"])
        yield Text(
            f"Training steps: {own} s a repeat, and {shared} s a seed for what all strategies share.",
            style="dim",
        )
    if rows["views_seconds"].notna().any():
        yield Text(f"Test views: {_seconds(rows['views_seconds'])} s a repeat.", style="dim")
    if reported := _reported(rows):
        words = ", ".join(f"{name} {value:g}" for name, value in reported.items())
        yield Text(f"reported by others of their own net, on their own data and split: {words}.", style="dim")
    yield from _best(rows[rows["rank"].notna()])
    if (rows["best_set"].isna() & (rows["rank"] > 1)).any():
        yield Text("? may be as good as the best: without repeats there is no interval.", style="dim")
    tuned = rows[~rows["strategy"].str.endswith(UNTUNED)]
    if ends := detectable_gains(tuned):
        least = f"{' to '.join(ends)} points{', by row,' if len(ends) > 1 else ''}"
        yield Text(f"A true gain has to be {least} to be told from 0 in four cases of five.", style="dim")
    few = rows.loc[rows["rank"].notna(), "repeats"].min()
    if _present(few) and few < 3 and not scored:
        yield Text(
            "One repeat gives no interval, two a wide one, as seeds are hardly known: take three or more.",
            style="dim",
        )
    for phrase in _common(rows):
        yield Text(f"All: {phrase}", style="yellow")
    for phrase, mark in _marks(rows).items():
        yield Text.assemble((f"{mark} ", "bold"), (phrase, "yellow"))


def _best(ranked: pd.DataFrame) -> Iterator[Text]:
    """Which gains are real and which cells may be the best, and the one that validation would choose."""
    real = ranked.loc[ranked["gain_p"] < LEVEL, "strategy"]
    if ranked["gain_p"].notna().any():
        words = f"{len(real)} of {ranked['gain_p'].notna().sum()} gains or losses are real"
        mark = ", marked *" if len(real) else ""
        yield Text(f"{words} at 5 % for all together (Holm's correction{mark}).", style="dim")
    if (ranked["best_set"].fillna(False) & (ranked["rank"] > 1)).any():
        words = "≈ may be as good as the best, whose lead was tested as that of the luckiest of"
        yield Text(f"{words} {len(ranked)} (5 %).", style="dim")
    if len(ranked) > 1 and ranked["val_macro_f1"].notna().all():
        chosen = ranked.sort_values("val_macro_f1", ascending=False).iloc[0]
        words = f"Validation would choose {chosen['backbone']} with {chosen['strategy']}, on test"
        words += (
            f" {100 * chosen['macro_f1']:.1f}; the best of {len(ranked)} by test is flattered by being that."
        )
        yield Text(words, style="dim")


def detectable_gains(rows: pd.DataFrame) -> list[str]:
    """Least and most, in points, that a true gain has to be for being told from 0 in four cases of five.

    One where they are the same; none of rows without intervals, or that can't differ from `none` at all.
    """
    widths = (rows["gain_high"] - rows["gain_low"]).dropna()
    widths = widths[widths > 0]
    ends = (widths.min(), widths.max()) if len(widths) else ()
    return list(dict.fromkeys(f"{100 * DETECTED * width:.1f}" for width in ends))


def _seconds(column: pd.Series) -> str:
    """The least and the most of a column of seconds."""
    ends = dict.fromkeys(f"{end:,.0f}" for end in (column.min(), column.max()))
    return " to ".join(ends)


def _present(value: Any) -> bool:
    """Whether the frame holds a value: neither None nor NaN nor NA."""
    import pandas as pd

    return not pd.isna(value)
