"""The one loss: weights, focusing, margins, prior shift and the like are all numbers in it.

L(z, y) = sum_c t_c w_c (1 - p_c)^gamma phi(p_c),  p = softmax(scale (z - margins_y e_y) + shift),
phi(p) = (1 - p^box_cox) / box_cox, which is - log p where box_cox is 0
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from fer_bench.strategies.base import EXPERTS
from fer_bench.training.backend import Tensor

SCALARS = ("gamma", "box_cox", "influence", "l2")
PER_CLASS = ("weights", "margins", "scale", "smoothing", "suppression")
NOTHING = -1e9  # logit of a class that is left out; finite, as all classes but the true one may be
LEAST_INFLUENCE = 1e-3  # added to an image's influence before its loss is divided by that


class LossVariables(keras.layers.Layer):
    """The terms of the loss as variables, so that another strategy needs no new trace.

    `gamma`, `box_cox`, `influence` and `l2` are scalars, `shift` is (EXPERTS, K), whose first row counts for
    a single head; the others are (K,) float32.
    """

    def __init__(self, classes: int) -> None:
        super().__init__(name="loss_terms", dtype="float32")
        self.classes = classes
        shapes: dict[str, tuple[int, ...]] = {"shift": (EXPERTS, classes)}
        shapes |= dict.fromkeys(SCALARS, ()) | dict.fromkeys(PER_CLASS, (classes,))
        for term, shape in shapes.items():
            start = "ones" if term in ("weights", "scale") else "zeros"
            variable = self.add_weight(
                name=term, shape=shape, initializer=start, trainable=False, autocast=False, dtype="float32"
            )
            # `weights` is a property of every Keras layer.
            setattr(self, "class_weights" if term == "weights" else term, variable)
        self.seeds = keras.random.SeedGenerator(0, name="loss_seeds")
        self.built = True

    def set(self, **terms: ArrayLike) -> None:
        """Set terms by name; a scalar applies to all classes. Raises ValueError for a wrong shape."""
        for name, value in terms.items():
            variable = getattr(self, "class_weights" if name == "weights" else name)
            variable.assign(np.broadcast_to(np.asarray(value, "float32"), variable.shape))


def loss(
    truth: Tensor,
    logits: Tensor,
    terms: LossVariables,
    *,
    features: Tensor = None,
    suppressed: bool = False,
) -> Tensor:
    """Loss of each image, (B,) float32.

    `truth` is (B,) int labels, or (B, K) float32 shares of labels, mixed or voted for; `logits` are (B, K)
    float32, or (B, EXPERTS, K), whose losses are averaged. `features` (B, d), that the logits are computed
    from, bring in the term `influence`; `suppressed` the term `suppression`, which draws random numbers.
    """
    if len(truth.shape) == 1:
        truth = ops.one_hot(truth, terms.classes, dtype="float32")
    left_out = _left_out(truth, terms) if suppressed else None
    if len(logits.shape) == 3:
        each = [_loss(truth, logits[:, e], terms, terms.shift[e], left_out) for e in range(EXPERTS)]
        return ops.mean(ops.stack(each), axis=0)
    losses = _loss(truth, logits, terms, terms.shift[0], left_out)
    return losses if features is None else losses * _by_influence(truth, logits, features, terms)


def _loss(truth: Tensor, logits: Tensor, terms: LossVariables, shift: Tensor, left_out: Tensor) -> Tensor:
    """Loss of each image, (B,) float32, from (B, K) shares of labels and (B, K) logits.

    The power (1-p)^gamma is computed as exp(gamma log(1-p)), with log(1-p_c) the log-sum-exp of the other
    logits minus that of all: finite, and so is its gradient, where p rounds to 1 and for gamma 0.
    """
    z = (logits - terms.margins * truth) * terms.scale + shift
    counted = z if left_out is None else ops.where(left_out, NOTHING, z)
    total = ops.logsumexp(counted, axis=-1, keepdims=True)
    others = ops.where(np.eye(terms.classes, dtype=bool), -np.inf, ops.expand_dims(counted, -2))
    log_rest = ops.logsumexp(others, axis=-1) - total
    log_p = z - total
    share = ops.sum(truth * terms.smoothing, axis=-1, keepdims=True)
    target = truth * (1 - share) + share / terms.classes
    return -ops.sum(
        target * terms.class_weights * ops.exp(terms.gamma * log_rest) * _box_cox(log_p, terms.box_cox),
        axis=-1,
    )


def _box_cox(log_p: Tensor, exponent: Tensor) -> Tensor:
    """(p^exponent - 1) / exponent, and log p for the exponent 0: Box and Cox 1964, of p by its logarithm."""
    exponent = ops.convert_to_tensor(exponent)  # JAX's `where` takes no variable
    positive = ops.where(exponent > 0, exponent, 1.0)
    return ops.where(exponent > 0, ops.expm1(positive * log_p) / positive, log_p)


def _left_out(truth: Tensor, terms: LossVariables) -> Tensor:
    """Which classes an image leaves out, (B, K) bool: never one that it is of; one draw for each image."""
    draws = keras.random.uniform((truth.shape[0], 1), seed=terms.seeds, dtype="float32")
    return ops.logical_and(draws < terms.suppression, truth == 0)


def _by_influence(truth: Tensor, logits: Tensor, features: Tensor, terms: LossVariables) -> Tensor:
    """Factors (B,) that divide each loss by its influence on the logits' kernel, scaled to mean 1."""
    error = ops.sum(ops.abs(ops.softmax(logits, axis=-1) - truth), axis=-1)
    influence = error * ops.sum(ops.abs(ops.cast(features, "float32")), axis=-1) + LEAST_INFLUENCE
    factors = ops.exp(-terms.influence * ops.log(influence))
    return ops.stop_gradient(factors / ops.mean(factors))
