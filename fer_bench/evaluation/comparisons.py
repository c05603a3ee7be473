"""The cells of one board beside each other: scores, differences, and which may be as good as the best."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fer_bench.evaluation.intervals import (
    Effect,
    Prior,
    cell_prior,
    effect,
    effect_of_images,
    gain_prior,
    p_values,
)


@dataclass(frozen=True, eq=False)
class RepeatedScore:
    """A score of each of a cell's S repeats.

    slots (S,) name the repeats: two cells' repeats of one slot share a seed. scores (S,) float; influence
    (S, G) float of each of G groups of test images on them. What is `apart` shows nothing of seed noise: it
    may be another cell once more.
    """

    backbone: str
    slots: tuple[int, ...]
    scores: np.ndarray
    influence: np.ndarray
    apart: bool = False

    def at(self, slots: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Scores and influence in some of its slots."""
        places = [self.slots.index(slot) for slot in slots]
        return self.scores[places], self.influence[places]


class Comparisons:
    """Effects of cells that were tested on the same images; what they show of seed noise is shared.

    With `fixed_nets` other seeds are not asked about: intervals are of these nets on other images.
    """

    def __init__(self, cells: Sequence[RepeatedScore], fixed_nets: bool = False) -> None:
        self.cells, self._fixed_nets = cells, fixed_nets
        backbones = _by_backbone([cell for cell in cells if not cell.apart])
        self.of_cells: Prior = cell_prior(backbones)
        self.of_gains: Prior = gain_prior(backbones)

    def score(self, cell: int) -> Effect:
        """The mean score of a cell over its repeats."""
        return self._effect(self.cells[cell].scores, self.cells[cell].influence, self.of_cells)

    def difference(self, cell: int, other: int) -> Effect | None:
        """The score of a cell less that of another in the slots that both have; None where there is none."""
        ours, theirs = self.cells[cell], self.cells[other]
        slots = sorted(set(ours.slots) & set(theirs.slots))
        if not slots:
            return None
        (scores, influence), (less, by_theirs) = ours.at(slots), theirs.at(slots)
        # Between backbones a seed does nothing alike, and nothing cancels.
        prior = self.of_gains if ours.backbone == theirs.backbone else self.of_cells
        return self._effect(scores - less, influence - by_theirs, prior)

    def _effect(self, scores: np.ndarray, influence: np.ndarray, prior: Prior) -> Effect:
        if self._fixed_nets:
            return effect_of_images(scores, influence)
        return effect(scores, influence, prior)

    def as_good(self, cells: Sequence[int], level: float = 0.05) -> list[bool | None]:
        """Whether each of `cells` may be as good as the one with the best mean; None where nobody can tell.

        A cell that is as good as any is denied it in at most a share `level` of boards: the leader was
        chosen as the best of all, so its lead is tested against all of them (multiple comparisons with the
        best; Hsu 1984, doi:10.1214/aos/1176346800, with Bonferroni's bound).
        """
        leader = max(cells, key=lambda cell: float(self.cells[cell].scores.mean()))
        leads = [self.difference(leader, cell) for cell in cells]
        chances = iter(p_values([lead for lead in leads if lead]) / 2 * max(len(cells) - 1, 1))
        found = [np.nan if lead is None else next(chances) for lead in leads]
        return [
            # In the slots that both have, the other may be ahead: that is no lead, however sure.
            None if lead is None or np.isnan(chance) else bool(lead.value <= 0 or chance > level)
            for lead, chance in zip(leads, found, strict=True)
        ]


def _by_backbone(cells: Sequence[RepeatedScore]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Scores (C, S) and influence (C, S, G) of the cells of each backbone in the slots that they share."""
    backbones = defaultdict(list)
    for cell in cells:
        if len(cell.slots) > 1:
            backbones[cell.backbone].append(cell)
    together = []
    for group in backbones.values():
        slots = sorted(set.intersection(*(set(cell.slots) for cell in group)))
        if len(slots) > 1:
            scores, influence = zip(*(cell.at(slots) for cell in group), strict=True)
            together.append((np.stack(scores), np.stack(influence)))
    return together
