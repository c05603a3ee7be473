"""Boards of nets whose logits are known: each image's evidence for each class, read by every net with noise.

An image of class y shows each class by 1 if it is y, else 0, plus noise of standard deviation 1 / DISTANCE in
all: what all nets see alike, what is a cell's own and what is a run's. Logits are the log odds of that, plus
the log prior of the training images, so a net is calibrated and its best tau is below 1.
"""

from dataclasses import dataclass

import numpy as np

TRAIN = np.array([3988, 436, 4097, 7214, 4964, 4829, 3170])  # of FER-2013, class by class
VAL = np.array([467, 56, 496, 895, 607, 653, 415])
TEST = np.array([491, 55, 528, 879, 626, 594, 416])
LOG_PRIOR = np.log(TRAIN / TRAIN.sum())
DISTANCE = 1.7  # in noise, between classes: macro-F1 0.6
COMMON, CELL, RUN = 0.87, 0.43, 0.24  # of the noise; squares sum to 1


@dataclass(frozen=True)
class Trained:
    """What a strategy does to a net: `shift` of the log prior is trained away, `better`: times the
    distance."""

    shift: float = 0.0
    better: float = 1.0


def board(rng, strategies, seeds, seed_noise, heavy=False):
    """Logits (cells, seeds, n, 7) float32 of validation and of test, for each of `strategies` a cell.

    seed_noise: standard deviation of what a seed adds to the logits of a class, and of what it multiplies the
    distance with, over 4. heavy: from Student's t with 3 degrees of freedom, of the same variance.
    """

    def seed_effect(*size):
        return seed_noise * (rng.standard_t(3, size) / 3**0.5 if heavy else rng.normal(size=size))

    shape = len(strategies), seeds
    offsets, quality = seed_effect(*shape, 1, 7), 1 + seed_effect(*shape, 1, 1) / 4
    better = np.array([each.better for each in strategies])[:, None, None, None]
    shift = np.array([each.shift for each in strategies])[:, None, None, None]
    distance = DISTANCE * better * quality
    logits = []
    for counts in (VAL, TEST):
        labels = np.repeat(np.arange(7), counts)
        n = len(labels)
        noise = COMMON * rng.normal(size=(n, 7)) + CELL * rng.normal(size=(len(strategies), 1, n, 7))
        noise = noise + RUN * rng.normal(size=(*shape, n, 7))
        evidence = distance * (distance * np.eye(7)[labels] + noise)
        logits.append((evidence + offsets + (1 - shift) * LOG_PRIOR).astype(np.float32))
    return logits
