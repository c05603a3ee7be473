"""Keras' optimizers with everything that differs between trials as a variable.

Keras passes an optimizer's own variables into the compiled step on every backend; a number, or a schedule
object with a variable of its own, would be a constant in the trace.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from fer_bench.study.recipe import Recipe
from fer_bench.training.backend import Tensor


class ScheduledOptimizer(keras.optimizers.Optimizer):
    """Learning rate, weight decay and length of the schedule as variables; mixed into an optimizer of Keras.

    The learning rate is constant, or falls to zero as a cosine over the steps of a phase.
    """

    def __init__(self, schedule: str, **options: float | bool) -> None:
        super().__init__(**options)
        self.schedule = schedule
        self.total_steps = keras.Variable(1.0, trainable=False, name="total", autocast=False)
        self.weight_decay = keras.Variable(0.0, trainable=False, name="weight_decay", autocast=False)

    def reset(self, learning_rate: float, weight_decay: float) -> None:
        """Forget all steps (momentum, their number), and set the learning rate and the weight decay."""
        for variable in self.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype))
        self.learning_rate = learning_rate
        self.weight_decay.assign(weight_decay)
        self.total_steps.assign(1.0)

    def set_total_steps(self, steps: int) -> None:
        """Set the number of steps over which the schedule runs."""
        self.total_steps.assign(float(steps))

    def _get_current_learning_rate(self) -> Tensor:
        if self.schedule == "constant":
            return self._learning_rate
        done = ops.minimum(ops.cast(self._iterations, "float32") / self.total_steps, 1.0)
        return self._learning_rate * 0.5 * (1 + ops.cos(np.pi * done))


class ScheduledAdam(ScheduledOptimizer, keras.optimizers.Adam):
    """Adam."""


class ScheduledSGD(ScheduledOptimizer, keras.optimizers.SGD):
    """Stochastic gradient descent."""


def make_optimizer(recipe: Recipe) -> ScheduledOptimizer:
    """The recipe's optimizer; weight decay spares biases and BatchNormalization."""
    if recipe.optimizer == "adam":
        optimizer: ScheduledOptimizer = ScheduledAdam(recipe.schedule, learning_rate=recipe.learning_rate)
    else:
        optimizer = ScheduledSGD(
            recipe.schedule, learning_rate=recipe.learning_rate, momentum=recipe.momentum, nesterov=True
        )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
