"""Ranges that a search may draw from, declared once: beside the default, on the field they belong to."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Protocol

STARTUP_SLOTS = 8  # the first has the defaults, the others are drawn blindly, the same for all strategies


@dataclasses.dataclass(frozen=True)
class Range:
    """Closed interval of floats, drawn uniformly, or uniformly in the logarithm."""

    low: float
    high: float
    log: bool = False

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


class CanSuggest(Protocol):
    """The part of `optuna.Trial` that drawing needs; `optuna.trial.FixedTrial` has it too."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """Draw one float."""
        ...


def tunable(default: float, *, low: float, high: float, log: bool = False) -> float:
    """Dataclass field with a default and the range to search it in; ValueError for a default outside it."""
    if default not in (span := Range(low, high, log)):
        raise ValueError(f"default {default} lies outside [{low}, {high}]")
    return dataclasses.field(default=default, metadata={"range": span})


def ranges(cls: type) -> dict[str, Range]:
    """Ranges of the tunable fields of a dataclass, in the order in which it names them."""
    return {f.name: f.metadata["range"] for f in dataclasses.fields(cls) if "range" in f.metadata}


def suggest(trial: CanSuggest, spans: Mapping[str, Range]) -> dict[str, float]:
    """Draw one value from each range, in their order."""
    return {name: trial.suggest_float(name, r.low, r.high, log=r.log) for name, r in spans.items()}
