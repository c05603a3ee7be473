"""How numbers, tables and lists are written in a model card."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from fer_bench.inference.card_scores import Estimate

UNKNOWN = "–"


def percent(share: float) -> str:
    """A share in percent, with one decimal."""
    return UNKNOWN if math.isnan(share) else f"{100 * share:.1f}"


def estimate(found: Estimate) -> str:
    """A score in percent with its interval, where it has one: 57.8 [54.1, 61.5]."""
    ends = "" if math.isnan(found.low) else f" [{percent(found.low)}, {percent(found.high)}]"
    return percent(found.value) + ends


def table(head: Sequence[str], rows: Iterable[Sequence[object]], of_words: bool = False) -> str:
    """A table whose first column is of words and whose others are of numbers, unless all are of words."""
    lines = [head, ["---", *["---" if of_words else "---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(cell, line))} |" for line in lines)


def cell(content: object) -> str:
    """Words that stay within one cell of a table, and what they are."""
    return " ".join(str(content).split()).replace("|", "\\|").replace("<", "&lt;")


def bullets(lines: Iterable[str]) -> str:
    """A list of those that are not empty."""
    return "\n".join(f"- {line}" for line in lines if line)


def listed(words: Sequence[str]) -> str:
    """Words with commas, and `and` before the last."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
