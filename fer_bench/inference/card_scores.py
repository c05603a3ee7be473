"""The numbers of a model card: scores of one training on its test images, and of the cell's repeats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from fer_bench.data.splits import scored_parts
from fer_bench.errors import UserError
from fer_bench.evaluation.calibration import calibration_error, class_calibration_errors
from fer_bench.evaluation.comparisons import Comparisons, RepeatedScore
from fer_bench.evaluation.influence import accuracy, balanced_accuracy, by_group, macro_f1
from fer_bench.evaluation.intervals import effect_of_images, intervals
from fer_bench.evaluation.metrics import confusion_counts
from fer_bench.evaluation.subgroups import (
    FEWEST_IMAGES,
    FEWEST_OF_CLASS,
    group_accuracy,
    group_macro_f1,
    told_classes,
)
from fer_bench.storage.records import HeldOut, RepeatRecord

Score = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
SCORES = {"accuracy": "Accuracy", "macro_f1": "Macro-F1", "balanced_accuracy": "Balanced accuracy"}
PARTS = {"test": "all", "test_dedup": "without copies", "test_near_dedup": "without near-copies"}


class Estimate(NamedTuple):
    """A score, 0..1, and the ends of its 95 % interval; NaN where there is none."""

    value: float
    low: float = np.nan
    high: float = np.nan


class ClassScores(NamedTuple):
    """Scores of one class; NaN where none of its images, or none taken for it, was tested."""

    precision: Estimate
    recall: Estimate
    f1: Estimate
    calibration_error: float


class Confusion(NamedTuple):
    """How many images of a class, by number, were taken for another one, and what share of it that is."""

    label: int
    taken_for: int
    images: int
    share: float


class Subgroup(NamedTuple):
    """Test images that have one value of an attribute, and their scores; NaN where they are too few."""

    attribute: str
    value: str
    images: int
    accuracy: Estimate
    macro_f1: Estimate


@dataclass(frozen=True, eq=False)
class TestScores:
    """What a model's decided logits (n, K) on test images say of it; intervals are of this one training."""

    __test__ = False  # not a test, to pytest

    logits: np.ndarray
    images: HeldOut
    classes: tuple[str, ...]

    @cached_property
    def predicted(self) -> np.ndarray:
        """Labels (n,) int as decided."""
        return self.logits.argmax(axis=1)

    @cached_property
    def overall(self) -> dict[str, tuple[int, dict[str, Estimate]]]:
        """By PARTS of the test images, but those that are all of them: how many they are, and SCORES."""
        found, scored = {}, _scored(len(self.classes))
        for part, mask in scored_parts(self.images).items():
            if not mask.any() or (part != "test" and mask.all()):
                continue
            labels, predicted = self.images.labels[mask], self.predicted[None, mask]
            estimates = [_estimate(*score(labels, predicted), self.images.groups[mask]) for score in scored]
            found[part] = int(mask.sum()), dict(zip(SCORES, estimates, strict=True))
        return found

    @cached_property
    def by_class(self) -> list[ClassScores]:
        """Scores of each class."""
        probabilities = softmax(self.logits, axis=1)
        errors = class_calibration_errors(self.images.labels, probabilities)
        return [ClassScores(*self._of_class(label), float(error)) for label, error in enumerate(errors)]

    def _of_class(self, label: int) -> tuple[Estimate, Estimate, Estimate]:
        mine, called = self.images.labels == label, self.predicted == label
        everything = np.ones(len(mine), bool)
        if not mine.any():
            return (Estimate(np.nan),) * 3
        f1 = group_macro_f1(self.images.labels, self.predicted[None], everything, (label,))
        return self._share_right(called), self._share_right(mine), self._of_few(f1, mine)

    def _share_right(self, among: np.ndarray) -> Estimate:
        """Share of some images, (n,) bool, that are right."""
        if among.sum() < 2:
            right = self.predicted == self.images.labels
            return Estimate(float(right[among].mean()) if among.any() else np.nan)
        return self._of_few(group_accuracy(self.images.labels, self.predicted[None], among), among)

    def _of_few(self, score: tuple[np.ndarray, np.ndarray], among: np.ndarray) -> Estimate:
        """A score with its interval, unless it is of too few images, (n,) bool, for one."""
        values, influence = score
        if among.sum() < FEWEST_OF_CLASS:
            return Estimate(float(values[0]))
        return _estimate(values, influence, self.images.groups)

    def calibration_error(self) -> float:
        """Expected calibration error of all test images."""
        confidence = softmax(self.logits, axis=1).max(axis=1)
        return calibration_error(confidence, self.predicted == self.images.labels)

    def confusions(self, most: int) -> list[Confusion]:
        """The most frequent confusions, as shares of the true class, those of most images first if equal."""
        counts = confusion_counts(self.images.labels, self.predicted, len(self.classes))
        of_class = counts.sum(axis=1, keepdims=True)
        shares = counts / np.maximum(of_class, 1) * (of_class >= FEWEST_OF_CLASS)
        np.fill_diagonal(shares, 0)
        order = np.lexsort((-counts.ravel(), -shares.ravel()))[:most]
        places = [divmod(int(each), len(self.classes)) for each in order]
        return [Confusion(a, b, int(counts[a, b]), float(shares[a, b])) for a, b in places if shares[a, b]]

    def subgroups(self) -> list[Subgroup]:
        """Scores by each value of each attribute that is known of the test images."""
        if not (attributes := self.images.attributes):
            return []
        return [
            self._subgroup(attribute, value, members)
            for attribute in attributes.values
            for value, members in attributes.groups(attribute).items()
            if members.any()
        ]

    def _subgroup(self, attribute: str, value: str, members: np.ndarray) -> Subgroup:
        labels, predicted = self.images.labels, self.predicted[None]
        share = f1 = Estimate(np.nan)
        if members.sum() >= FEWEST_IMAGES:
            share = _estimate(*group_accuracy(labels, predicted, members), self.images.groups)
        if len(told := told_classes(labels, members)) > 1:
            f1 = _estimate(*group_macro_f1(labels, predicted, members, told), self.images.groups)
        return Subgroup(attribute, value, int(members.sum()), share, f1)


