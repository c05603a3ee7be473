"""The compiled steps: models that train, or only evaluate, a part of the net on rows of a bank."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from fer_bench.strategies.base import Head, Strategy
from fer_bench.study.recipe import Recipe, Settings
from fer_bench.training.backend import Tensor, jit_compile
from fer_bench.training.feature_cache import FeatureBank, FeatureCache
from fer_bench.training.loss import LossVariables, loss
from fer_bench.training.mixing import mix
from fer_bench.training.net import Net
from fer_bench.training.optimizer import make_optimizer
from fer_bench.training.pixels import PhasePixels, PixelBank
from fer_bench.training.pixels_with_room import BankWithRoom
from fer_bench.training.views import ViewedPixels
from fer_bench.training.weight_average import WeightAverage

PREDICTION_BATCH = 256  # rows per call when nothing is trained


@dataclass(frozen=True)
class StepVariant:
    """What a strategy needs of a training step beyond the common one; each variant is compiled apart."""

    head: Head = "linear"
    suppression: bool = False
    influence: bool = False
    mixing: bool = False
    made_images: bool = False

    @classmethod
    def of(cls, strategy: Strategy, class_counts: np.ndarray) -> StepVariant:
        """The variant of a strategy, from what it asks for at the begin, in the middle and at the end."""
        stages = (0.0, 0.5, 1.0)
        terms = [strategy.loss_terms(class_counts, progress) for progress in stages]
        return cls(
            head="linear" if strategy.head == "fresh" else strategy.head,
            suppression=any(np.any(each.suppression) for each in terms),
            influence=any(each.influence for each in terms),
            mixing=any(strategy.mixing(class_counts, progress) for progress in stages),
            made_images=bool(np.any(strategy.image_counts(class_counts) != class_counts)),
        )


PLAIN = StepVariant()


class CompiledStep(keras.Model):
    """Indices (B,) -> rows of a bank (pixels or features) -> a part of the net -> its output.

    Never saved: only the net is. Without `terms` of a loss it can't be trained. With a variant that mixes,
    training takes (inputs, inputs of the partners, shares, boxes) as `training.mixing.Pairs` has them; with
    one that weighs by influence the part also returns the features behind its logits.
    """

    def __init__(
        self,
        bank: PixelBank | BankWithRoom | PhasePixels | ViewedPixels | FeatureBank,
        part: keras.Model,
        terms: LossVariables | None = None,
        l2_kernels: Sequence[keras.Variable] = (),
        variant: StepVariant = PLAIN,
        average: WeightAverage | None = None,
    ) -> None:
        super().__init__()
        self.bank, self.part, self.terms, self.variant = bank, part, terms, variant
        self.average = average
        self.l2_kernels = list(l2_kernels)
        self.accuracy = keras.metrics.Mean(name="accuracy")
        self.cross_entropy = keras.metrics.Mean(name="cross_entropy")
        self.traces = 0
        self.built = True
        self.compile(jit_compile=jit_compile())

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Output of the part for the bank's inputs."""
        if not (training and self.variant.mixing):
            return self.part(self.bank(inputs, training=training), training=training)
        first, second, share, box = inputs
        rows = mix(self.bank(first, training=True), self.bank(second, training=True), share, box)
        return self.part(rows, training=True)

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """Mean loss of a batch plus the L2 penalty; Python runs this only while the step is being traced."""
        self.traces += 1
        assert self.terms is not None
        if self.average and training:  # here, as Keras has no hook behind the optimizer on all backends
            self.average.update()
        logits, features = y_pred if self.variant.influence else (y_pred, None)
        self._measure(y, ops.mean(logits, axis=1) if len(logits.shape) == 3 else logits)
        losses = loss(y, logits, self.terms, features=features, suppressed=self.variant.suppression)
        penalty = sum(ops.sum(ops.square(ops.cast(kernel, "float32"))) for kernel in self.l2_kernels)
        return ops.mean(losses) + self.terms.l2 * penalty

    def _measure(self, y: Tensor, logits: Tensor) -> None:
        """Update the metrics; the label of images with several is the one with the largest share."""
        if len(y.shape) == 2:
            labels = ops.argmax(y, axis=-1)
            cross_entropy = ops.categorical_crossentropy(y, logits, from_logits=True)
        else:
            labels = ops.cast(y, "int32")
            cross_entropy = ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)
        self.accuracy.update_state(ops.equal(ops.argmax(logits, axis=-1), labels))
        self.cross_entropy.update_state(cross_entropy)

    def predict_rows(self, index: np.ndarray, batch: int | None = None) -> np.ndarray:
        """Output (n, ...) float32 for indices (n,), in batches of one size, the last one padded."""
        return self._predict(index, batch, output=0)

    def predict_features(self, index: np.ndarray) -> np.ndarray:
        """Features (n, d) float32 behind the logits, of a part that returns them, for indices (n,)."""
        return self._predict(index, None, output=1)

    def _predict(self, index: np.ndarray, batch: int | None, output: int) -> np.ndarray:
        if not len(index):
            return np.zeros((0, *self.part.outputs[output].shape[1:]), "float32")
        batch = batch or min(PREDICTION_BATCH, len(index))
        padded = np.resize(index, -(-len(index) // batch) * batch)
        inputs = (self.bank.inputs(padded[i : i + batch]) for i in range(0, len(padded), batch))
        outputs = [self.predict_on_batch(each) for each in inputs]
        if self.variant.influence:
            outputs = [each[output] for each in outputs]
        return np.concatenate(outputs)[: len(index)].astype("float32", copy=False)


class PhaseSteps:
    """A recipe's compiled steps by phase and variant, each made when it is asked for first.

    A phase whose trunk is frozen, with nothing augmented, trains the head on cached features, if they fit;
    any other trains the whole net on pixels; `pixels` gives the bank of a variant.
    """

    def __init__(
        self,
        recipe: Recipe,
        net: Net,
        terms: LossVariables,
        pixels: Callable[[StepVariant], PixelBank | BankWithRoom],
        features: FeatureCache,
    ) -> None:
        self._recipe, self._net, self._terms = recipe, net, terms
        self._pixels, self._features = pixels, features
        self._steps: dict[tuple[int, StepVariant], CompiledStep] = {}
        self._discarded_traces = 0
        self._settings: Settings | None = None

    @property
    def traces(self) -> int:
        """How many times training has been traced, in steps that are discarded by now too."""
        return self._discarded_traces + sum(step.traces for step in self._steps.values())

    def cached(self, phase: int) -> bool:
        """Whether a phase trains on cached features."""
        return self._recipe.frozen(phase) and self._features.fits()

    def of(self, phase: int, variant: StepVariant = PLAIN) -> CompiledStep:
        """The step of a phase in a variant."""
        key = phase, variant
        if key not in self._steps:
            net, kind, cached = self._net, variant.head, self.cached(phase)
            part = net.part(kind, of_pixels=not cached, with_features=variant.influence)
            net.set_trainable(self._recipe.phases[phase], kind)
            bank = self._features.bank if cached else self._pixels_of(phase, variant)
            step = CompiledStep(
                bank, part, self._terms, net.dense_kernels(kind), variant, self._average(kind, cached)
            )
            step.compile(optimizer=make_optimizer(self._recipe), jit_compile=jit_compile())
            step.optimizer.build(step.trainable_variables)
            self._steps[key] = step
            self._reset(key)
        return self._steps[key]

    @contextmanager
    def averaged(self, phase: int, variant: StepVariant) -> Iterator[None]:
        """Within it the net has the moving averages of a phase, if the recipe wants any."""
        average = self.of(phase, variant).average
        if not average:
            yield
            return
        average.swap()
        try:
            yield
        finally:
            average.swap()

    def averages(self, phase: int, variant: StepVariant) -> list[keras.Variable]:
        """Moving averages of a phase, and the number of their steps; none where the recipe wants none."""
        average = self.of(phase, variant).average
        return average.variables if average else []

    def _average(self, kind: Head, cached: bool) -> WeightAverage | None:
        decay = self._recipe.ema
        return WeightAverage(self._net.variables(kind, of_pixels=not cached), decay) if decay else None

    def _pixels_of(self, phase: int, variant: StepVariant) -> PixelBank | BankWithRoom | PhasePixels:
        augmentation, bank = self._recipe.augmentation_of(phase), self._pixels(variant)
        usual = augmentation == self._recipe.augmentation
        return bank if usual else PhasePixels(bank, augmentation)

    def reset(self, settings: Settings) -> None:
        """Set back the optimizers, to the settings' learning rate and weight decay, and the metrics."""
        self._settings = settings
        for key in self._steps:
            self._reset(key)

    def _reset(self, key: tuple[int, StepVariant]) -> None:
        assert self._settings is not None
        step, recipe = self._steps[key], self._recipe
        own = recipe.phases[key[0]].learning_rate or recipe.learning_rate
        rate = own * self._settings.learning_rate / recipe.learning_rate
        step.optimizer.reset(rate, self._settings.weight_decay)
        step.reset_metrics()

    def discard_cached(self) -> None:
        """Drop the steps on cached features, whose bank has been replaced."""
        self._discard([key for key in self._steps if self.cached(key[0])])

    def discard_made(self) -> None:
        """Drop the steps on pixels with made images, whose bank has been replaced."""
        self._discard([key for key in self._steps if key[1].made_images and not self.cached(key[0])])

    def _discard(self, keys: Sequence[tuple[int, StepVariant]]) -> None:
        for key in keys:
            self._discarded_traces += self._steps.pop(key).traces
