"""The net: pixels -> the backbone's own preprocessing -> trunk -> head -> logits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from fer_bench.backbones.base import Backbone
from fer_bench.backbones.pretrained import load_trunk
from fer_bench.hashing import derive_seed
from fer_bench.study.recipe import Head, Phase, Recipe
from fer_bench.training.backend import fuse_batch_norm

MOST_CALIBRATED = 32  # random trunks whose statistics are kept


class VariableDropout(layers.Layer):
    """Dropout whose rate is a variable: another rate needs no new trace."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = self.add_weight(
            name="rate", shape=(), dtype="float32", initializer="zeros", trainable=False, autocast=False
        )
        self.seeds = keras.random.SeedGenerator(0)
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """In training, zero a share `rate` of the inputs and scale up the rest."""
        if not training:
            return inputs
        keep = 1 - ops.convert_to_tensor(self.rate)
        kept = keras.random.uniform(ops.shape(inputs), seed=self.seeds, dtype="float32") < keep
        return ops.where(kept, inputs / ops.cast(keep, inputs.dtype), ops.zeros_like(inputs))


class Net:
    """A backbone's net in two parts: `body` (S, S, C) float32 -> features, `head` features -> (K,) logits.

    `whole` is both; `trunk` is the part of the body that pretrained weights are for. All share variables.
    """

    def __init__(
        self, backbone: Backbone, recipe: Recipe, channels: int, classes: int, weights: Path | None
    ) -> None:
        self.recipe = recipe
        policy = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_bfloat16" if recipe.precision == "bfloat16" else "float32")
        try:
            self.trunk = backbone.trunk(recipe.image_size)
            if weights:
                load_trunk(self.trunk, weights)
            self.trunk = fuse_batch_norm(self.trunk)
            self.body = self._body(backbone, channels)
            self.head = self._head(backbone, recipe.head, classes)
        finally:
            keras.config.set_dtype_policy(policy)
        pixels = keras.Input(self.body.input_shape[1:])
        self.whole = keras.Model(pixels, self.head(self.body(pixels)), name="net")
        self.norms = [layer for layer in self.trunk.layers if isinstance(layer, layers.BatchNormalization)]
        for layer in self.norms:
            layer.momentum = recipe.batch_norm.momentum or 0.9
        self._dropout = [(x, x.rate) for x in self.trunk.layers if isinstance(x, layers.Dropout)]
        self._kernels = {id(v): layer for layer in leaves(self.whole) for v in layer.variables}
        self._drawn = {id(v) for v in self.head.variables}
        if weights is None:
            self._drawn |= {id(v) for v in self.trunk.variables}
        self._calibrated: dict[int, dict[int, np.ndarray]] = {}  # by seed, which strategies share
        self._initial = [np.array(ops.convert_to_numpy(v.value)) for v in self.whole.variables]

    def _body(self, backbone: Backbone, channels: int) -> Any:
        pixels = keras.Input((self.recipe.image_size, self.recipe.image_size, channels))
        x = layers.Concatenate()([pixels] * 3) if channels == 1 else pixels
        x = x / 255.0 if self.recipe.preprocessing == "unit_range" else backbone.preprocess(x)
        features = self.trunk(x)
        if type(backbone).convolutional_head is Backbone.convolutional_head:
            features = layers.GlobalAveragePooling2D(dtype="float32")(features)
        return keras.Model(pixels, features, name="body")

    def _head(self, backbone: Backbone, head: Head, classes: int) -> Any:
        features = keras.Input(self.body.output_shape[1:])
        x = backbone.convolutional_head(features)
        if len(x.shape) == 4:
            x = layers.GlobalAveragePooling2D(dtype="float32")(x)
        if head.normalize:
            x = layers.BatchNormalization(momentum=0.9, dtype="float32")(x)
        for width in head.dense:
            x = VariableDropout()(layers.Dense(width, activation="relu")(x))
        if not head.dense:
            x = VariableDropout()(x)
        return keras.Model(features, layers.Dense(classes, dtype="float32", name="logits")(x), name="head")

    @property
    def dense_kernels(self) -> list[Any]:
        """Kernels of the head's dense layers, which L2 applies to."""
        return [layer.kernel for layer in self.head.layers if isinstance(layer, layers.Dense)]

    def set_dropout(self, rate: float) -> None:
        """Give every dropout layer of the head this rate."""
        for layer in self.head.layers:
            if isinstance(layer, VariableDropout):
                layer.rate.assign(rate)

    def set_trainable(self, phase: Phase) -> None:
        """Thaw the trunk's layers that a phase trains and freeze the others, dropout and all.

        What is frozen gives the same features in training as when it is read. Rates are baked into a trace.
        """
        total = len(self.trunk.layers)
        thawed = {"head": 0, "all": total}.get(str(phase.trainable))
        if thawed is None:
            thawed = min(phase.trainable.last, total)  # type: ignore[union-attr]
        for place, layer in enumerate(self.trunk.layers):
            layer.trainable = place >= total - thawed
        if self.recipe.batch_norm.mode == "frozen":
            for layer in self.norms:
                layer.trainable = False
        for layer, rate in self._dropout:
            layer.rate = rate if layer.trainable else 0.0

    def reset(self, seed: int, images: Callable[[], Any] | None = None) -> None:
        """Set all variables back: kernels drawn from the seed, or pretrained; seed generators begin anew.

        With `images`, a random trunk that stays frozen gets its BatchNormalization from them, (B, S, S, C)
        float32. They are asked for when its seed is met for the first time, and are always the same.
        """
        known = self._calibrated.get(seed, {}) if images else {}
        for place, (variable, start) in enumerate(zip(self.whole.variables, self._initial, strict=True)):
            if variable.name == "seed_generator_state":
                variable.assign([derive_seed(seed, place), 0])
            elif id(variable) in known:
                variable.assign(known[id(variable)])
            elif id(variable) in self._drawn and variable.name.endswith("kernel"):
                variable.assign(self._draw(variable, derive_seed(seed, place)))
            else:
                variable.assign(start)
        if images and seed not in self._calibrated:
            if len(self._calibrated) == MOST_CALIBRATED:
                del self._calibrated[next(iter(self._calibrated))]
            self._calibrated[seed] = self._calibrate(images())
            self.reset(seed, images)

    def _draw(self, kernel: Any, seed: int) -> np.ndarray:
        """Normal kernel with variance 2 / fan-in (He et al. 2015), 1 / fan-in before the softmax."""
        layer = self._kernels[id(kernel)]
        depthwise = isinstance(layer, layers.DepthwiseConv2D)
        fan_in = np.prod(kernel.shape[:2] if depthwise else kernel.shape[:-1])
        gain = 1.0 if layer.name == "logits" else 2.0
        draws = np.random.default_rng(seed).standard_normal(kernel.shape, dtype="float32")
        draws *= np.float32(np.sqrt(gain / fan_in))
        return draws

    def _calibrate(self, images: Any) -> dict[int, np.ndarray]:
        """Variables of BatchNormalization, by id, that fit a random trunk to images.

        One pass in which every layer takes the statistics of what reaches it, so that features neither vanish
        nor explode, and shifts it by two standard deviations, so that most units stay on the linear side of
        their ReLU: a deep random net with centred units forgets what it was shown.
        (Schoenholz et al., Deep Information Propagation, ICLR 2017, https://arxiv.org/abs/1611.01232)
        """
        for layer, _ in self._dropout:
            layer.rate = 0.0  # until a phase sets it
        kept = [(layer.momentum, layer.trainable) for layer in self.norms]
        for layer in self.norms:
            layer.momentum, layer.trainable = 0.0, True
            layer.beta.assign(np.full(layer.beta.shape, 2.0, "float32"))
        self.body(images, training=True)
        for layer, (momentum, trainable) in zip(self.norms, kept, strict=True):
            layer.momentum, layer.trainable = momentum, trainable
        variables = (variable for layer in self.norms for variable in layer.variables)
        return {id(v): np.array(ops.convert_to_numpy(v.value)) for v in variables}


def leaves(model: Any) -> list[Any]:
    """Layers of a model and of the models in it."""
    return [
        leaf
        for layer in model.layers
        for leaf in (leaves(layer) if isinstance(layer, keras.Model) else [layer])
    ]
