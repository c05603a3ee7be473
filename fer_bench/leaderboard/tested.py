"""The runs of a board on the test images they share, and what follows for its cells."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from fer_bench.data.splits import scored_parts
from fer_bench.evaluation.comparisons import Comparisons, RepeatedScore
from fer_bench.evaluation.influence import by_group, macro_f1
from fer_bench.storage.records import HeldOut, Predictions

RUNS_AT_ONCE = 128
Score = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From labels (n,) and predictions (R, n) to the score (R,) and its derivative by image (R, n)."""


class TestedRuns:
    """Predictions of runs for the same images; their macro-F1 is computed once for all cells."""

    __test__ = False  # not a test, to pytest

    def __init__(self, images: HeldOut) -> None:
        self.images = images
        self.predicted: list[np.ndarray] = []
        self._known: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def add(self, predictions: Predictions) -> int:
        """Enter a run; gives its number. What it alone knows of the images is kept."""
        for name in ("near_dedup", "attributes"):
            if getattr(self.images, name) is None:
                self.images = replace(self.images, **{name: getattr(predictions.images, name)})
        self.predicted.append(np.asarray(predictions.predicted, np.int32))
        return len(self.predicted) - 1

    def _of_part(self, part: str) -> tuple[np.ndarray, np.ndarray]:
        """Macro-F1 and its influence of a part of the test images, as `scored_parts` names it."""
        if part not in self._known:
            self._known[part] = self._scores(scored_parts(self.images)[part], self._macro_f1)
        return self._known[part]

    @property
    def _macro_f1(self) -> Score:
        classes = 1 + int(max(self.images.labels.max(), *(each.max() for each in self.predicted)))
        return partial(macro_f1, classes=classes)

    def _scores(self, subset: np.ndarray, score: Score) -> tuple[np.ndarray, np.ndarray]:
        """The score (R,) of each run on a subset (n,) of the images, and its influence (R, G) float32."""
        labels, groups = self.images.labels[subset], self.images.groups[subset]
        scores, influences = [], []
        for begin in range(0, len(self.predicted), RUNS_AT_ONCE):
            predicted = np.stack(self.predicted[begin : begin + RUNS_AT_ONCE])[:, subset]
            values, influence = score(labels, predicted)
            scores.append(values)
            influences.append(by_group(influence, groups).astype(np.float32))
        return np.concatenate(scores), np.concatenate(influences)

    def compare(
        self,
        cells: Sequence[tuple[str, Mapping[int, int]]],
        part: str = "test",
        fixed_nets: bool = False,
        apart: Collection[int] = (),
        score: Score | None = None,
    ) -> Comparisons:
        """Cells beside each other, each by what it has in common with others and its runs by slot.

        By macro-F1 of a part of the images, as `scored_parts` names it, or another `score` of all;
        `fixed_nets` as of `Comparisons`; `apart` are the numbers of cells that show nothing of seed noise.
        """
        if score:
            scores, influence = self._scores(np.ones(len(self.images.labels), bool), score)
        else:
            scores, influence = self._of_part(part)
        return Comparisons(
            [
                RepeatedScore(common, tuple(runs), scores[numbers], influence[numbers], place in apart)
                for place, (common, runs) in enumerate(cells)
                for numbers in [list(runs.values())]
            ],
            fixed_nets,
        )

    def rarest_recall(self, runs: Sequence[int]) -> float:
        """Recall of the class with the fewest test images, mean over runs."""
        classes, counts = np.unique(self.images.labels, return_counts=True)
        rarest = classes[counts.argmin()]
        predicted = np.stack([self.predicted[run] for run in runs])[:, self.images.labels == rarest]
        return float((predicted == rarest).mean())

    def collapsed(self, runs: Sequence[int]) -> int:
        """How many of the runs predict one class only."""
        return sum(bool((self.predicted[run] == self.predicted[run][0]).all()) for run in runs)

    @property
    def duplicates(self) -> list[str]:
        """How many test images are in train or val as well, or have a near-duplicate there, each a phrase."""
        phrases, images, number = [], self.images, len(self.images.dedup)
        if twins := np.count_nonzero(~images.dedup):
            phrases.append(f"{twins:,} of {number:,} test images are also in train or val: see dedup_*")
        if images.near_dedup is not None and (near := np.count_nonzero(~images.near_dedup)) > twins:
            phrases.append(
                f"{near:,} of {number:,} test images have a near-duplicate in train or val: see near_dedup_*"
            )
        return phrases
