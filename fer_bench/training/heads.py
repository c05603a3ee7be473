"""The layers that compute the logits of strategies whose head is not a plain dense layer."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers, ops

from fer_bench.strategies.base import EXPERTS
from fer_bench.training.backend import Tensor

SHORTEST = 1e-12  # squared length below which features count as zero


class CosineLogits(layers.Layer):
    """Cosines between features (B, d) and the columns of a dense layer's kernel: (B, K) in [-1, 1].

    Wang et al., NormFace, ACM Multimedia 2017, https://arxiv.org/abs/1704.06369
    """

    def __init__(self, dense: layers.Dense) -> None:
        super().__init__(name="cosine_logits", dtype="float32")
        self.dense = dense
        self.built = True

    def call(self, features: Tensor) -> Tensor:
        """Cosines (B, K) float32."""
        return ops.matmul(_normalised(features, -1), _normalised(self.dense.kernel, 0))


class ScaledLogits(layers.Layer):
    """A dense layer's logits times one learnt factor per class; the dense layer itself isn't trained."""

    def __init__(self, dense: layers.Dense) -> None:
        super().__init__(name="scaled_logits", dtype="float32")
        self.dense = dense
        self.factors = self.add_weight(name="factors", shape=(dense.units,), initializer="ones")
        self.built = True

    def call(self, features: Tensor) -> Tensor:
        """Logits (B, K) float32."""
        return self.dense(features) * self.factors

    def linear(self) -> tuple[np.ndarray, np.ndarray]:
        """Kernel (d, K) and bias (K,) of the dense layer that computes the same."""
        kernel, bias, factors = map(ops.convert_to_numpy, (self.dense.kernel, self.dense.bias, self.factors))
        return kernel * factors, bias * factors


class ExpertLogits(layers.Layer):
    """The logits of EXPERTS dense layers: each one's in training, (B, EXPERTS, K), else their mean (B, K)."""

    def __init__(self, dense: layers.Dense) -> None:
        super().__init__(name="expert_logits", dtype="float32")
        self.experts = [
            layers.Dense(dense.units, dtype="float32", name=f"expert_{e}") for e in range(EXPERTS)
        ]
        for expert in self.experts:
            expert.build((None, dense.kernel.shape[0]))
        self.built = True

    def call(self, features: Tensor, training: bool = False) -> Tensor:
        """Logits, float32."""
        logits = ops.stack([expert(features) for expert in self.experts], axis=1)
        return logits if training else ops.mean(logits, axis=1)

    def linear(self) -> tuple[np.ndarray, np.ndarray]:
        """Kernel (d, K) and bias (K,) of the dense layer that computes the mean."""
        kernels, biases = (
            [ops.convert_to_numpy(getattr(expert, name)) for expert in self.experts]
            for name in ("kernel", "bias")
        )
        return np.mean(kernels, axis=0), np.mean(biases, axis=0)


def _normalised(x: Tensor, axis: int) -> Tensor:
    """Vectors along an axis at length 1, without a division by zero or its gradient."""
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=axis, keepdims=True), SHORTEST))


LOGITS: dict[str, type[keras.layers.Layer]] = {
    "cosine": CosineLogits,
    "scaled": ScaledLogits,
    "experts": ExpertLogits,
}
"""The layer of each head that isn't a dense layer, made from that dense layer."""
