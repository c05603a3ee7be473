"""The repeats of a board with what other decision rules would have made of their logits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from scipy.special import log_softmax, softmax

from fer_bench.evaluation.bootstrap import image_weights
from fer_bench.evaluation.calibration import calibration_error
from fer_bench.evaluation.comparisons import Comparisons, RepeatedScore
from fer_bench.evaluation.decisions import Ladder, fit_ladder, unfitted_ladder
from fer_bench.evaluation.decomposition import score_at_tau
from fer_bench.evaluation.influence import by_group
from fer_bench.leaderboard.board import Board, BoardCell
from fer_bench.leaderboard.tested import Score
from fer_bench.storage.records import Outputs
from fer_bench.strategies.logit_adjustment import log_prior

DRAWS = 200  # of validation, in each of which tau is fitted again


@dataclass(frozen=True, eq=False)
class RuledRun:
    """One repeat: its outputs and the rules fitted to its validation.

    predicted (n,) int and val_predicted, by rule; "decided" is the strategy's own decision. at_tau
    is of `score_at_tau`.
    """

    outputs: Outputs
    ladder: Ladder
    predicted: dict[str, np.ndarray]
    val_predicted: dict[str, np.ndarray]
    at_tau: tuple[float, np.ndarray]

    @classmethod
    def of(cls, outputs: Outputs) -> RuledRun:
        """Fit all rules to a repeat; without validation, as of a model from elsewhere, all are argmax."""
        classes, known = len(outputs.classes), len(outputs.val_labels)
        if known:
            prior, weights = log_prior(outputs.class_counts), _weights(known)
            ladder = fit_ladder(outputs.val_logits, outputs.val_labels, prior, weights)
        else:
            ladder = unfitted_ladder(classes, DRAWS)
        images, at_each = outputs.images, ladder.shifted(outputs.logits)
        at_tau = score_at_tau(images.labels, at_each, images.groups, classes, ladder.tau, ladder.drawn)

        def decisions(raw: np.ndarray, decided: np.ndarray) -> dict[str, np.ndarray]:
            return {"decided": decided} | {
                name: rule.logits(raw).argmax(axis=1) for name, rule in ladder.rules.items()
            }

        return cls(
            outputs=outputs,
            ladder=ladder,
            predicted=decisions(outputs.logits, outputs.predicted),
            val_predicted=decisions(outputs.val_logits, outputs.val_predicted),
            at_tau=at_tau,
        )

    def probabilities(self, rule: str) -> np.ndarray:
        """Probabilities (n, K) float64 of the test images by a fitted rule."""
        return softmax(self.ladder.rules[rule].logits(self.outputs.logits), axis=1)

    def loss(self, rule: str) -> float:
        """Mean cross-entropy of the test images by a fitted rule, in nats."""
        labels = self.outputs.images.labels
        found = log_softmax(self.ladder.rules[rule].logits(self.outputs.logits), axis=1)
        return -float(found[np.arange(len(labels)), labels].mean())

    def calibration_error(self, rule: str) -> float:
        """Expected calibration error of the test images by a fitted rule."""
        found = self.probabilities(rule)
        return calibration_error(found.max(axis=1), found.argmax(axis=1) == self.outputs.images.labels)


@lru_cache(maxsize=4)
def _weights(images: int) -> np.ndarray:
    """How often each image of validation is drawn, (DRAWS, images); the same for all runs."""
    return np.concatenate(list(image_weights(np.arange(images), DRAWS)))


class RuledBoard:
    """The cells of a board that were tested, in its order, each with its repeats by slot."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.cells = [cell for cell in board.cells if cell.repeats]
        self.runs = [self._runs(cell) for cell in self.cells]

    @staticmethod
    def _runs(cell: BoardCell) -> dict[int, RuledRun]:
        by_slot = {repeat.slot: repeat for repeat in cell.repeats}
        return {slot: RuledRun.of(by_slot[slot].outputs()) for slot in cell.runs}

    @property
    def sample(self) -> Outputs:
        """The outputs of any run: for what all have in common."""
        return next(iter(self.runs[0].values())).outputs

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their labels."""
        return self.sample.classes

    @property
    def labels(self) -> np.ndarray:
        """Labels (n,) int of the test images."""
        return self.sample.images.labels

    @property
    def fitted(self) -> bool:
        """Whether there is validation that rules were fitted to; of models from elsewhere there is none."""
        return len(self.sample.val_labels) > 0

    @property
    def rarity(self) -> np.ndarray:
        """Places (K,) of the classes that have training and test images, the rarest in training first.

        Where nobody knows what was trained on, the rarest in test.
        """
        counts = (
            self.sample.class_counts if self.fitted else np.bincount(self.labels, minlength=len(self.classes))
        )
        used = np.flatnonzero((counts > 0) & (np.bincount(self.labels, minlength=len(counts)) > 0))
        return used[np.argsort(counts[used], kind="stable")]

    @cached_property
    def decided(self) -> Comparisons:
        """Macro-F1 of the strategies' own decisions."""
        return self.board.comparisons()

    def compare(self, rule: str, score: Score) -> Comparisons:
        """A score of all cells by a rule, to be compared."""
        return Comparisons(self.scores(rule, score), self.board.scored)

    @cached_property
    def at_tau(self) -> list[RepeatedScore]:
        """Macro-F1 at the tau fitted to validation, whose noise has columns of its own."""
        found = []
        for cell, runs in zip(self.cells, self.runs, strict=True):
            scores, influence = map(np.stack, zip(*(run.at_tau for run in runs.values()), strict=True))
            found.append(RepeatedScore(cell.shared_key, tuple(runs), scores, influence, cell.untuned))
        return found

    def scores(self, rule: str, score: Score) -> list[RepeatedScore]:
        """A score of each cell by a rule, with the influence of each group of test images."""
        groups = self.sample.images.groups
        found = []
        for cell, runs in zip(self.cells, self.runs, strict=True):
            predicted = np.stack([run.predicted[rule] for run in runs.values()])
            values, influence = score(self.labels, predicted)
            moved = by_group(influence, groups).astype(np.float32)
            found.append(RepeatedScore(cell.shared_key, tuple(runs), values, moved, cell.untuned))
        return found

    def names(self, cell: int) -> dict[str, Any]:
        """The columns that name a cell in every table."""
        head = self.cells[cell].head
        return {"cell": head.cell, "backbone": head.backbone, "strategy": head.strategy}

    def mean(self, cell: int, number: Callable[[RuledRun], Any]) -> Any:
        """Mean of a number, or an array, over a cell's repeats."""
        return np.mean([number(run) for run in self.runs[cell].values()], axis=0)


def named(columns: Sequence[str], *more: str) -> list[str]:
    """Columns of a table of cells."""
    return ["cell", "backbone", "strategy", *columns, *more]
