"""Boards of equal cells, second way: each seed of a cell has a confusion matrix, from which images draw."""

import numpy as np
from scipy.special import softmax
from scipy.stats import norm

CLASS_COUNTS = (491, 55, 528, 879, 626, 594, 416)  # of FER-2013's PrivateTest
# Rows: true class; the share of its images that is taken for each class, in percent.
CONFUSION = np.array(
    [
        [58, 2, 13, 4, 9, 12, 2],
        [24, 55, 8, 3, 3, 6, 1],
        [12, 1, 47, 4, 10, 17, 9],
        [2, 0.3, 2, 87, 4.7, 2, 2],
        [5, 0.3, 6, 7, 67, 13, 1.7],
        [9, 1, 13, 5, 17, 54, 1],
        [3, 0.4, 9, 5, 3.6, 2, 77],
    ]
)


def board(rng, backbones, cells, seeds, seed_noise, spread, heavy):
    """Labels (n,) and predictions (backbones, cells, seeds, n) of cells that differ by chance only.

    seed_noise: standard deviation of what a seed adds to the logarithm of each share; spread (cells,): times
    that, cell by cell. heavy: one seed in ten has three times the noise.
    """
    predictions = np.empty((backbones, cells, seeds, sum(CLASS_COUNTS)), np.int64)
    labels = np.repeat(range(7), CLASS_COUNTS)
    common = rng.normal(size=len(labels))
    for backbone in range(backbones):
        together = rng.normal(size=(seeds, 7, 7))
        for cell in range(cells):
            of_cell = rng.normal(size=len(labels))
            for seed in range(seeds):
                size = seed_noise * spread[cell]
                if heavy:
                    size *= (3.0 if rng.random() < 0.1 else 1.0) / 1.8**0.5
                moved = size * rng.normal(size=(7, 7)) + 0.5 * seed_noise * together[seed]
                rows = softmax(np.log(CONFUSION) + moved, axis=1)
                luck = (
                    0.75 * common
                    + 0.5 * of_cell
                    + (1 - 0.75**2 - 0.5**2) ** 0.5 * rng.normal(size=len(labels))
                )
                predictions[backbone, cell, seed] = _drawn(labels, rows, norm.cdf(luck))
    return labels, predictions


def _drawn(labels, rows, luck):
    """The true class below its share of luck (n,), above it the others in their order."""
    predicted = np.empty(len(labels), np.int64)
    for label in range(7):
        order = np.r_[label, np.delete(np.arange(7), label)]
        mine = labels == label
        ends = np.cumsum(rows[label, order])[:-1]
        predicted[mine] = order[np.searchsorted(ends, luck[mine])]
    return predicted
