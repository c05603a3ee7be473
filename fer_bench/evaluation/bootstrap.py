"""Scores on resampled images: for what has no derivative, such as a threshold that is fitted to them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

CHUNK_BYTES = 64 * 2**20  # of image weights in memory at a time
RUNS_AT_ONCE = 128  # in one matrix product


def image_draws(
    labels: np.ndarray,
    predictions: np.ndarray,
    groups: np.ndarray,
    subset: np.ndarray,
    classes: int,
    draws: int = 2000,
    seed: int = 0,
    *,
    chunk_bytes: int = CHUNK_BYTES,
    runs_at_once: int = RUNS_AT_ONCE,
) -> tuple[np.ndarray, np.ndarray]:
    """Macro-F1 of each of R runs on each of `draws` resampled test sets, and on their share of `subset`.

    labels (n,) int, predictions (R, n) int, groups (n,) int: images that share a number (identical ones)
    are drawn together; subset (n,) bool. Both results are (draws, R) float32. A class without an image in a
    draw is left out of that draw's mean; without any image it is NaN. All runs see the same draws, here and
    in any call with equal labels, groups, draws and seed: their differences are paired. `chunk_bytes` and
    `runs_at_once` bound the memory and don't change the result.
    """
    labels, predictions = np.asarray(labels), np.atleast_2d(predictions)
    if {len(labels), len(groups), len(subset)} != {predictions.shape[1]}:
        raise ValueError(f"{len(labels)} labels, predictions {predictions.shape}, {len(groups)} groups")
    # F1 = 2 TP / (support + predicted): of a confusion matrix its diagonal and its two margins are enough.
    order = np.lexsort((labels, subset))
    labels, by_image = labels[order], predictions[:, order].T
    begin = np.count_nonzero(~subset)
    parts = slice(begin), slice(begin, None)
    chunks = []
    for weights in image_weights(np.asarray(groups)[order], draws, seed, chunk_bytes):
        f1 = []
        for at in range(0, by_image.shape[1], runs_at_once):
            runs = by_image[:, at : at + runs_at_once]
            outside, inside = (_counts(labels[p], runs[p], weights[:, p], classes) for p in parts)
            f1.append([_macro_f1(*map(np.add, outside, inside)), _macro_f1(*inside)])
        chunks.append(np.concatenate(f1, axis=2))
    whole, share = np.concatenate(chunks, axis=1)
    return whole, share


def _counts(
    labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray, classes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True positives, predicted images and support of each class: (K, draws, R), the last (K, draws, 1).

    labels (n,) sorted, predictions (n, R), weights (draws, n): how often each image is drawn. Sums of whole
    numbers are exact in float32.
    """
    true_positives = np.zeros((classes, len(weights), predictions.shape[1]), np.float32)
    support = np.zeros((classes, len(weights), 1), np.float32)
    for label in range(classes):
        begin, end = np.searchsorted(labels, (label, label + 1))
        of_class = weights[:, begin:end]
        true_positives[label] = of_class @ (predictions[begin:end] == label).astype(np.float32)
        support[label, :, 0] = of_class.sum(axis=1)
    predicted = np.stack([weights @ (predictions == label).astype(np.float32) for label in range(classes)])
    return true_positives, predicted, support


def _macro_f1(true_positives: np.ndarray, predicted: np.ndarray, support: np.ndarray) -> np.ndarray:
    """Mean over classes of 2 TP / (support + predicted) from `_counts`, (draws, R) float32."""
    present = (support > 0).sum(axis=0)
    f1 = 2 * true_positives / np.maximum(predicted + support, 1)  # an absent class has none, and adds nothing
    return np.where(present, f1.sum(axis=0) / np.maximum(present, 1).astype(np.float32), np.nan)


def image_weights(
    groups: np.ndarray, draws: int, seed: int = 0, chunk_bytes: int = CHUNK_BYTES
) -> Iterator[np.ndarray]:
    """Blocks (b, n) float32 of how often each image is drawn: multinomial over groups, b draws at a time."""
    _, member = np.unique(groups, return_inverse=True)
    count = int(member.max()) + 1
    generator = np.random.default_rng([seed, 0])
    block = max(1, chunk_bytes // (4 * len(member)))
    for start in range(0, draws, block):
        rows = min(block, draws - start)
        resampled = generator.integers(count, size=(rows, count)) + count * np.arange(rows)[:, None]
        times = np.bincount(resampled.ravel(), minlength=rows * count).reshape(rows, count)
        yield times.astype(np.float32)[:, member]
