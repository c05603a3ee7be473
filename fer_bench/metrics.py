"""Labels and logits to named numbers, and intervals that know the noise of images and of seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.special import log_softmax
from sklearn import metrics as sk

CHUNK_BYTES = 64 * 2**20  # of image weights held at once
RUNS_AT_ONCE = 128  # in one matrix product


def scores(labels: np.ndarray, logits: np.ndarray, classes: Sequence[str]) -> dict[str, float]:
    """Accuracy, macro_f1, balanced_accuracy, loss and f1/<class>, in [0, 1] but for the loss.

    labels (n,) int, logits (n, K) float for the K `classes`. The loss is plain unweighted cross-entropy in
    nats; macro_f1 is the mean of per-class F1 with zero_division 0 (not the F1 of mean precision and
    recall; Opitz and Burst 2019, arXiv:1911.03347); balanced accuracy is mean recall. A class without a
    label is left out of the means and has no f1 key. Raises ValueError where shapes don't fit.
    """
    labels, predicted = _checked(labels, logits, len(classes))
    present = np.unique(labels)
    f1 = sk.f1_score(labels, predicted, labels=present, average=None, zero_division=0)
    recall = sk.recall_score(labels, predicted, labels=present, average=None)
    log_probabilities = log_softmax(np.asarray(logits, np.float64), axis=1)
    return {
        "accuracy": float(sk.accuracy_score(labels, predicted)),
        "macro_f1": float(np.mean(f1)),
        "balanced_accuracy": float(np.mean(recall)),
        "loss": float(-log_probabilities[np.arange(len(labels)), labels].mean()),
        **{f"f1/{classes[k]}": float(value) for k, value in zip(present, f1, strict=True)},
    }


def per_class(labels: np.ndarray, logits: np.ndarray, classes: Sequence[str]) -> list[dict]:
    """One row a class: class, f1, precision, recall (None where it has no label), support, predicted.

    labels (n,) int, logits (n, K) float; support and predicted are counts of images.
    """
    labels, predicted = _checked(labels, logits, len(classes))
    every = np.arange(len(classes))
    columns = sk.precision_recall_fscore_support(labels, predicted, labels=every, zero_division=0)
    counts = np.bincount(predicted, minlength=len(classes))
    rows = []
    for name, *rates, support, count in zip(classes, *columns, counts, strict=True):
        # F1 first: it is what MLflow's comparison of these tables opens with.
        precision, recall, f1 = (round(float(rate), 4) if support else None for rate in rates)
        rows.append(
            {"class": name, "f1": f1, "precision": precision, "recall": recall}
            | {"support": int(support), "predicted": int(count)}
        )
    return rows


def classification_report(labels: np.ndarray, predicted: np.ndarray, classes: Sequence[str]) -> str:
    """scikit-learn's report of precision, recall and F1 as text; labels and predicted are (n,) int."""
    every = np.arange(len(classes))
    return sk.classification_report(
        labels, predicted, labels=every, target_names=list(classes), digits=3, zero_division=0
    )


def collapsed(logits: np.ndarray) -> bool:
    """Whether one class is predicted for every image; logits (n, K) float."""
    predicted = np.argmax(logits, axis=1)
    return len(predicted) > 1 and bool((predicted == predicted[0]).all())


