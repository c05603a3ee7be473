"""Scores of groups of images, such as those of one gender, and how far they lie apart.

A score of a group is that of its images alone. Fewer than FEWEST_IMAGES of a group, or FEWEST_OF_CLASS of a
class in it, give no number. Macro-F1 is the mean over the classes that have one.

The gap is the largest score less the smallest, macro-F1 over the classes that all groups have a number of.
The largest of several is partly the luckiest: among equal groups the gap isn't 0 (`Gap.by_chance`). So its
interval is not that of the two groups that happen to be the outermost, but follows from the differences of
all P pairs of groups. Their intervals of level 1 - 0.05 / P hold together (Bonferroni): in 95 of 100 cases
the true gap, the largest true difference, is at least the largest of their lower ends, and at most that of
their upper ends. How often it is called more than 0 among equal groups was simulated:
`python tests/support/subgroup_errors.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from fer_bench.evaluation.comparisons import Comparisons, RepeatedScore
from fer_bench.evaluation.influence import accuracy, f1
from fer_bench.evaluation.intervals import Effect, intervals

FEWEST_IMAGES = 30
FEWEST_OF_CLASS = 5
DRAWS = 4000  # of the gap that equal groups have


class Gap(NamedTuple):
    """Largest less smallest score of several groups, its 95 % interval, and what equal groups would show.

    The ends, and `by_chance`, are NaN with a single seed. It lies between the groups of the numbers `lowest`
    and `highest`.
    """

    value: float
    low: float
    high: float
    by_chance: float
    lowest: int
    highest: int


def told_classes(labels: np.ndarray, group: np.ndarray) -> tuple[int, ...]:
    """Classes of which a group has enough images to be scored; none where it has too few in all.

    labels (n,) int, group (n,) bool.
    """
    if group.sum() < FEWEST_IMAGES:
        return ()
    return tuple(np.flatnonzero(np.bincount(labels[group]) >= FEWEST_OF_CLASS).tolist())


def group_macro_f1(
    labels: np.ndarray, predictions: np.ndarray, group: np.ndarray, classes: Collection[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean F1 of some classes among the images of a group, by R runs (R,), and its influence (R, n).

    labels (n,) int, predictions (R, n) int, group (n,) bool. The influence is that of
    `fer_bench.evaluation.influence`, 0 of images of others, and corrected for few images (`_left_out`,
    `_doubted`).
    """
    labels, predictions = labels[group], predictions[:, group]
    scores, influence = zip(*(f1(labels, predictions, label) for label in classes), strict=True)
    mine = np.stack([labels == label for label in classes])
    doubted = _doubted(np.stack(influence) * _left_out(labels), mine)
    return np.mean(scores, axis=0), _spread(doubted.mean(axis=0), group)


def group_accuracy(
    labels: np.ndarray, predictions: np.ndarray, group: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Accuracy among the images of a group, as `group_macro_f1`."""
    score, influence = accuracy(labels[group], predictions[:, group])
    count = group.sum()
    doubted = _doubted(influence[None] * count / (count - 1), np.ones((1, count), bool))
    return score, _spread(doubted[0], group)


def _left_out(labels: np.ndarray) -> np.ndarray:
    """Factor (n,) of each image's influence: of m images of a class, m / (m - 1).

    So the squares sum to the variance that leaving out each image in turn gives, which for few images is the
    safer one (MacKinnon and White 1985, doi:10.1016/0304-4076(85)90158-7).
    """
    counts = np.bincount(labels)[labels]
    return counts / np.maximum(counts - 1, 1)


def _doubted(influence: np.ndarray, mine: np.ndarray) -> np.ndarray:
    """Influence (K, R, m) of images on K classes, also where all or none of a class, `mine` (K, m), is right.

    Nothing moves such a class, though in other images there would be mistakes. So it is given the variance of
    a share of all images of such classes of a run, one more of them right and one wrong (Agresti and Caffo
    2000, doi:10.1080/00031305.2000.10474560).
    """
    unmoved, images = ~influence.any(axis=2), mine.sum(axis=1)
    together = images @ unmoved
    deviation = np.sqrt(together + 1) / (together + 2)
    return influence + (unmoved * deviation)[..., None] * (mine / images[:, None])[:, None]


def _spread(influence: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Influence (R, m) of a group's images as that of all (R, n)."""
    whole = np.zeros((len(influence), len(group)))
    whole[:, group] = influence
    return whole


def gaps(groups: Sequence[Sequence[RepeatedScore]], fixed_nets: bool = False) -> list[Gap]:
    """The gap of each of C cells between K >= 2 groups of images.

    `groups` has for each group the scores of the cells among its images. `fixed_nets` as of `Comparisons`.
    """
    pairs = [
        Comparisons([_less(*each) for each in zip(one, other, strict=True)], fixed_nets)
        for one, other in itertools.combinations(groups, 2)
    ]
    found = []
    for cell in range(len(groups[0])):
        values = [float(group[cell].scores.mean()) for group in groups]
        differences = [pair.score(cell) for pair in pairs]
        influence = np.stack([group[cell].influence.mean(axis=0) for group in groups])
        found.append(
            Gap(
                max(values) - min(values),
                *_interval(differences),
                _by_chance(differences, influence),
                int(np.argmin(values)),
                int(np.argmax(values)),
            )
        )
    return found


def _less(score: RepeatedScore, other: RepeatedScore) -> RepeatedScore:
    """The difference of two scores of the same repeats."""
    return replace(score, scores=score.scores - other.scores, influence=score.influence - other.influence)


def _interval(differences: Sequence[Effect]) -> tuple[float, float]:
    """Ends of the interval of the gap, from the differences of all pairs; NaN where one has none."""
    low, high = intervals(differences, 1 - 0.05 / len(differences))
    ends = np.concatenate([low, -high])  # of each pair and of the same turned round
    return max(float(ends.max()), 0.0), float(np.concatenate([high, -low]).max())


def _by_chance(differences: Sequence[Effect], influence: np.ndarray) -> float:
    """The gap to be expected among K equal groups that are as noisy as these; NaN with a single seed.

    influence (K, G) of groups of images on their scores, mean over seeds. What seeds do to one group and not
    to another is taken from the differences, the same for all groups.
    """
    seeds = np.mean([(max(each.ratio, 1) - 1) * each.unit / 2 for each in differences])
    covariance = influence @ influence.T + seeds * np.eye(len(influence))
    if not np.isfinite(covariance).all():
        return float("nan")
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0))
    drawn = np.random.default_rng(0).normal(size=(DRAWS, len(influence))) @ root.T
    return float(np.ptp(drawn, axis=1).mean())
