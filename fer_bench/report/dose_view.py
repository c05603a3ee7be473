"""A series of boards that differ in their training sets alone, as the page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from fer_bench.leaderboard.dose_response import MEASURES, DoseResponse
from fer_bench.report.formats import count
from fer_bench.report.tables import Column

MACRO_F1, RAREST_RECALL = MEASURES
UNITS = {"imbalance_ratio": "doubling of the ratio", "label_noise": "tenth of the labels"}


@dataclass(frozen=True, eq=False)
class DoseView:
    """A series of boards and its place on the page, behind those of the boards."""

    response: DoseResponse
    place: int

    @cached_property
    def cells(self) -> pd.DataFrame:
        """Backbone, strategy and "label" of what is followed over doses, best first, and its number "c"."""
        points = _chosen(self.response.points, "score", MACRO_F1)
        mean = points.groupby(["backbone", "strategy"], sort=False)["value"].mean()
        frame = mean.sort_values(ascending=False, kind="stable").index.to_frame(index=False)
        several = frame["backbone"].nunique() > 1
        label = frame["strategy"] + " · " + frame["backbone"] if several else frame["strategy"]
        return frame.assign(label=label, c=range(len(frame)))

    def points_of(self, of: str, measure: str = MACRO_F1) -> pd.DataFrame:
        """Points of scores or gains with "c", "label" and "shown", the dose as its axis has it."""
        points = self._numbered(_chosen(self.response.points, of, measure))
        by_percent = 100 if self.response.knob == "label_noise" else 1
        points = points.assign(shown=(points["dose"] * by_percent).round(6))
        return points.sort_values(["c", "dose"], ignore_index=True)

    def slopes_of(self, of: str) -> pd.DataFrame:
        """Slopes of macro-F1 or of its gains with "c" and "label"."""
        return self._numbered(_chosen(self.response.slopes, of, MACRO_F1))

    def _numbered(self, frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.merge(self.cells, on=["backbone", "strategy"])
        return frame.sort_values("c", kind="stable", ignore_index=True)

    @property
    def columns(self) -> tuple[Column, ...]:
        """Columns that name a cell in tables of data."""
        return (Column("label", "Cell" if self.cells["backbone"].nunique() > 1 else "Strategy"),)

    @property
    def heading(self) -> str:
        """What the boards are about, in a few words."""
        title, first, last = self.response.title, *self._ends
        parts = [title["dataset"], f"split {title['split']}"]
        parts += [f"budget {title['budget']}"] if title.get("budget") else []
        recipe = f"{title['recipe_name']}, " if title.get("recipe_name") else ""
        return f"Dose-response: {recipe}{self.knob} {first} to {last}, {', '.join(parts)}"

    @property
    def facts(self) -> list[str]:
        """What the boards have in common, a phrase each."""
        images = sorted(set(self.response.train_images))
        number = count(images[0]) if len(images) == 1 else f"{count(images[0])} to {count(images[-1])}"
        alike = " on each board" if len(images) == 1 else ""
        return [f"{len(self.response.doses)} boards", f"{number} training images{alike}"]

    @property
    def knob(self) -> str:
        """What the boards differ in: imbalance ratio or label noise."""
        return self.response.knob.replace("_", " ")

    @property
    def word(self) -> str:
        """The last word of the knob, before a dose: ratio or noise."""
        return self.knob.split(" ")[1]

    @property
    def at(self) -> str:
        """What stands before a dose in a sentence."""
        return "a ratio of" if self.response.knob == "imbalance_ratio" else "label noise of"

    @property
    def unit(self) -> str:
        """What slopes are per."""
        return UNITS[self.response.knob]

    @property
    def _ends(self) -> tuple[str, str]:
        doses = self.response.doses
        return self.dose(doses[0]), self.dose(doses[-1])

    def dose(self, dose: float) -> str:
        """A dose as it is written."""
        return f"{100 * dose:g} %" if self.response.knob == "label_noise" else f"{dose:g}"


def _chosen(frame: pd.DataFrame, of: str, measure: str) -> pd.DataFrame:
    return frame[(frame["of"] == of) & (frame["measure"] == measure)]
