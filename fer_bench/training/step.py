"""The compiled training step of a phase, and its optimizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from fer_bench.study.recipe import Recipe
from fer_bench.training.backend import jit_compile
from fer_bench.training.loss import LossVariables, loss

READ_BATCH = 256  # images per call when nothing is trained


class CompiledStep(keras.Model):
    """What a source wants for indices (B,) -> what it holds at them -> a part of the net -> its output.

    Held to be trained or read, never saved: only the net is.
    """

    def __init__(
        self, source: Any, part: Any, terms: LossVariables | None = None, l2_on: Sequence[Any] = ()
    ) -> None:
        super().__init__()
        self.source, self.part, self.terms = source, part, terms
        self.l2_on = list(l2_on)
        self.hits = keras.metrics.Mean(name="accuracy")
        self.plain = keras.metrics.Mean(name="cross_entropy")
        self.traces = 0
        self.built = True
        self.compile(jit_compile=jit_compile())

    def call(self, given: Any, training: bool = False) -> Any:
        """Output of the part."""
        return self.part(self.source(given, training=training), training=training)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Mean loss of a batch; Python runs this only while it is being traced."""
        self.traces += 1
        assert self.terms is not None
        self.hits.update_state(ops.equal(ops.argmax(y_pred, axis=-1), ops.cast(y, "int32")))
        self.plain.update_state(
            ops.sparse_categorical_crossentropy(ops.cast(y, "int32"), y_pred, from_logits=True)
        )
        penalty = sum(ops.sum(ops.square(ops.cast(kernel, "float32"))) for kernel in self.l2_on)
        return ops.mean(loss(y, y_pred, self.terms)) + self.terms.l2 * penalty

    def read(self, index: np.ndarray, batch: int | None = None) -> np.ndarray:
        """Output (n, ...) float32 for indices (n,), in batches of one size, the last one padded."""
        if not len(index):
            return np.zeros((0, *self.part.output_shape[1:]), "float32")
        batch = batch or min(READ_BATCH, len(index))
        padded = np.resize(index, -(-len(index) // batch) * batch)
        given = (self.source.given(padded[i : i + batch]) for i in range(0, len(padded), batch))
        parts = [self.predict_on_batch(part) for part in given]
        return np.concatenate(parts)[: len(index)].astype("float32", copy=False)


def make_optimizer(recipe: Recipe) -> Any:
    """Optimizer whose learning rate, weight decay and schedule are variables.

    Keras maps an optimizer's own variables into the compiled step on every backend; a schedule object with
    a variable of its own would be a constant on JAX.
    """
    base: Any = keras.optimizers.Adam if recipe.optimizer == "adam" else keras.optimizers.SGD
    options = {} if recipe.optimizer == "adam" else {"momentum": recipe.momentum, "nesterov": True}

    class Scheduled(base):
        """Learning rate constant, or falling to zero as a cosine over `total` steps."""

        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.total = keras.Variable(1.0, trainable=False, name="total", autocast=False)
            self.weight_decay = keras.Variable(0.0, trainable=False, name="weight_decay", autocast=False)

        def _get_current_learning_rate(self) -> Any:
            if recipe.schedule == "constant":
                return self._learning_rate
            done = ops.minimum(ops.cast(self._iterations, "float32") / self.total, 1.0)
            return self._learning_rate * 0.5 * (1 + ops.cos(np.pi * done))

    optimizer = Scheduled(learning_rate=recipe.learning_rate, **options)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