def image_draws(
    labels: np.ndarray,
    predictions: np.ndarray,
    groups: np.ndarray,
    subset: np.ndarray,
    classes: int,
    draws: int = 2000,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Macro-F1 of each of R runs on each of `draws` resampled test sets, and on their share of `subset`.

    labels (n,) int, predictions (R, n) int, groups (n,) int: images that share a number (identical ones)
    are drawn together; subset (n,) bool. Both results are (draws, R) float32. A class without an image in a
    draw is left out of that draw's mean; without any image it is NaN. All runs see the same draws, here and
    in any call with equal labels, groups, draws and seed: their differences are paired.
    """
    labels, predictions = np.asarray(labels), np.atleast_2d(predictions)
    if {len(labels), len(groups), len(subset)} != {predictions.shape[1]}:
        raise ValueError(f"{len(labels)} labels, predictions {predictions.shape}, {len(groups)} groups")
    # F1 = 2 TP / (support + predicted): of a confusion matrix its diagonal and its two margins are enough.
    order = np.lexsort((labels, subset))
    labels, guesses = labels[order], predictions[:, order].T
    begin = np.count_nonzero(~subset)
    parts = slice(begin), slice(begin, None)
    every = []
    for weights in _image_weights(np.asarray(groups)[order], draws, seed):
        runs = (guesses[:, at : at + RUNS_AT_ONCE] for at in range(0, guesses.shape[1], RUNS_AT_ONCE))
        f1 = []
        for some in runs:
            outside, inside = (_counts(labels[p], some[p], weights[:, p], classes) for p in parts)
            f1.append([_macro_f1(*map(np.add, outside, inside)), _macro_f1(*inside)])
        every.append(np.concatenate(f1, axis=2))
    whole, share = np.concatenate(every, axis=1)
    return whole, share


def _counts(
    labels: np.ndarray, guesses: np.ndarray, weights: np.ndarray, classes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weighted images of each class that are right, guessed and there: (K, draws, R), the last (K, draws, 1).

    labels (n,) sorted, guesses (n, R), weights (draws, n); sums of whole numbers are exact in float32.
    """
    right = np.zeros((classes, len(weights), guesses.shape[1]), np.float32)
    there = np.zeros((classes, len(weights), 1), np.float32)
    for label in range(classes):
        begin, end = np.searchsorted(labels, (label, label + 1))
        drawn = weights[:, begin:end]
        right[label] = drawn @ (guesses[begin:end] == label).astype(np.float32)
        there[label, :, 0] = drawn.sum(axis=1)
    guessed = np.stack([weights @ (guesses == label).astype(np.float32) for label in range(classes)])
    return right, guessed, there


def _macro_f1(right: np.ndarray, guessed: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Mean over classes of 2 TP / (support + predicted) from `_counts`, (draws, R) float32."""
    present = (there > 0).sum(axis=0)
    f1 = 2 * right / np.maximum(guessed + there, 1)  # an absent class has no right ones, and adds nothing
    return np.where(present, f1.sum(axis=0) / np.maximum(present, 1).astype(np.float32), np.nan)


def cross_seeds(values: np.ndarray, seed: int = 0) -> np.ndarray:
    """Mean over S seeds drawn anew in each draw: (draws, S) float of `image_draws` to (draws,) float64.

    The variance of a mean of S drawn out of S seeds is (S - 1) / S of what it should be: its deviation is
    stretched by sqrt(S / (S - 1)). Unstretched, two seeds find a difference that isn't there in 6 instead of
    4 % of cases at a seed SD of 1 pt, in 12 instead of 8 % at 1.4 pt where seeds outweigh images: take three.
    Equal S and seed give equal seed indices, so that the difference of two results is paired. With one seed
    there is no seed noise in the draws.
    """
    values = np.asarray(values, np.float64)
    draws, seeds = values.shape
    drawn = np.random.default_rng([seed, 1]).integers(seeds, size=(draws, seeds))
    mean = values.mean(axis=1)
    stretch = np.sqrt(seeds / max(seeds - 1, 1))
    return mean + stretch * (np.take_along_axis(values, drawn, axis=1).mean(axis=1) - mean)


def interval(draws: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval that holds `level` of the draws (draws,)."""
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _image_weights(groups: np.ndarray, draws: int, seed: int) -> Iterator[np.ndarray]:
    """Blocks (b, n) float32 of how often each image is drawn: multinomial over groups, b rows at a time."""
    _, member = np.unique(groups, return_inverse=True)
    count = int(member.max()) + 1
    generator = np.random.default_rng([seed, 0])
    block = max(1, CHUNK_BYTES // (4 * len(member)))
    for start in range(0, draws, block):
        rows = min(block, draws - start)
        drawn = generator.integers(count, size=(rows, count)) + count * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count)
        yield times.astype(np.float32)[:, member]


def _checked(labels: np.ndarray, logits: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    labels, logits = np.asarray(labels), np.asarray(logits)
    if not len(labels) or logits.shape != (len(labels), classes):
        raise ValueError(f"{len(labels)} labels of {classes} classes, but logits of shape {logits.shape}")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"labels from {labels.min()} to {labels.max()}, expected 0 to {classes - 1}")
    return labels, logits.argmax(axis=1)
