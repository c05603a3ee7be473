"""Tables of the page: data frames to headings and rows of words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from fer_bench.report.formats import rounded, word


class Column(NamedTuple):
    """A column of a table: the frame's `key`, its heading, how values are written; words stand left."""

    key: str
    title: str
    form: Callable[[Any], str] = word
    explained: str = ""

    @property
    def numeric(self) -> bool:
        """Whether it holds numbers, which stand right."""
        return self.form is not word


class Row(NamedTuple):
    """Words of one row, and the number of the cell that it is about, by which rows are filtered."""

    cell: int | None
    words: list[str]


@dataclass(frozen=True, eq=False)
class Table:
    """What the page needs of a table; the first `headers` columns name a row."""

    caption: str
    columns: tuple[Column, ...]
    rows: list[Row]
    headers: int = 1


def table(frame: pd.DataFrame, caption: str, columns: Sequence[Column], headers: int = 1) -> Table:
    """A table of a frame whose column "c", if it has one, numbers the cells."""
    numbers = frame["c"].tolist() if "c" in frame else [None] * len(frame)
    written = [[column.form(value) for value in frame[column.key]] for column in columns]
    rows = [
        Row(None if number is None else int(number), list(words))
        for number, words in zip(numbers, zip(*written, strict=True), strict=True)
    ]
    return Table(caption, tuple(columns), rows, headers)


def chart_data(
    frame: pd.DataFrame, names: Iterable[str], percent: Iterable[str] = ()
) -> dict[str, list[Any]]:
    """Columns of a frame for a chart, those of `percent` times 100."""
    scales = {**dict.fromkeys(names, 1.0), **dict.fromkeys(percent, 100.0)}
    return {name: [rounded(value, scale) for value in frame[name]] for name, scale in scales.items()}
