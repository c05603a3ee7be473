"""One board as the page shows it: its cells by number, how they are called, and its tables keyed by them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from fer_bench.leaderboard.analysis import BoardAnalysis
from fer_bench.report.formats import count, present
from fer_bench.report.tables import Column
from fer_bench.storage.records import BOARD, SCORED, UNKNOWN, CellStatus, RepeatRecord
from fer_bench.study.spec import UNTUNED
from fer_bench.study.variants import in_words


@dataclass(frozen=True, eq=False)
class BoardView:
    """An analysed board and its place on the page, counted from 1."""

    analysis: BoardAnalysis
    place: int = 1

    @cached_property
    def cells(self) -> pd.DataFrame:
        """Rows of the leaderboard with "c", the number that the page knows a cell by, and its "label"."""
        cells = self.analysis.cells[self.analysis.cells["kind"] == "cell"].reset_index(drop=True)
        return cells.assign(c=range(len(cells)), label=_labels(cells))

    @cached_property
    def scored(self) -> bool:
        """Whether it is of models from elsewhere: nothing was trained here, and nothing is known of seeds."""
        return self.analysis.title.get("recipe_name") == SCORED

    @cached_property
    def tested(self) -> pd.DataFrame:
        """Rows with a score."""
        return self.cells[self.cells["macro_f1"].notna()]

    @cached_property
    def ensembles(self) -> pd.DataFrame:
        """Rows of the ensembles of the cells' repeats, with "c" and "label" of the cells."""
        rows = self.analysis.cells[self.analysis.cells["kind"] == "ensemble"]
        return self._numbered(rows)

    @cached_property
    def several_backbones(self) -> bool:
        """Whether the cells have more than one backbone."""
        return self.analysis.cells["backbone"].nunique() > 1

    @cached_property
    def cell_columns(self) -> tuple[Column, ...]:
        """Columns that name a cell in tables of data."""
        return (Column("label", "Cell" if self.several_backbones else "Strategy"),)

    def has(self, record: RepeatRecord | CellStatus) -> bool:
        """Whether it is of one of these cells, on this board: one may be repeated in several budgets."""
        title = self.analysis.title
        here = all(record.board.get(name, "") == title.get(name, "") for name in BOARD)
        return here and record.cell in self._keys

    @cached_property
    def _keys(self) -> frozenset[str]:
        return frozenset(self.cells["cell"])

    def keyed(self, name: str) -> pd.DataFrame:
        """A table of the analysis with "c" and "label", without rows of cells that are not on the board."""
        return self._numbered(getattr(self.analysis, name))

    def answers(self, name: str) -> pd.DataFrame:
        """`keyed`, without cells that are no answer to imbalance of their own, only another one untuned."""
        frame = self.keyed(name)
        return frame[~untuned(frame)].reset_index(drop=True)

    def _numbered(self, frame: pd.DataFrame) -> pd.DataFrame:
        numbers = dict(zip(reversed(self.cells["cell"]), reversed(self.cells["c"]), strict=True))
        places = frame["cell"].map(numbers)
        frame = frame[places.notna()].assign(c=places.dropna().astype(int))
        frame = frame.assign(label=frame["c"].map(self.cells["label"]))
        return frame.sort_values("c", kind="stable", ignore_index=True)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Classes from the commonest in training to the rarest."""
        counts = self.analysis.counts.set_index("class")["train"]
        return tuple(sorted(self.analysis.classes, key=lambda name: -counts.get(name, 0)))

    @cached_property
    def rarest_in_test(self) -> str:
        """The class that `rarest_class_recall` is of: with the fewest test images, of several the first."""
        counts = self.analysis.counts
        counts = counts[counts["test"] > 0]
        return str(counts["class"].iloc[counts["test"].to_numpy().argmin()])

    @cached_property
    def heading(self) -> str:
        """What the board is about, in a few words."""
        title = self.analysis.title
        parts = [title.get("dataset", ""), f"split {title.get('split', '')}"]
        parts += [f"budget {title['budget']}"] if title.get("budget") else []
        recipe = f"{title['recipe_name']}: " if title.get("recipe_name") else ""
        training_set = f"{words}: " if (words := in_words(title)) else ""
        return recipe + training_set + ", ".join(parts)

    @cached_property
    def facts(self) -> list[str]:
        """What all cells of the board share, a phrase each."""
        first, title = self.analysis.cells.iloc[0], self.analysis.title
        facts = []
        if present(first["test_images"]):
            facts.append(f"{count(first['test_images'])} test images")
        repeats = self.tested["repeats"].dropna()
        if len(repeats) and repeats.max() > 0:
            ends = dict.fromkeys((count(repeats.min()), count(repeats.max())))
            plural = "s" if repeats.max() > 1 else ""
            facts.append(f"{' to '.join(ends)} repeat{plural} of each cell")
        if present(first["selected_from"]) and first["selected_from"] > 1:
            facts.append(f"best of {count(first['selected_from'])} trials")
        if title.get("shared_phases"):
            facts.append(f"shared phases: {title['shared_phases']}")
        return facts


def untuned(frame: pd.DataFrame) -> pd.Series:
    """Which rows are of a cell that only shows another one's defaults."""
    return frame["strategy"].str.endswith(UNTUNED)


def _labels(cells: pd.DataFrame) -> list[str]:
    """What cells are called: by strategy, and by backbone and key where that is not enough."""
    names = cells["strategy"].astype(str)
    if (names == UNKNOWN).all():
        names = cells["backbone"].astype(str)
    elif cells["backbone"].nunique() > 1:
        names = names + " · " + cells["backbone"].astype(str)
    seen = Counter(names)
    return [
        f"{name} ({key[:6]})" if seen[name] > 1 else name
        for name, key in zip(names, cells["cell"], strict=True)
    ]
