"""Attributes of images, such as age or gender: read from a table beside class folders, kept as small codes.

A value is a word: numbers are not binned. More than MOST_VALUES of them make groups that nothing
can be said of, so they are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from fer_bench.data.archive import FileTree, printable
from fer_bench.data.tables import header, rows
from fer_bench.errors import UserError

TABLE = "attributes.csv"
IMAGE = "image"  # its first column
MOST_VALUES = 20  # of one attribute
MOST_ATTRIBUTES = 20
LONGEST = 40  # letters of a name or a value
ATTRIBUTES = ("test_attributes", "attributes")  # arrays of a result file: codes, and values as JSON
EXPECTED = f"expected {IMAGE} first, then the attributes, with commas between, as in {IMAGE},age,gender"


@dataclass(frozen=True, eq=False)
class Attributes:
    """Attributes of n images in codes.

    values: the words that there are of each, by its name, in alphabetical order; codes (A, n) uint8, a row
    for each name: 0 unknown, else the place of the word, from 1.
    """

    values: Mapping[str, tuple[str, ...]]
    codes: np.ndarray

    @classmethod
    def of(cls, words: Mapping[str, np.ndarray], index: np.ndarray) -> Attributes | None:
        """Of words (N,) str, "" unknown, those of n images, by numbers or a mask; None without any.

        Values are those of all N: that one isn't among the n images can be told.
        """
        values = {name: tuple(sorted(set(column.tolist()) - {""})) for name, column in words.items()}
        if not any(values.values()):
            return None
        codes = [np.searchsorted(["", *values[name]], column[index]) for name, column in words.items()]
        return cls(values, np.stack(codes).astype(np.uint8))

    def groups(self, attribute: str) -> dict[str, np.ndarray]:
        """For each value of an attribute, `in_order`, which images have it: (n,) bool."""
        codes, values = self.codes[list(self.values).index(attribute)], self.values[attribute]
        return {value: codes == values.index(value) + 1 for value in in_order(values)}

    def arrays(self) -> dict[str, np.ndarray]:
        """Arrays for a result file."""
        return dict(zip(ATTRIBUTES, (self.codes, np.array(json.dumps(self.values))), strict=True))

    @classmethod
    def read(cls, arrays: Mapping[str, np.ndarray]) -> Attributes | None:
        """Attributes from what `arrays` gave, among others; None where they hold none."""
        if ATTRIBUTES[1] not in arrays:
            return None
        values = json.loads(str(arrays[ATTRIBUTES[1]]))
        return cls({name: tuple(words) for name, words in values.items()}, arrays[ATTRIBUTES[0]])


def in_order(values: Iterable[str]) -> list[str]:
    """Values sorted as they are counted, 4-19 before 20-39, else by letters; "", unknown, comes last."""

    def key(value: str) -> tuple[bool, list[str | int]]:
        return value == "", [int(p) if p.isdigit() else p for p in re.split("([0-9]+)", value)]

    return sorted(values, key=key)


def check_values(names: Sequence[str], values: Sequence[Iterable[str]], source: str) -> None:
    """Raise UserError unless names and values (for each name) of attributes can be shown, and are few."""
    if len(names) > MOST_ATTRIBUTES:
        raise UserError(f"{source} has {len(names)} attributes: at most {MOST_ATTRIBUTES} are kept")
    for name, words in zip(names, values, strict=True):
        known = sorted(set(words) - {""})
        for word in (name, *known):
            if not word.isprintable() or len(word) > LONGEST or set("/=") & set(word) or word != word.strip():
                raise UserError(
                    f"{source}: attribute {printable(name)[:LONGEST]!r} has the name or value "
                    f"{printable(word)[:LONGEST]!r}: expected at most {LONGEST} letters, none of / and ="
                )
        spellings: dict[str, str] = {}
        for word in known:
            if (other := spellings.setdefault(word.casefold(), word)) != word:
                raise UserError(
                    f"{source}: values {other!r} and {word!r} of {name} differ in case only: spell them alike"
                )
        if len(known) > MOST_VALUES:
            raise UserError(
                f"{source}: {name} has {len(known):,} different values ({', '.join(known[:3])}, ...), at "
                f"most {MOST_VALUES} are kept: put them into a few bins, such as 20-29"
            )


def read_attributes(
    tree: FileTree, wrapper: Sequence[str], ids: Sequence[str]
) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """Names of attributes and, by id of an image, its values, from the table in the folder `wrapper`.

    `ids` are those of all images; a row names one by its id, or by its file's name where that is unique.
    Without a table there is nothing. Raises UserError for a table elsewhere, for other columns, for images
    that aren't there, named twice or not told apart, and as `check_values` does.
    """
    table = _table(tree, wrapper)
    if table is None:
        return (), {}
    source, columns = tree.source(table), header(tree, table)
    if not columns:
        next(rows(tree, table, (IMAGE,)), None)  # which tells why
    names = columns[1:]
    if columns[:1] != (IMAGE,) or not all(names) or not names or len(set(columns)) < len(columns):
        said = ", ".join(printable(column)[:LONGEST] or "(no name)" for column in columns) or "none"
        raise UserError(f"{source} has the columns {said}: {EXPECTED}")
    found = dict(_values(tree, table, names, _places(ids)))
    values = list(zip(*found.values(), strict=True)) or [()] * len(names)
    check_values(names, values, source)
    return names, found


def _table(tree: FileTree, wrapper: Sequence[str]) -> str | None:
    """Where the table lies; UserError where it lies elsewhere than beside the class folders."""
    found = [name for name in tree.sizes if PurePosixPath(name).name.lower() == TABLE]
    expected = "/".join(wrapper)
    for name in found:
        if str(PurePosixPath(name).parent) != (expected or "."):
            raise UserError(
                f"{tree.source(name)}: expected it beside the class folders, "
                f"in {printable(expected) or 'the top folder'}; move it there, or give it another name"
            )
    if len(found) > 1:
        raise UserError(f"{tree.path.name} has both {found[0]} and {found[1]}: keep one")
    return found[0] if found else None


def _places(ids: Sequence[str]) -> dict[str, list[str]]:
    """Ids by what a row may call them: themselves, or a file's name, which several may share."""
    places: dict[str, list[str]] = {}
    for each in ids:
        for name in {each, PurePosixPath(each).name}:
            places.setdefault(name, []).append(each)
    return places


def _values(
    tree: FileTree, table: str, names: Sequence[str], places: Mapping[str, list[str]]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each image that a row names, by its id, and its values."""
    source = tree.source(table)
    seen: dict[str, int] = {}
    for number, row in rows(tree, table, (IMAGE, *names)):
        if None in row:
            raise UserError(f"{source}, row {number}: more values than columns")
        named = printable(row[IMAGE].strip().replace("\\", "/").removeprefix("./"))
        found = places.get(named, [])
        if len(found) != 1:
            problem = f"is any of {len(found)} images, such as {found[0]}" if found else "isn't there"
            raise UserError(
                f"{source}, row {number}: {named[:120]!r} {problem}: expected its path, as in "
                f"{next(iter(places.values()))[0]!r}, or its file's name where no other has it"
            )
        if (before := seen.setdefault(found[0], number)) != number:
            raise UserError(f"{source}: rows {before} and {number} are both of {found[0]}: keep one")
        yield found[0], tuple(row[name].strip() for name in names)
