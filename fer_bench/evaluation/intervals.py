"""Intervals and tests of scores and gains that know the noise of test images and that of seeds.

A score of S repeats differs from what it would be over all images and seeds by three parts: images that
happen to suit the cell (common to its seeds), seeds, and what is both. The first and the third follow from
the influence of each image. The second shows in the differences between seeds alone, and from two to five
of them badly. So it is counted in units of the third: how many times more do seeds differ than these images
explain? That ratio is much the same for all cells of a board, and what they show together (`Prior`) is worth
PRIOR_DF further degrees of freedom beside the cell's own S - 1 (moderation; Smyth 2004,
doi:10.2202/1544-6115.1027). Image noise is normal with a known variance, seed noise has one that is known up
to these degrees of freedom: intervals are those of the mixture (Behrens and Fisher), which doesn't mistake
two seeds that happen to agree for seeds without noise. How often they are wrong was simulated:
`python tests/support/interval_errors.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

import numpy as np
from scipy.stats import chi2, norm

PRIOR_DF = 4.0
# Shares of the chi-square distribution that one node stands for: narrow where the variance gets large.
_EDGES = np.concatenate([[0, 1e-5, 1e-4, 5e-4, 2e-3], np.linspace(5e-3, 1, 100)])


class Prior(NamedTuple):
    """How many times more than images explain the seeds of a board differ, and how well that is known."""

    ratio: float = 1.0
    df: float = 0.0


class Effect(NamedTuple):
    """A score or a difference of two, with what its noise consists of.

    images: its variance over images for these seeds. unit: variance of the mean that seeds would have if
    images alone made them differ. ratio: how many times that it is, from `df` degrees of freedom.
    """

    value: float
    images: float
    unit: float
    ratio: float
    df: float


def mean_and_sd(values: Sequence[float]) -> tuple[float, float]:
    """Mean and sample standard deviation of a score over repeats; NaN where they are too few."""
    mean = fmean(values) if values else np.nan
    return mean, float(np.std(values, ddof=1)) if len(values) > 1 else np.nan


def effect(scores: np.ndarray, influence: np.ndarray, prior: Prior) -> Effect:
    """Mean of S scores (S,) with influence (S, G); of a difference, the differences seed by seed."""
    seeds = len(scores)
    if seeds < 2:
        return Effect(float(np.mean(scores)), np.nan, np.nan, np.nan, np.nan)
    mean = influence.mean(axis=0)
    explained = float(np.square(influence - mean).sum()) / (seeds - 1)
    own = float(np.var(scores, ddof=1)) / explained if explained else 1.0
    borrowed = max(0.0, min(PRIOR_DF, prior.df - (seeds - 1)))
    df = borrowed + seeds - 1
    ratio = (borrowed * prior.ratio + (seeds - 1) * own) / df
    return Effect(float(np.mean(scores)), float(np.square(mean).sum()), explained / seeds, ratio, df)


def effect_of_images(scores: np.ndarray, influence: np.ndarray) -> Effect:
    """Mean of S scores (S,) with influence (S, G) of these very nets: images are all that may be others."""
    images = float(np.square(influence.mean(axis=0)).sum())
    return Effect(float(np.mean(scores)), images, unit=0.0, ratio=1.0, df=1.0)


def gain_prior(backbones: Sequence[tuple[np.ndarray, np.ndarray]]) -> Prior:
    """What cells of the same backbones show of differences between them.

    For each backbone scores (C, S) and influence (C, S, G) of its C cells in S common slots. What a seed does
    to all cells of a backbone alike cancels in their differences.
    """
    scores = explained = df = 0.0
    for values, influence in backbones:
        cells, seeds = values.shape
        if cells > 1 and seeds > 1:
            scores += _interaction(values[..., None])
            explained += _interaction(influence)
            df += (cells - 1) * (seeds - 1)
    return Prior(scores / explained, df) if explained else Prior()


def cell_prior(backbones: Sequence[tuple[np.ndarray, np.ndarray]]) -> Prior:
    """What cells show of the noise of a cell itself, shapes as for `gain_prior`.

    Cells of a backbone share what a seed does to all of them: then they are worth fewer degrees of freedom,
    down to those of one cell (Satterthwaite's approximation).
    """
    scores = explained = uncertain = 0.0
    for values, influence in backbones:
        cells, seeds = values.shape
        if seeds > 1:
            apart = _interaction(values[..., None])
            whole = float(np.square(values - values.mean(axis=1, keepdims=True)).sum())
            scores += whole
            explained += float(np.square(influence).sum()) - seeds * float(
                np.square(influence.mean(axis=1)).sum()
            )
            uncertain += (whole - apart) ** 2 / (seeds - 1)
            uncertain += apart**2 / ((cells - 1) * (seeds - 1)) if cells > 1 else 0.0
    return Prior(scores / explained, scores**2 / uncertain) if explained and uncertain else Prior()


def _interaction(values: np.ndarray) -> float:
    """Sum of squares of (C, S, G) that neither the cell nor the seed explains."""
    cells, seeds = values.shape[:2]
    return float(
        np.square(values).sum()
        - seeds * np.square(values.mean(axis=1)).sum()
        - cells * np.square(values.mean(axis=0)).sum()
        + cells * seeds * np.square(values.mean(axis=(0, 1))).sum()
    )


def intervals(effects: Sequence[Effect], level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the interval of each effect, (P,) each; NaN where there is one seed only."""
    value, *noise = np.array(effects, float).reshape(-1, 5).T
    weights, deviations = _mixture(*noise)
    low, high = np.zeros_like(value), 1e3 * deviations.max(axis=0, initial=0)
    for _ in range(60):
        half = (low + high) / 2
        outside = _beyond(half, weights, deviations) > 1 - level
        low, high = np.where(outside, half, low), np.where(outside, high, half)
    return value - high, value + high


def p_values(effects: Sequence[Effect]) -> np.ndarray:
    """Two-sided probability (P,) of a value at least as far from 0 where nothing is; NaN with one seed."""
    value, *noise = np.array(effects, float).reshape(-1, 5).T
    return _beyond(np.abs(value), *_mixture(*noise))


def _mixture(
    images: np.ndarray, unit: np.ndarray, ratio: np.ndarray, df: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (M, 1) and standard deviations (M, P) of the normal distributions that an effect's noise mixes.

    Seeds never differ by less than images explain: a ratio below 1 is chance.
    """
    middle = (_EDGES[1:] + _EDGES[:-1])[:, None] / 2
    factor = chi2.ppf(middle, df) / df
    return np.diff(_EDGES)[:, None], np.sqrt(images + (np.maximum(ratio / factor, 1) - 1) * unit)


def seed_variance(found: Effect, luck: np.ndarray) -> np.ndarray:
    """Variance by seeds beyond what images explain, as it may be: (D,) at quantiles `luck` (D,) in (0, 1)."""
    grid = np.linspace(0.0005, 0.9995, 1000)
    factor = np.interp(luck, grid, chi2.ppf(grid, found.df) / found.df)
    return (np.maximum(found.ratio / factor, 1) - 1) * found.unit


def _beyond(distance: np.ndarray, weights: np.ndarray, deviations: np.ndarray) -> np.ndarray:
    """Probability (P,) to be further than `distance` (P,) from the middle; 1 at no distance."""
    with np.errstate(divide="ignore", invalid="ignore"):
        away = np.where(distance == 0, 0.0, distance / deviations)
    return (weights * 2 * norm.sf(away)).sum(axis=0) + 0 * deviations.sum(axis=0)


def holm(p: np.ndarray) -> np.ndarray:
    """P values (P,) adjusted for their number: any of them at or below a level is false at most that often.

    NaN stays, and isn't counted. Source: Holm 1979, Scandinavian Journal of Statistics 6, 65.
    """
    adjusted = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    adjusted[order] = np.minimum(np.maximum.accumulate(np.arange(len(order), 0, -1) * p[order]), 1)
    return adjusted
