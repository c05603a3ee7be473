"""Pools in which classes have given counts or shares: what sampling strategies draw from."""

import numpy as np


def pool_of_counts(labels: np.ndarray, counts: np.ndarray, seed: int) -> np.ndarray:
    """Indices (M,) into labels (N,) among which class c comes counts[c] times, (K,) int.

    All images of a class come equally often, but for once more by some of them that the seed chooses. Every
    class with a count has an image.
    """
    random, parts = np.random.default_rng(seed), []
    for c in np.flatnonzero(counts):
        images = np.flatnonzero(labels == c)
        times, rest = divmod(int(counts[c]), len(images))
        parts += [np.repeat(images, times), random.choice(images, rest, replace=False)]
    return np.concatenate(parts)


def pool_of_shares(labels: np.ndarray, shares: np.ndarray, seed: int) -> np.ndarray:
    """About N indices into labels (N,) among which classes have these shares (K,), rounded to whole images.

    A pass through it is as long as one through the images, so what changes in the course of a training does
    so every epoch. A class with a share above 0 comes at least once.
    """
    counts = np.round(shares * len(labels)).astype(int)
    return pool_of_counts(labels, np.maximum(counts, shares > 0), seed)
