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
    if not trial.variant.mixing:
        return flat, labels[flat].astype("int32")
    counts = trial.data.class_counts
    share = recipe.phases[phase].epochs / recipe.epochs_of(trial.phases) / len(stream)
    pairs = []
    for epoch in range(first_epoch, len(stream)):
        mixing = trial.strategy.mixing(counts, progress + share * epoch)
        if mixing and mixing.box and on_features:
            mixing = None
        seed = derive_seed(trial.seed, "mixing", phase, epoch)
        pairs.append(draw_pairs(mixing, stream[epoch], labels, counts, recipe.image_size, seed))
    return joined(flat, pairs)
