"""Pairs of training images that are mixed into one: drawn beforehand, mixed in the step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from keras import ops

from fer_bench.strategies.base import Mixing
from fer_bench.training.backend import Inputs, Tensor


@dataclass(frozen=True, eq=False)
class Pairs:
    """What n training rows are mixed with.

    partner (n,) int64 rows; share (n,) float32 of the first in a weighted sum; box (n, 4) int32, the
    rectangle of the second that is pasted: top, left, bottom, right in pixels, empty where none is; targets
    (n, K) float32.
    """

    partner: np.ndarray
    share: np.ndarray
    box: np.ndarray
    targets: np.ndarray


def draw_pairs(
    mixing: Mixing | None,
    rows: np.ndarray,
    labels: np.ndarray,
    class_counts: np.ndarray,
    size: int,
    seed: int,
    targets: np.ndarray | None = None,
) -> Pairs:
    """Draw the pairs of one epoch from a seed.

    `rows` (n,) are indices into `labels`; `class_counts` (K,) those of the training split; images are
    `size` pixels wide. Without `mixing` each row stays as it is. `targets` (N, K) float32 are what is mixed
    of the labels; None takes each as one class.
    """
    random, count = np.random.default_rng(seed), len(rows)
    share, box = np.ones(count, np.float32), np.zeros((count, 4), np.int32)
    partner, of_target = rows, np.ones(count)
    if mixing:
        partner = _partners(mixing, rows, labels, len(class_counts), random)
        mixed = random.random(count) < mixing.share
        drawn = np.where(mixed, random.beta(mixing.alpha, mixing.alpha, count), 1.0)
        if mixing.box:
            box = _boxes(drawn, size, random)
            of_target = 1 - (box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]) / size**2
        else:
            share, of_target = drawn.astype(np.float32), drawn
        of_target = _label_shares(
            mixing, of_target, class_counts[labels[rows]], class_counts[labels[partner]]
        )
    if targets is None:
        targets = np.eye(len(class_counts), dtype=np.float32)[labels]
    weight = of_target[:, None].astype(np.float32)
    return Pairs(partner, share, box, weight * targets[rows] + (1 - weight) * targets[partner])


def _partners(
    mixing: Mixing, rows: np.ndarray, labels: np.ndarray, classes: int, random: np.random.Generator
) -> np.ndarray:
    """A second row for each: the rows in another order, or of classes drawn with their probabilities."""
    if mixing.partners is None:
        return random.permutation(rows)
    counts = np.bincount(labels[rows], minlength=classes)
    probabilities = np.where(counts > 0, mixing.partners, 0.0)
    drawn = random.choice(classes, len(rows), p=probabilities / probabilities.sum())
    by_class = rows[np.argsort(labels[rows], kind="stable")]
    begin = np.cumsum(counts) - counts
    return by_class[begin[drawn] + random.integers(counts[drawn])]


def _boxes(share: np.ndarray, size: int, random: np.random.Generator) -> np.ndarray:
    """Rectangles that leave the first image about these shares (n,), cut at the border: (n, 4) int32."""
    half = np.sqrt(1 - share) * size / 2
    centre = random.uniform(0, size, (len(share), 2))
    corners = np.concatenate([centre - half[:, None], centre + half[:, None]], axis=1)
    return np.clip(np.round(corners), 0, size).astype(np.int32)


def _label_shares(mixing: Mixing, share: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Share (n,) of the first label in the target, from its image's and both labels' class counts (n,)."""
    ratio = first / second
    share = np.where((ratio >= mixing.kappa) & (share < mixing.threshold), 0.0, share)
    return np.where((1 / ratio >= mixing.kappa) & (1 - share < mixing.threshold), 1.0, share)


def joined(rows: np.ndarray, pairs: Sequence[Pairs]) -> tuple[Inputs, np.ndarray]:
    """Inputs and targets of a training step, from rows (n,) int32 and the pairs of their epochs in order."""
    partner, share, box, targets = (
        np.concatenate([getattr(each, name) for each in pairs])
        for name in ("partner", "share", "box", "targets")
    )
    return (rows, partner.astype("int32"), share, box), targets


def mix(first: Tensor, second: Tensor, share: Tensor, box: Tensor) -> Tensor:
    """Mix rows (B, ...): the weighted sum, and in images (B, S, S, C) the second's rectangles pasted."""
    weight = ops.reshape(share, (-1, *[1] * (len(first.shape) - 1)))
    mixed = weight * first + (1 - weight) * second
    if len(first.shape) != 4:
        return mixed
    place = np.arange(first.shape[1])
    top, left, bottom, right = (ops.expand_dims(box[:, edge], -1) for edge in range(4))
    in_rows = ops.logical_and(place >= top, place < bottom)[:, :, None, None]
    in_columns = ops.logical_and(place >= left, place < right)[:, None, :, None]
    return ops.where(ops.logical_and(in_rows, in_columns), second, mixed)
