"""How much each test image moves a score: from that follows, without drawing, the noise of the images."""

from __future__ import annotations

import numpy as np


def macro_f1(labels: np.ndarray, predictions: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Macro-F1 of R runs (R,), and its derivative by the weight of each of n images (R, n), both float64.

    labels (n,) int, predictions (R, n) int, both below `classes`. Classes without a label are left out;
    without images the score is NaN. With F1 = 2 TP / D of a class, D its images and predictions, another
    image of that class that is predicted so adds 2 / D - 2 F1 / D, and an image that is only one of both
    takes away F1 / D. The derivatives of a run sum to 0: the sum of their squares, those of identical images
    added first, is the variance of the score over test sets (infinitesimal jackknife; Efron 1982, The
    jackknife, the bootstrap and other resampling plans, section 6).
    """
    labels, predictions = np.asarray(labels), np.atleast_2d(predictions)
    if not len(labels):
        return np.full(len(predictions), np.nan), np.zeros(predictions.shape)
    support = np.bincount(labels, minlength=classes)
    hits = predictions == labels
    true_positives = np.stack([np.bincount(labels[hit], minlength=classes) for hit in hits])
    total = support + np.stack([np.bincount(each, minlength=classes) for each in predictions])
    f1 = np.where(support, 2 * true_positives / np.maximum(total, 1), 0)
    by_image = np.where(support, 1 / np.maximum(total, 1), 0) / np.count_nonzero(support)
    taken = f1 * by_image
    run = np.arange(len(predictions))[:, None]
    influence = 2 * hits * by_image[:, labels] - taken[:, labels] - taken[run, predictions]
    return f1.sum(axis=1) / np.count_nonzero(support), influence


def recall(labels: np.ndarray, predictions: np.ndarray, label: int) -> tuple[np.ndarray, np.ndarray]:
    """Recall of one class by R runs (R,) and its derivative by image (R, n); shapes as for `macro_f1`.

    A class without images has none: NaN, and no derivative.
    """
    return _share(predictions == label, np.broadcast_to(labels == label, predictions.shape))


def precision(labels: np.ndarray, predictions: np.ndarray, label: int) -> tuple[np.ndarray, np.ndarray]:
    """Precision of one class by R runs, as `recall`; 0 where no image is taken for it."""
    share, influence = _share(np.broadcast_to(labels == label, predictions.shape), predictions == label)
    return np.nan_to_num(share), influence


def f1(labels: np.ndarray, predictions: np.ndarray, label: int) -> tuple[np.ndarray, np.ndarray]:
    """F1 of one class by R runs, as `recall`."""
    mine, called = labels == label, predictions == label
    both = mine.astype(float) + called
    total = np.maximum(both.sum(axis=1), 1)
    score = 2 * (mine & called).sum(axis=1) / total
    influence = (2.0 * (mine & called) - score[:, None] * both) / total[:, None]
    return np.where(mine.any(), score, np.nan), influence * mine.any()


def balanced_accuracy(labels: np.ndarray, predictions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean recall of the classes that have images, by R runs, as `recall`."""
    found = [recall(labels, predictions, int(label)) for label in np.unique(labels)]
    scores, influence = zip(*found, strict=True)
    return np.mean(scores, axis=0), np.mean(influence, axis=0)


def accuracy(labels: np.ndarray, predictions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Accuracy of R runs, as `recall`."""
    return _share(predictions == labels, np.ones(predictions.shape, bool))


def _share(right: np.ndarray, among: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share (R,) of those `among` (R, n) bool that are `right`, and its derivative (R, n)."""
    count = among.sum(axis=1)
    share = (right & among).sum(axis=1) / np.maximum(count, 1)
    influence = among * (right - share[:, None]) / np.maximum(count, 1)[:, None]
    return np.where(count, share, np.nan), influence


def by_group(influence: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Influence (R, n) of images to that of groups (R, G): identical images come and go together.

    groups (n,) int. Scaled by sqrt(G / (G - 1)), so that a variance is without bias where all groups have
    the same size.
    """
    names, member = np.unique(groups, return_inverse=True)
    if 0 < len(names) < len(groups):
        order = np.argsort(member, kind="stable")
        begins = np.searchsorted(member[order], np.arange(len(names)))
        influence = np.add.reduceat(influence[:, order], begins, axis=1)
    return influence * np.sqrt(len(names) / max(len(names) - 1, 1))
