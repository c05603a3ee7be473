"""The compiled steps: models that train, or only evaluate, a part of the net on rows of a bank."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from fer_bench.study.recipe import Recipe, Settings
from fer_bench.training.backend import Tensor, jit_compile
from fer_bench.training.feature_cache import FeatureBank, FeatureCache
from fer_bench.training.loss import LossVariables, loss
from fer_bench.training.net import Net
from fer_bench.training.optimizer import make_optimizer
from fer_bench.training.pixels import PixelBank

PREDICTION_BATCH = 256  # rows per call when nothing is trained


class CompiledStep(keras.Model):
    """Indices (B,) -> rows of a bank (pixels or features) -> a part of the net -> its output.

    Never saved: only the net is. Without `terms` of a loss it can't be trained.
    """

    def __init__(
        self,
        bank: PixelBank | FeatureBank,
        part: keras.Model,
        terms: LossVariables | None = None,
        l2_kernels: Sequence[keras.Variable] = (),
    ) -> None:
        super().__init__()
        self.bank, self.part, self.terms = bank, part, terms
        self.l2_kernels = list(l2_kernels)
        self.accuracy = keras.metrics.Mean(name="accuracy")
        self.cross_entropy = keras.metrics.Mean(name="cross_entropy")
        self.traces = 0
        self.built = True
        self.compile(jit_compile=jit_compile())

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Output of the part for the bank's inputs."""
        return self.part(self.bank(inputs, training=training), training=training)

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
        self.accuracy.update_state(ops.equal(ops.argmax(y_pred, axis=-1), ops.cast(y, "int32")))
        self.cross_entropy.update_state(
            ops.sparse_categorical_crossentropy(ops.cast(y, "int32"), y_pred, from_logits=True)
        )
        penalty = sum(ops.sum(ops.square(ops.cast(kernel, "float32"))) for kernel in self.l2_kernels)
        return ops.mean(loss(y, y_pred, self.terms)) + self.terms.l2 * penalty

    def predict_rows(self, index: np.ndarray, batch: int | None = None) -> np.ndarray:
        """Output (n, ...) float32 for indices (n,), in batches of one size, the last one padded."""
        if not len(index):
            return np.zeros((0, *self.part.output_shape[1:]), "float32")
        batch = batch or min(PREDICTION_BATCH, len(index))
        padded = np.resize(index, -(-len(index) // batch) * batch)
        inputs = (self.bank.inputs(padded[i : i + batch]) for i in range(0, len(padded), batch))
        outputs = [self.predict_on_batch(each) for each in inputs]
        return np.concatenate(outputs)[: len(index)].astype("float32", copy=False)


class PhaseSteps:
    """A recipe's compiled steps by phase, each made when it is asked for first.

    A phase whose trunk is frozen, with nothing augmented, trains the head on cached features, if they fit;
    any other trains the whole net on pixels.
    """

    def __init__(
        self, recipe: Recipe, net: Net, terms: LossVariables, pixels: PixelBank, features: FeatureCache
    ) -> None:
        self._recipe, self._net, self._terms = recipe, net, terms
        self._pixels, self._features = pixels, features
        self._steps: dict[int, CompiledStep] = {}
        self._discarded_traces = 0
        self._settings: Settings | None = None

    @property
    def traces(self) -> int:
        """How many times training has been traced, in steps that are discarded by now too."""
        return self._discarded_traces + sum(step.traces for step in self._steps.values())

    def cached(self, phase: int) -> bool:
        """Whether a phase trains on cached features."""
        return self._recipe.frozen(phase) and self._features.fits()

    def __getitem__(self, phase: int) -> CompiledStep:
        if phase not in self._steps:
            self._net.set_trainable(self._recipe.phases[phase])
            bank, part = self._pixels, self._net.whole
            if self.cached(phase):
                bank, part = self._features.bank, self._net.head
            step = CompiledStep(bank, part, self._terms, self._net.dense_kernels)
            step.compile(optimizer=make_optimizer(self._recipe), jit_compile=jit_compile())
            step.optimizer.build(step.trainable_variables)
            self._steps[phase] = step
            self._reset(phase)
        return self._steps[phase]

    def reset(self, settings: Settings) -> None:
        """Set back the optimizers, to the settings' learning rate and weight decay, and the metrics."""
        self._settings = settings
        for phase in self._steps:
            self._reset(phase)

    def _reset(self, phase: int) -> None:
        assert self._settings is not None
        step, recipe = self._steps[phase], self._recipe
        own = recipe.phases[phase].learning_rate or recipe.learning_rate
        rate = own * self._settings.learning_rate / recipe.learning_rate
        step.optimizer.reset(rate, self._settings.weight_decay)
        step.reset_metrics()

    def discard_cached(self) -> None:
        """Drop the steps on cached features, whose bank has been replaced."""
        for phase in [phase for phase in self._steps if self.cached(phase)]:
            self._discarded_traces += self._steps.pop(phase).traces