def _scored(classes: int) -> tuple[Score, Score, Score]:
    """What computes SCORES, and the influence of images, of labels and predictions."""
    return accuracy, partial(macro_f1, classes=classes), balanced_accuracy


def _estimate(values: np.ndarray, influence: np.ndarray, groups: np.ndarray) -> Estimate:
    """A score (1,) of one net with the interval that the influence (1, n) of images gives."""
    (low,), (high,) = intervals([effect_of_images(values, by_group(influence, groups))])
    return Estimate(float(values[0]), *np.clip([low, high], 0, 1).tolist())


def mean_of_repeats(repeats: Sequence[RepeatRecord]) -> dict[str, Estimate]:
    """Mean SCORES of a cell's repeats on all test images, over seeds as well; none with a single repeat.

    From these repeats alone: a leaderboard's intervals are narrower, as it learns from other cells how much
    seeds differ. Without intervals where the repeats' files are not here.
    """
    if len(repeats) < 2:
        return {}
    means = {name: Estimate(float(np.mean([r.metrics[f"test/{name}"] for r in repeats]))) for name in SCORES}
    try:
        images = repeats[0].predictions().images
        predicted = np.stack([repeat.predictions().predicted for repeat in repeats])
    except UserError:
        return means
    classes = 1 + int(max(images.labels.max(), predicted.max()))
    for name, score in zip(SCORES, _scored(classes), strict=True):
        values, influence = score(images.labels, predicted)
        influence = by_group(influence, images.groups)
        cell = RepeatedScore(repeats[0].shared_key, tuple(range(len(repeats))), values, influence)
        (low,), (high,) = intervals([Comparisons([cell]).score(0)])
        means[name] = Estimate(float(values.mean()), *np.clip([low, high], 0, 1).tolist())
    return means
