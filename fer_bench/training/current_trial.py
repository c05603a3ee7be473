"""The training in progress, and what its phases are fed with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fer_bench.data.trial_data import TrialData
from fer_bench.hashing import derive_seed
from fer_bench.strategies.base import Strategy
from fer_bench.study.recipe import Recipe, Settings
from fer_bench.training.backend import Inputs
from fer_bench.training.mixing import draw_pairs, joined
from fer_bench.training.outcome import Stage
from fer_bench.training.step import StepVariant


@dataclass(frozen=True, eq=False)
class CurrentTrial:
    """The training in progress; `phases` are those that it goes through."""

    strategy: Strategy
    settings: Settings
    seed: int
    data: TrialData
    stage: Stage | None
    phases: range
    variant: StepVariant


def row_targets(trial: CurrentTrial, recipe: Recipe, labels: np.ndarray) -> np.ndarray:
    """Targets of rows with these labels (R,): the labels, int32, or on votes their shares, (R, K) float32.

    A row that is made, behind those of the images, has its class alone for a target: how raters would have
    voted on it isn't known.
    """
    if recipe.labels == "hard":
        return labels.astype("int32")
    assert trial.data.votes is not None
    made = np.eye(len(trial.data.classes), dtype="float32")[labels[len(trial.data.votes) :]]
    return np.concatenate([trial.data.votes, made])


def class_shares(stream: np.ndarray, targets: np.ndarray, classes: int) -> np.ndarray:
    """Share of each class, (K,) float64, in the targets, as `row_targets` has them, of a stream of rows."""
    if targets.ndim == 1:
        sums = np.bincount(targets[stream].ravel(), minlength=classes)
    else:
        sums = np.bincount(stream.ravel(), minlength=len(targets)) @ targets.astype(float)
    return sums / sums.sum()


def class_means(features: np.ndarray, labels: np.ndarray, class_counts: np.ndarray) -> np.ndarray:
    """Means (K, d) float64 of features (n, d) by class; NaN for a class without images."""
    of_class = np.eye(len(class_counts))[labels]
    with np.errstate(invalid="ignore"):
        return of_class.T @ features.astype(float) / class_counts[:, None]


def phase_inputs(
    trial: CurrentTrial,
    recipe: Recipe,
    phase: int,
    on_features: bool,
    stream: np.ndarray,
    labels: np.ndarray,
    progress: float = 0.0,
    first_epoch: int = 0,
) -> tuple[Inputs, np.ndarray]:
    """Inputs and targets of a phase that begins at `progress`, from its stream, (epochs, steps * B) rows.

    `labels` are by row. Without the epochs before the first one. Rectangles are pasted in images only: where
    a phase trains `on_features`, such mixing does nothing.
    """
    flat = stream[first_epoch:].ravel().astype("int32")
    targets = row_targets(trial, recipe, labels)
    if not trial.variant.mixing:
        return flat, targets[flat]
    soft = targets if targets.ndim == 2 else None
    counts = trial.data.class_counts
    share = recipe.phases[phase].epochs / recipe.epochs_of(trial.phases) / len(stream)
    pairs = []
    for epoch in range(first_epoch, len(stream)):
        mixing = trial.strategy.mixing(counts, progress + share * epoch)
        if mixing and mixing.box and on_features:
            mixing = None
        seed = derive_seed(trial.seed, "mixing", phase, epoch)
        pairs.append(draw_pairs(mixing, stream[epoch], labels, counts, recipe.image_size, seed, soft))
    return joined(flat, pairs)
