"""Warnings of a board's cells: those that all share, and those of some."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def shared_warnings(cells: pd.DataFrame) -> list[str]:
    """Phrases that all tested cells have, such as those of the data."""
    tested = [phrases(words) for words in cells.loc[cells["macro_f1"].notna(), "warnings"]]
    return [phrase for phrase in tested[0] if all(phrase in each for each in tested)] if tested else []


def own_warnings(cells: pd.DataFrame) -> dict[str, list[str]]:
    """The other phrases, each with the labels of the cells that have it."""
    shared = shared_warnings(cells)
    own: dict[str, list[str]] = {}
    for label, words in zip(cells["label"], cells["warnings"], strict=True):
        for phrase in phrases(words):
            if phrase not in shared:
                own.setdefault(phrase, []).append(label)
    return own


def marks(cells: pd.DataFrame) -> list[str]:
    """For each cell the letters of its own warnings, as `own_warnings` lists them."""
    letters = {phrase: letter(number) for number, phrase in enumerate(own_warnings(cells))}
    return [" ".join(letters[p] for p in phrases(words) if p in letters) for words in cells["warnings"]]


def phrases(words: object) -> list[str]:
    """The warnings of a row of the leaderboard, apart."""
    return [phrase for phrase in words.split("; ") if phrase] if isinstance(words, str) else []


def letter(number: int) -> str:
    """a, b, ..., z, aa, ab, ..."""
    first, last = divmod(number, 26)
    return (letter(first - 1) if first else "") + chr(ord("a") + last)
