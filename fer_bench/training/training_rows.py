"""The rows that the phases of a training are on: its images and what a strategy makes of them."""

from __future__ import annotations

import numpy as np

from fer_bench.study.recipe import Recipe
from fer_bench.training.current_trial import CurrentTrial
from fer_bench.training.feature_cache import FeatureCache
from fer_bench.training.made_images import MadeImages
from fer_bench.training.sampling import PhaseSampler
from fer_bench.training.step import PhaseSteps


class TrainingRows:
    """Room for what strategies make, of images and of features, and the rows of each phase.

    Made images lie behind the real ones, in phases on pixels and in those on features of a frozen trunk;
    rows made of features are in the latter alone. With a `random_trunk` each seed has a trunk of its own.
    """

    def __init__(
        self, recipe: Recipe, features: FeatureCache, made: MadeImages, steps: PhaseSteps, random_trunk: bool
    ) -> None:
        self._recipe, self._features, self._made, self._steps = recipe, features, made, steps
        self._random_trunk = random_trunk

    def begin_trial(self, trial: CurrentTrial) -> bool:
        """Make a trial's images and select its trunk; returns whether more room was needed than before.

        Then steps that were compiled with less are discarded. Raises MemoryError where rows don't fit.
        """
        more_images = self._made.begin_trial(trial.strategy, trial.seed, trial.data)
        if more_images:
            self._steps.discard_made()
        more_features = self._recipe.frozen(trial.phases[0]) and self._begin_features(trial)
        if more_features:
            self._steps.discard_cached()
        return more_images or more_features

    def _begin_features(self, trial: CurrentTrial) -> bool:
        trunk: int | str = trial.seed if self._random_trunk else -1
        if trial.stage:
            trunk = trial.stage.key
        counts = trial.data.class_counts
        made_of_features = int(np.sum(trial.strategy.feature_counts(counts) - counts))
        return self._features.begin_trial(trunk, made_of_features + len(self._made.labels))

    def of_phase(self, sampler: PhaseSampler, trial: CurrentTrial) -> tuple[np.ndarray, np.ndarray]:
        """Rows that a phase of a trial is on, and labels by row."""
        data = trial.data
        if not self._steps.cached(sampler.phase):
            return self._made.rows_behind(data.train, data.labels)

        def resampled(features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return self._made.features_behind(*sampler.resample_features(features, labels))

        return self._features.training_rows(data.train, data.labels, resampled)
