"""What a gain consists of: a moved threshold, a better representation, or both.

With M(s, d) the macro-F1 of strategy s decided by d, its own decision "decided", or tau*, the prior shift
that is best on validation, and `none` the strategy without an answer to imbalance:

    total            M(s, decided)    - M(none, decided)
    operating point  M(none, tau*)    - M(none, decided)    what a free shift of `none` gives
    representation   M(s, tau*)       - M(none, tau*)       what is left when both may shift
    interaction      M(s, decided)    - M(s, tau*)          the rest: what s loses by its own decision

Test images, seeds and the validation images that tau* is fitted to are all noise. The last are let in by
fitting tau* again on `draws` of validation: the score on test at each draw's tau, less the mean of all, over
the square root of their number, is as the influence of further groups of images. How often the intervals are
wrong was simulated: `python tests/support/decomposition_errors.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fer_bench.evaluation.comparisons import Comparisons, RepeatedScore
from fer_bench.evaluation.decisions import macro_f1_paths
from fer_bench.evaluation.influence import by_group, macro_f1
from fer_bench.evaluation.intervals import Effect, effect

PARTS = ("total", "operating_point", "representation", "interaction")


def score_at_tau(
    labels: np.ndarray, decisions: np.ndarray, groups: np.ndarray, classes: int, tau: int, drawn: np.ndarray
) -> tuple[float, np.ndarray]:
    """Macro-F1 of test at the fitted tau, and the influence (G + D,) of G groups of images and D draws.

    labels (n,), groups (n,), decisions (T, n) at each tau; `tau` and drawn (D,) are places among these: of
    the tau fitted to validation and of those fitted to draws of it.
    """
    score, influence = macro_f1(labels, decisions[[tau]], classes)
    noise = fitting_noise(macro_f1_paths(labels, decisions, classes)[0], drawn)
    return float(score[0]), np.concatenate([by_group(influence, groups)[0], noise])


def fitting_noise(path: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Influence (D,) of D draws of validation on a score of test; path (T,) are the scores at each tau.

    drawn (D,) int: the place of the tau that each draw of validation chooses. The squares sum to the
    variance.
    """
    scores = path[drawn]
    return (scores - scores.mean()) / len(scores) ** 0.5


class Decomposition:
    """Gains of cells over others in parts; cells are numbered as given.

    decided and at_tau have for each cell the scores of the same slots; the influence of `at_tau` may have
    further columns (`fitting_noise`).
    """

    def __init__(self, decided: Sequence[RepeatedScore], at_tau: Sequence[RepeatedScore]) -> None:
        padded = [_padded(*pair) for pair in zip(decided, at_tau, strict=True)]
        free = [_difference(*pair) for pair in zip(at_tau, padded, strict=True)]
        self._decided, self._at_tau, self._free = map(Comparisons, (padded, at_tau, free))

    def parts(self, cell: int, baseline: int) -> dict[str, Effect] | None:
        """A cell's gain over a baseline by part, in the slots that both have; None where there is none."""
        total, representation = (
            scores.difference(cell, baseline) for scores in (self._decided, self._at_tau)
        )
        if total is None or representation is None:
            return None
        slots = sorted(set(self._free.cells[cell].slots) & set(self._free.cells[baseline].slots))
        free, own = (
            effect(*self._free.cells[each].at(slots), self._free.of_cells) for each in (baseline, cell)
        )
        return dict(zip(PARTS, (total, free, representation, own._replace(value=-own.value)), strict=True))


def _padded(decided: RepeatedScore, at_tau: RepeatedScore) -> RepeatedScore:
    """With columns of zeros for what moves the other score only."""
    more = at_tau.influence.shape[1] - decided.influence.shape[1]
    return replace(decided, influence=np.pad(decided.influence, ((0, 0), (0, more))))


def _difference(at_tau: RepeatedScore, decided: RepeatedScore) -> RepeatedScore:
    return replace(
        at_tau,
        scores=at_tau.scores - decided.scores,
        influence=at_tau.influence - decided.influence,
    )
