"""The one loss: cross-entropy, class weights, focusing, margins and prior shift are all numbers in it.

L(z, y) = - sum_c t_c w_c (1 - p_c)^gamma log p_c,  p = softmax(scale (z - margins_y e_y) + shift)
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from fer_bench.training.backend import Tensor

TERMS = ("weights", "gamma", "margins", "scale", "shift", "smoothing")


class LossVariables(keras.layers.Layer):
    """The terms of the loss as variables, so that another strategy needs no new trace.

    `weights`, `margins`, `shift` and `smoothing` are (K,) float32; `gamma`, `scale` and `l2` are scalars.
    """

    def __init__(self, classes: int) -> None:
        super().__init__(name="loss_terms", dtype="float32")
        self.classes = classes
        for term in (*TERMS, "l2"):
            shape = () if term in ("gamma", "scale", "l2") else (classes,)
            start = "ones" if term in ("weights", "scale") else "zeros"
            variable = self.add_weight(
                name=term, shape=shape, initializer=start, trainable=False, autocast=False, dtype="float32"
            )
            # `weights` is a property of every Keras layer.
            setattr(self, "class_weights" if term == "weights" else term, variable)
        self.built = True

    def set(self, **terms: ArrayLike) -> None:
        """Set terms by name; a scalar applies to all classes. Raises ValueError for a wrong shape."""
        for name, value in terms.items():
            variable = getattr(self, "class_weights" if name == "weights" else name)
            variable.assign(np.broadcast_to(np.asarray(value, "float32"), variable.shape))


def loss(labels: Tensor, logits: Tensor, terms: LossVariables) -> Tensor:
    """Loss of each image, (B,) float32, from labels (B,) int and logits (B, K) float32.

    The power (1-p)^gamma is computed as exp(gamma log(1-p)), with log(1-p_c) the log-sum-exp of the other
    logits minus that of all: finite, and so is its gradient, where p rounds to 1 and for gamma 0.
    """
    truth = ops.one_hot(labels, terms.classes, dtype="float32")
    z = (logits - terms.margins * truth) * terms.scale + terms.shift
    total = ops.logsumexp(z, axis=-1, keepdims=True)
    others = ops.where(np.eye(terms.classes, dtype=bool), -np.inf, ops.expand_dims(z, -2))
    log_rest = ops.logsumexp(others, axis=-1) - total
    share = ops.sum(truth * terms.smoothing, axis=-1, keepdims=True)
    target = truth * (1 - share) + share / terms.classes
    return -ops.sum(target * terms.class_weights * ops.exp(terms.gamma * log_rest) * (z - total), axis=-1)
