"""Boards of equal cells, first way, on which the intervals were made: a margin above 0 is right."""

import numpy as np

PRIVATE_TEST = np.array([491, 55, 528, 879, 626, 594, 416])  # FER-2013's, class by class
EASE = np.array([0.35, 0.15, 0.05, 1.3, 0.55, 0.2, 0.9])  # mean margin of a class's images


def board(rng, backbones, cells, seeds, seed_noise, spread, heavy):
    """Labels (n,) and predictions (backbones, cells, seeds, n) of cells that differ by chance only.

    seed_noise: standard deviation of what a seed adds to the margins of a class; spread (cells,): times
    that, cell by cell. heavy: from Student's t with 3 degrees of freedom, of the same variance.
    """
    labels = np.repeat(np.arange(7), PRIVATE_TEST)
    n, shape = len(labels), (backbones, cells, seeds)

    def seed_effect(*size):
        return seed_noise * (rng.standard_t(3, size) / 3**0.5 if heavy else rng.normal(size=size))

    seed = spread[:, None, None] * seed_effect(*shape, 7)
    seed += spread[:, None, None] * seed_effect(*shape, 1) + 0.5 * seed_effect(backbones, 1, seeds, 1)
    margin = EASE[labels] + 0.9 * rng.normal(size=n) + 0.45 * rng.normal(size=(backbones, cells, 1, n))
    margin = margin + seed[..., labels] + 0.25 * rng.normal(size=(*shape, n))
    wrong = (labels + 1 + rng.integers(6, size=n)) % 7
    return labels, np.where(margin > 0, labels, wrong)
