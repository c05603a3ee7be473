"""A backbone's net, trained trial after trial without being built or traced again.

Tracing and compiling a step takes longer than many a trial. So whatever differs between trials is a variable,
and a trial begins with setting everything back rather than with a new model.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import keras
import numpy as np

from fer_bench.backbones.base import Backbone
from fer_bench.data.trial_data import LARGEST_BANK, TrialData
from fer_bench.hashing import derive_seed
from fer_bench.strategies.base import Strategy, normalised_weights, overrides
from fer_bench.study.recipe import Recipe, Settings
from fer_bench.training.backend import batches
from fer_bench.training.current_trial import (
    CurrentTrial,
    class_means,
    class_shares,
    phase_inputs,
    row_targets,
)
from fer_bench.training.feature_cache import LARGEST_FEATURES, FeatureCache
from fer_bench.training.loss import LossVariables
from fer_bench.training.made_images import MadeImages
from fer_bench.training.net import Net
from fer_bench.training.outcome import Stage
from fer_bench.training.pixels import PixelBank
from fer_bench.training.pixels_with_room import BankWithRoom
from fer_bench.training.sampling import PhaseSampler
from fer_bench.training.stages import Stages
from fer_bench.training.step import PLAIN, PREDICTION_BATCH, CompiledStep, PhaseSteps, StepVariant
from fer_bench.training.training_rows import TrainingRows
from fer_bench.training.viewed_logits import ViewedLogits

PROBE = 128  # training images from which a random trunk's statistics are computed


class Trainer:
    """Trains a backbone's net on one set of images: `begin_trial`, then `train_phase` for each phase.

    `pixels` (N, H, W, C) uint8 are those of every trial's data. `weights` is the file of the trunk's
    pretrained weights; None makes a trunk with random ones. A phase whose trunk is frozen, with nothing
    augmented, trains on cached features if they are at most `largest_features` bytes, else the trunk is run
    at every step. Pixels of more than `largest_bank` bytes are sent to the device batch by batch.
    """

    def __init__(
        self,
        backbone: Backbone,
        recipe: Recipe,
        pixels: np.ndarray,
        classes: int,
        weights: Path | None,
        *,
        largest_features: int = LARGEST_FEATURES,
        largest_bank: int = LARGEST_BANK,
    ) -> None:
        self.recipe = recipe
        self.net = Net(backbone, recipe, pixels.shape[-1], classes, weights)
        self.terms = LossVariables(classes)
        self.pixel_bank = PixelBank(pixels, recipe.image_size, recipe.augmentation, largest_bank)
        self.made = MadeImages(self.pixel_bank, self.net.body)
        self._random_trunk = weights is None
        # Always one size of batch, on which the last bits of an image's features may depend.
        features_of = partial(
            CompiledStep(self.pixel_bank, self.net.body).predict_rows,
            batch=min(PREDICTION_BATCH, len(pixels)),
        )
        self._features = FeatureCache(
            len(pixels), self.net.body.output_shape[1:], features_of, largest_features
        )
        self._steps = PhaseSteps(recipe, self.net, self.terms, self._bank_of, self._features)
        self._rows = TrainingRows(recipe, self._features, self.made, self._steps, self._random_trunk)
        self._traced: set[tuple[int, StepVariant]] = set()  # first phase, and variant
        self.stages = Stages(self.net)
        self._viewed = ViewedLogits(self.net, self.pixel_bank, recipe, largest_features)
        self._settled = False  # whether the head is the dense layer that a trained head of another kind made
        self._current: CurrentTrial | None = None
        self._class_shares = np.full(classes, 1 / classes)  # in the stream of the phase in progress

    @property
    def traces(self) -> int:
        """How many times a training step has been traced."""
        return self._steps.traces

    def cached(self, phase: int) -> bool:
        """Whether a phase trains on cached features: trunk frozen, nothing augmented, and they fit."""
        return self._steps.cached(phase)

    @property
    def phases(self) -> range:
        """The phases that the training in progress goes through."""
        return self._trial.phases

    def begin_trial(
        self,
        strategy: Strategy,
        settings: Settings,
        seed: int,
        data: TrialData,
        stage: Stage | None = None,
    ) -> None:
        """Set everything back, to a seed and settings, and provide what the strategy needs.

        That is the strength of augmentation of each class, images that are made, and room for these and for
        rows made of features. Of a recipe with shared phases it is a training of these, or with their
        `stage` one of the others. The first trial of a kind, and one that needs more room than those before,
        traces its phases. Raises MemoryError if what is made doesn't fit.
        """
        recipe = self.recipe
        phases = recipe.own_phases if stage or not recipe.shared_phases else range(recipe.shared_phases)
        variant = StepVariant.of(strategy, data.class_counts)
        self._current = CurrentTrial(strategy, settings, seed, data, stage, phases, variant)
        if self._rows.begin_trial(self._current):
            self._traced.clear()
        evenly_spaced = np.linspace(0, len(data.train) - 1, min(PROBE, len(data.train)))
        probe = data.train[evenly_spaced.astype(int)]
        self._reset(probe)
        if (phases.start, variant) not in self._traced:
            self._trace(probe)
            self._reset(probe)

    def train_phase(
        self,
        phase: int,
        progress: float = 0.0,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        first_epoch: int = 0,
    ) -> None:
        """Train a phase of the trial in one call of Keras' `fit`, on the rows that the strategy samples.

        `progress` in [0, 1] is the share of the training done before the phase. With a `first_epoch` those
        before it are left out: a callback has to bring in what they came to when training begins. The net is
        left as it is after the last epoch.
        """
        trial = self._trial
        if self.recipe.phases[phase].reset_head or (
            trial.strategy.head == "fresh" and phase == trial.phases[0]
        ):
            self.net.reset_head(derive_seed(trial.seed, "head", phase))
        sampler = PhaseSampler(
            strategy=trial.strategy, recipe=self.recipe, phase=phase, seed=trial.seed, progress=progress
        )
        rows, labels = self._rows.of_phase(sampler, trial)
        stream = rows[sampler.stream(labels[rows], len(trial.data.train))]
        targets = row_targets(trial, self.recipe, labels)
        self._class_shares = class_shares(stream, targets, len(self._class_shares))
        if self.cached(phase):  # now, so that it is not counted as training or evaluation
            self._features.load(np.concatenate([np.unique(stream), trial.data.val]))
        self._fit(phase, stream, labels, progress, callbacks, first_epoch)

    def finish_head(self) -> bool:
        """Let the strategy adjust the head of the trained net; returns whether its logits are others now.

        A head that only scales its logits, or of experts, becomes the dense layer that computes the same.
        """
        trial, kind = self._trial, self._trial.variant.head
        self.net.settle(kind)
        self._settled = kind in ("scaled", "experts")
        if not overrides(type(trial.strategy), "adjust_head"):
            return self._settled
        self._settled = True
        counts = trial.data.class_counts
        self.net.set_classifier(*trial.strategy.adjust_head(*self.net.classifier, counts, self._class_means))
        return True

    def _class_means(self) -> np.ndarray:
        """Means (K, d) over the training images of what the logits are computed from, by class."""
        data, last = self._trial.data, self._trial.phases[-1]
        step = self._steps.of(last, StepVariant(influence=True))
        if self.cached(last):
            self._features.load(data.train)
        return class_means(step.predict_features(data.train), data.labels[data.train], data.class_counts)

    def set_loss(self, progress: float) -> None:
        """Set the loss to the strategy's terms at this progress, or the settings' smoothing if it has none.

        Class weights have mean 1 over the smoothed targets of the rows that the phase in progress samples.
        """
        trial = self._trial
        terms = trial.strategy.loss_terms(trial.data.class_counts, progress)
        smoothing = trial.settings.label_smoothing if terms.smoothing is None else terms.smoothing
        weights = normalised_weights(terms, self._class_shares, np.asarray(smoothing, float))
        self.terms.set(**{**vars(terms), "smoothing": smoothing, "weights": weights})

    def logits(self, phase: int, index: np.ndarray) -> np.ndarray:
        """Logits (n, K) float32 of images (n,), without augmentation; the net is in or after this phase."""
        variant = PLAIN if self._settled else self._trial.variant
        if self.cached(phase):
            self._features.load(index)
            return self._steps.of(phase, variant).predict_rows(index)
        # All phases on pixels predict alike, so the first, traced already, does it for all.
        first = next(p for p in self.phases if not self.cached(p))
        return self._steps.of(first, variant).predict_rows(index)

    def final_logits(self, phase: int, index: np.ndarray) -> np.ndarray:
        """Logits (n, K) float32 of images (n,) by the trained net, over the recipe's test views if any."""
        if not self.recipe.test_views:
            return self.logits(phase, index)
        kind = (PLAIN if self._settled else self._trial.variant).head
        if self.cached(phase):
            return self._viewed.of_features(kind, index, self._features.trunk)
        return self._viewed.of_pixels(kind, index)

    def averaged(self, phase: int) -> AbstractContextManager[None]:
        """Within it the net has the moving averages of the phase in progress, if the recipe wants any."""
        return self._steps.averaged(phase, self._trial.variant)

    def state(self) -> list[np.ndarray]:
        """Copies of the variables that training changes: the net's, or the head's if all are cached."""
        return [np.array(keras.ops.convert_to_numpy(v.value)) for v in self._changing]

    def restore(self, state: list[np.ndarray]) -> None:
        """Set the net back to a `state`."""
        for variable, value in zip(self._changing, state, strict=True):
            variable.assign(value)

    def variables(self, phase: int) -> list[keras.Variable]:
        """All that a phase changes but its optimizer's: those of `state`, averages, and seeds of draws."""
        averages = self._steps.averages(phase, self._trial.variant)
        return [*self._changing, *averages, self.pixel_bank.seeds.state, self.terms.seeds.state]

    @property
    def _changing(self) -> list[keras.Variable]:
        cached = all(self.cached(phase) for phase in self.phases)
        return self.net.variables(self._trial.variant.head, of_pixels=not cached)

    @property
    def _trial(self) -> CurrentTrial:
        if self._current is None:
            raise RuntimeError("begin_trial comes first")
        return self._current

    def _bank_of(self, variant: StepVariant) -> PixelBank | BankWithRoom:
        """The images that a variant of a step is on."""
        return self.made.bank if variant.made_images else self.pixel_bank

    def _reset(self, probe: np.ndarray) -> None:
        """Set back all that a trial changes; a random trunk that begins frozen is calibrated on `probe`."""
        trial = self._trial
        self._settled = False
        calibrated = self._random_trunk and self.recipe.phases[0].trainable != "all" and not trial.stage
        images = (lambda: self.pixel_bank(self.pixel_bank.inputs(probe))) if calibrated else None
        self.net.reset(derive_seed(trial.seed, "net"), images, trial.stage.state if trial.stage else None)
        self.net.set_dropout(trial.settings.dropout)
        self.terms.set(l2=trial.settings.l2)
        self.terms.seeds.state.assign([derive_seed(trial.seed, "loss"), 0])
        factors = trial.strategy.augment_strength(trial.data.class_counts)
        strength = np.float32(trial.settings.augmentation_strength) * factors.astype("float32")
        self.pixel_bank.reset(derive_seed(trial.seed, "augmentation"), strength[trial.data.labels])
        self.made.set_strength(strength)
        self._steps.reset(trial.settings)

    def _trace(self, index: np.ndarray) -> None:
        """Trace training and prediction of every phase; what that changes is for `_reset` to set back."""
        stream = np.resize(index, (1, self.recipe.batch_size))
        for phase in self.phases:
            if self.cached(phase):
                self._features.load(index)
            self._fit(phase, stream, self._trial.data.labels)
            self.logits(phase, index)
        self._traced.add((self.phases.start, self._trial.variant))

    def _fit(
        self,
        phase: int,
        stream: np.ndarray,
        labels: np.ndarray,
        progress: float = 0.0,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        first_epoch: int = 0,
    ) -> None:
        """Train a phase on a stream, (epochs, steps * B) indices of rows and into `labels`."""
        variant, batch = self._trial.variant, self.recipe.batch_size
        self.net.set_trainable(self.recipe.phases[phase], variant.head)
        step = self._steps.of(phase, variant)
        steps = stream.shape[1] // batch
        step.optimizer.set_total_steps(steps * len(stream))
        if step.average:
            step.average.restart()
        inputs, targets = phase_inputs(
            self._trial, self.recipe, phase, self.cached(phase), stream, labels, progress, first_epoch
        )
        step.fit(
            **batches(inputs, targets, batch, step.bank.host_pixels),
            steps_per_epoch=steps,
            epochs=len(stream),
            initial_epoch=first_epoch,
            shuffle=False,
            verbose=0,
            callbacks=list(callbacks),
        )
