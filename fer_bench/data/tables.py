"""Tables of text, read row by row. What is in them is not trusted."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator
from typing import IO

from fer_bench.data.archive import FileTree
from fer_bench.errors import UserError

LONGEST_LINE = 200_000  # characters, twenty times a row's of FER-2013: more than csv takes for one field


def header(tree: FileTree, name: str) -> tuple[str, ...]:
    """Column names of a table, without the spaces around them; () where it has none."""
    try:
        with tree.open(name) as raw, _text(raw) as text:
            first = next(csv.reader([text.readline(LONGEST_LINE)]), [])
    except Exception:  # a broken member of a zip raises nearly anything
        return ()
    return tuple(column.strip() for column in first)


def rows(tree: FileTree, name: str, wanted: Collection[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a table, numbered from 1, by column name without the spaces around it; what is missing is "".

    Raises UserError where a wanted column isn't there, and for what can't be read.
    """
    number, source = 0, tree.source(name)
    try:
        with tree.open(name) as raw, _text(raw) as text:
            table = csv.DictReader(iter(lambda: text.readline(LONGEST_LINE), ""), restval="")
            table.fieldnames = [column.strip() for column in table.fieldnames or ()]
            if missing := [column for column in wanted if column not in table.fieldnames]:
                raise UserError(
                    f"{source} has the columns {', '.join(table.fieldnames) or 'none'}: expected "
                    f"{', '.join(wanted)}; {', '.join(missing)} not found"
                )
            for number, row in enumerate(table, start=1):
                yield number, row
    except UserError:
        raise
    except Exception as error:  # see `header`
        raise UserError(
            f"{source} can't be read as a csv table after row {number}: {_reason(error)}"
        ) from error


def lines(tree: FileTree, name: str) -> Iterator[tuple[int, str]]:
    """Lines of a text that aren't empty, numbered from 1, without the spaces around them.

    Raises UserError for what can't be read.
    """
    number, source = 0, tree.source(name)
    try:
        with tree.open(name) as raw, _text(raw) as text:
            for number, line in enumerate(iter(lambda: text.readline(LONGEST_LINE), ""), start=1):
                if line.strip():
                    yield number, line.strip()
    except Exception as error:  # see `header`
        raise UserError(f"{source} can't be read as text after line {number}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """What is wrong, and what to do where that is known."""
    return f"{error}; expected UTF-8" if isinstance(error, UnicodeError) else str(error)


def _text(raw: IO[bytes]) -> io.TextIOWrapper:
    return io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
