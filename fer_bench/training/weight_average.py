"""An exponential moving average of a net's variables, scored and kept in their place.

Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging, SIAM J. Control Optim. 30, 1992.
https://doi.org/10.1137/0330046
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops


class WeightAverage(keras.layers.Layer):
    """Averages of floating-point variables, those of BatchNormalization's statistics too.

    The step n, from 0, adds the variables as they are before its gradient is applied with the weight 1 -
    min(decay, (1 + n) / (10 + n)): so an average of few steps isn't that of what a phase began with.
    """

    def __init__(self, variables: Sequence[keras.Variable], decay: float) -> None:
        super().__init__(name="weight_average", dtype="float32")
        self.decay = decay
        self._averaged = [v for v in variables if v.dtype == "float32"]
        self.averages = [
            self.add_weight(
                name="average", shape=v.shape, initializer="zeros", trainable=False, autocast=False
            )
            for v in self._averaged
        ]
        self.steps = self.add_weight(
            name="steps", shape=(), initializer="zeros", trainable=False, autocast=False
        )
        self.built = True

    def restart(self) -> None:
        """Begin anew with the variables as they are."""
        self.steps.assign(0.0)
        for average, variable in zip(self.averages, self._averaged, strict=True):
            average.assign(_copy(variable))

    def update(self) -> None:
        """Add the variables as they are; part of a compiled step."""
        steps = ops.convert_to_tensor(self.steps)
        share = 1 - ops.minimum(self.decay, (1 + steps) / (10 + steps))
        for average, variable in zip(self.averages, self._averaged, strict=True):
            average.assign(average + share * (variable - average))
        self.steps.assign(steps + 1)

    def swap(self) -> None:
        """Exchange the averages and the variables."""
        for average, variable in zip(self.averages, self._averaged, strict=True):
            value = _copy(variable)
            variable.assign(_copy(average))
            average.assign(value)


def _copy(variable: keras.Variable) -> np.ndarray:
    """The value, which JAX must not hold in two variables: a step takes the memory of what it is given."""
    return np.array(ops.convert_to_numpy(variable.value))
