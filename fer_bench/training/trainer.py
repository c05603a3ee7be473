"""One compiled step per phase, for all strategies, trials and repeats of a backbone.

Tracing and compiling a step takes longer than many a trial. So whatever differs between trials is a variable,
and a trial begins with setting everything back rather than with a new model.
"""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fer_bench.backbones.base import Backbone
from fer_bench.hashing import derive_seed
from fer_bench.study.recipe import Recipe, Settings
from fer_bench.training.backend import batches, jit_compile
from fer_bench.training.feature_cache import FeatureCache, Resample
from fer_bench.training.loss import LossVariables
from fer_bench.training.net import Net
from fer_bench.training.pixels import PixelBank
from fer_bench.training.step import READ_BATCH, CompiledStep, make_optimizer

LARGEST_FEATURES = 2**31  # bytes of cached features; beyond, the frozen trunk is run at every step


class Trainer:
    """A backbone's net on a set of images: reset it, train it phase by phase, read its logits."""

    def __init__(
        self, backbone: Backbone, recipe: Recipe, pixels: np.ndarray, classes: int, weights: Path | None
    ) -> None:
        self.recipe = recipe
        self.net = Net(backbone, recipe, pixels.shape[-1], classes, weights)
        self.terms = LossVariables(classes)
        self.pixels = PixelBank(pixels, recipe.image_size, recipe.augmentation)
        self._random = weights is None
        self._body = CompiledStep(self.pixels, self.net.body)
        self._images = len(pixels)
        self._features: FeatureCache | None = None
        self._steps: dict[int, CompiledStep] = {}
        self._room = self._making = self._given_up = 0
        self.prepared = False

    @property
    def traces(self) -> int:
        """How many times a training step has been traced."""
        return self._given_up + sum(step.traces for step in self._steps.values())

    @property
    def parameters(self) -> int:
        """Parameters of the net."""
        return int(self.net.whole.count_params())

    def cached(self, phase: int) -> bool:
        """Whether a phase trains on features computed once: trunk frozen, nothing augmented, and they fit."""
        return self.recipe.frozen(phase) and self._feature_bytes(0) <= LARGEST_FEATURES

    def _feature_bytes(self, made: int) -> int:
        return (self._images + made) * 4 * int(np.prod(self.net.body.output_shape[1:]))

    def make_room(self, rows: int) -> None:
        """Have place on the device for rows of features that a trial makes; if it grows, trace anew.

        Raises MemoryError if they do not fit beside those of the images.
        """
        self._making = rows
        if rows <= self._room or not self.recipe.frozen(0):
            return
        if (size := self._feature_bytes(rows)) > LARGEST_FEATURES:
            raise MemoryError(
                f"features of {self._images:,} images and {rows:,} made rows: {size / 2**30:.1f} GiB; "
                f"at most {LARGEST_FEATURES / 2**30:.1f} fit: use fewer train_images or a smaller image_size"
            )
        self._room, self.prepared = rows, False
        if self._features:
            self._features.make_room(rows)
        for phase in [phase for phase in self._steps if self.cached(phase)]:
            self._given_up += self._steps.pop(phase).traces

    def reset(self, seed: int, settings: Settings, probe: np.ndarray) -> None:
        """Set back everything that a trial may have changed, to the given seed and settings.

        `probe`: indices of up to a few hundred training images, for the statistics of a random trunk.
        """
        fitted = self._random and self.recipe.phases[0].trainable != "all"
        self.net.reset(
            derive_seed(seed, "net"), (lambda: self.pixels(self.pixels.given(probe))) if fitted else None
        )
        self.net.set_dropout(settings.dropout)
        self.terms.set(l2=settings.l2)
        self._settings = settings
        self.strengthen(np.ones(self._images))
        self.pixels.seeds.state.assign([derive_seed(seed, "augmentation"), 0])
        self._trunk = seed if self._random else -1
        for place, step in self._steps.items():
            self._reset_optimizer(place, step, settings)

    def strengthen(self, factors: np.ndarray) -> None:
        """Augment each image by its factor (N,) on the strength of the settings."""
        strength = np.float32(self._settings.augmentation_strength)
        self.pixels.strength.assign(strength * factors.astype("float32"))

    def _reset_optimizer(self, phase: int, step: CompiledStep, settings: Settings) -> None:
        optimizer = step.optimizer
        for variable in optimizer.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype))
        own = self.recipe.phases[phase].learning_rate or self.recipe.learning_rate
        optimizer.learning_rate = own * settings.learning_rate / self.recipe.learning_rate
        optimizer.weight_decay.assign(settings.weight_decay)
        optimizer.total.assign(1.0)
        step.reset_metrics()

    def prepare(self, index: np.ndarray, labels: np.ndarray) -> None:
        """Trace everything once, on at least one image; what that changes is for `reset` to set back."""
        for phase in range(len(self.recipe.phases)):
            drawn = np.resize(index, (1, self.recipe.batch_size))
            self.hold(phase, index)
            self.fit(phase, drawn, labels, [])
            self.logits(phase, index)
        self.prepared = True

    def hold(self, phase: int, index: np.ndarray) -> None:
        """Have what a phase needs of these images on the device: features, where the trunk is frozen."""
        if self.cached(phase):
            self._step(phase)
            self._compute_features(index[index < self._images])

    def extend(
        self, phase: int, train: np.ndarray, labels: np.ndarray, resample: Resample
    ) -> tuple[np.ndarray, np.ndarray]:
        """Indices that a phase trains on and labels (N or more,) that they look up.

        Those given, unless the trial makes rows and the phase trains on cached features.
        """
        if not self._making or not self.cached(phase):
            return train, labels
        self.hold(phase, train)
        assert self._features is not None
        return self._features.extend(self._trunk, train, labels, resample, self._making)

    def fit(self, phase: int, stream: np.ndarray, labels: np.ndarray, callbacks: list[Any]) -> None:
        """Train a phase on its stream, (epochs, steps * B) indices into `labels`, in one call of `fit`."""
        self.net.set_trainable(self.recipe.phases[phase])
        step = self._step(phase)
        self.hold(phase, np.unique(stream))
        batch, flat = self.recipe.batch_size, stream.ravel().astype("int32")
        steps = stream.shape[1] // batch
        step.optimizer.total.assign(float(steps * len(stream)))
        step.fit(
            **batches(flat, labels[flat].astype("int32"), batch, step.source.streamed),
            steps_per_epoch=steps,
            epochs=len(stream),
            shuffle=False,
            verbose=0,
            callbacks=callbacks,
        )

    def logits(self, phase: int, index: np.ndarray) -> np.ndarray:
        """Logits (n, K) float32 for indices (n,), without augmentation, in the state after or in a phase."""
        if self.cached(phase):
            step = self._step(phase)
            self._compute_features(index)
            return step.read(index)
        first = next(p for p in range(len(self.recipe.phases)) if not self.cached(p))
        return self._step(min(first, phase)).read(index)

    @property
    def changing(self) -> list[Any]:
        """Variables that training may change: all of the net's, or only the head's."""
        cached = all(self.cached(phase) for phase in range(len(self.recipe.phases)))
        return list(self.net.head.variables if cached else self.net.whole.variables)

    def _step(self, phase: int) -> CompiledStep:
        if phase not in self._steps:
            self.net.set_trainable(self.recipe.phases[phase])
            source, part = self.pixels, self.net.whole
            if self.cached(phase):
                if self._features is None:
                    shape = self.net.body.output_shape[1:]
                    self._features = FeatureCache(self._images, shape, LARGEST_FEATURES, self._room)
                source, part = self._features.source, self.net.head
            step = CompiledStep(source, part, self.terms, self.net.dense_kernels)
            step.compile(optimizer=make_optimizer(self.recipe), jit_compile=jit_compile())
            step.optimizer.build(step.trainable_variables)
            self._steps[phase] = step
            self._reset_optimizer(phase, step, self._settings)
        return self._steps[phase]

    def _compute_features(self, index: np.ndarray) -> None:
        """Have the features of these images at hand, computed where they aren't known yet."""
        assert self._features is not None
        # Always one size of batch: the last bits of a row may depend on it, and so on what is known already.
        batch = min(READ_BATCH, self._images)
        self._features.ensure(self._trunk, index, lambda missing: self._body.read(missing, batch))


def forget() -> None:
    """Give back what Keras holds of nets that are no longer used."""
    keras.backend.clear_session()
    gc.collect()
