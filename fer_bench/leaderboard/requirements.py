"""What is asked of a model: measures by name, and conditions on them such as "recall/disgust >= 0.6"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from fer_bench.errors import UserError
from fer_bench.evaluation.influence import accuracy, balanced_accuracy, f1, macro_f1, precision, recall
from fer_bench.leaderboard.tested import Score
from fer_bench.registry import unknown

CONDITION = re.compile(r"\s*(\S.*?)\s*(>=|<=)\s*([0-9.eE+-]+)\s*(%?)\s*")
BY_CLASS = {"recall": recall, "precision": precision, "f1": f1}


@dataclass(frozen=True)
class Requirement:
    """A measure that shall be at least, or else at most, a limit in [0, 1]."""

    measure: str
    least: bool
    limit: float

    def margin(self, values: np.ndarray) -> np.ndarray:
        """By how much values are on the right side of the limit; negative where they aren't."""
        return (values - self.limit) * (1 if self.least else -1)

    def __str__(self) -> str:
        return f"{self.measure} {'>=' if self.least else '<='} {self.limit:g}"


def measures(classes: Sequence[str], tested: Sequence[int]) -> dict[str, Score]:
    """Every measure by name; those of a class for the classes (places `tested`) that have test images."""
    return {
        "macro_f1": partial(macro_f1, classes=len(classes)),
        "accuracy": accuracy,
        "balanced_accuracy": balanced_accuracy,
        **{
            f"{name}/{classes[label]}": partial(score, label=label)
            for name, score in BY_CLASS.items()
            for label in tested
        },
    }


def parse(expression: str) -> Requirement:
    """A requirement from text; raises UserError for what is none, and for limits outside [0, 1]."""
    match = CONDITION.fullmatch(expression)
    try:
        limit = float(match[3]) / (100 if match[4] else 1) if match else np.nan
    except ValueError:
        limit = np.nan
    if not match or limit != limit:
        raise UserError(
            f'--require "{expression}": expected MEASURE >= NUMBER or MEASURE <= NUMBER, as in '
            '"recall/disgust >= 0.6"'
        )
    if not 0 <= limit <= 1:
        raise UserError(f'--require "{expression}": measures are shares from 0 to 1; write 0.6 or 60%')
    return Requirement(match[1], match[2] == ">=", limit)


def check_measure(name: str, known: Sequence[str]) -> None:
    """Raise UserError for a name that is no measure."""
    if name not in known:
        raise UserError(unknown("measure", name, known))
