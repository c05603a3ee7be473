"""The net: pixels -> the backbone's own preprocessing -> trunk -> head -> logits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from fer_bench.backbones.base import Backbone
from fer_bench.backbones.pretrained import load_trunk
from fer_bench.hashing import derive_seed
from fer_bench.study.recipe import Head, LastLayers, Phase, Recipe
from fer_bench.training.backend import Tensor, fuse_batch_norm, jit_compile

MOST_CALIBRATED = 32  # random trunks whose statistics are remembered


class VariableDropout(layers.Layer):
    """Dropout whose rate is a variable: another rate needs no new trace."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.rate = self.add_weight(
            name="rate", shape=(), dtype="float32", initializer="zeros", trainable=False, autocast=False
        )
        self.seeds = keras.random.SeedGenerator(0)
        self.built = True

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """In training, zero a share `rate` of the inputs and scale up the rest."""
        if not training:
            return inputs
        share_kept = 1 - ops.convert_to_tensor(self.rate)
        kept = keras.random.uniform(ops.shape(inputs), seed=self.seeds, dtype="float32") < share_kept
        return ops.where(kept, inputs / ops.cast(share_kept, inputs.dtype), ops.zeros_like(inputs))


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
            self.trunk = fuse_batch_norm(self.trunk, jit_compile())
            self.body = self._make_body(backbone, channels)
            self.head = self._make_head(backbone, recipe.head, classes)
        finally:
            keras.config.set_dtype_policy(policy)
        pixels = keras.Input(self.body.input_shape[1:])
        self.whole = keras.Model(pixels, self.head(self.body(pixels)), name="net")
        self.norms = [layer for layer in self.trunk.layers if isinstance(layer, layers.BatchNormalization)]
        for layer in self.norms:
            layer.momentum = recipe.batch_norm.momentum or 0.9
        self._dropout = [(x, x.rate) for x in self.trunk.layers if isinstance(x, layers.Dropout)]
        self._layer_of = {id(v): layer for layer in leaves(self.whole) for v in layer.variables}
        self._not_pretrained = {id(v) for v in self.head.variables}
        if weights is None:
            self._not_pretrained |= {id(v) for v in self.trunk.variables}
        self._calibrated: dict[int, dict[int, np.ndarray]] = {}  # by seed and id of the variable
        self._initial = [np.array(ops.convert_to_numpy(v.value)) for v in self.whole.variables]

    def _make_body(self, backbone: Backbone, channels: int) -> keras.Model:
        pixels = keras.Input((self.recipe.image_size, self.recipe.image_size, channels))
        x = layers.Concatenate()([pixels] * 3) if channels == 1 else pixels
        x = x / 255.0 if self.recipe.preprocessing == "unit_range" else backbone.preprocess(x)
        features = self.trunk(x)
        if type(backbone).convolutional_head is Backbone.convolutional_head:
            features = layers.GlobalAveragePooling2D(dtype="float32")(features)
        return keras.Model(pixels, features, name="body")

    def _make_head(self, backbone: Backbone, head: Head, classes: int) -> keras.Model:
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
    def dense_kernels(self) -> list[keras.Variable]:
        """Kernels of the head's dense layers, which L2 applies to."""
        return [layer.kernel for layer in self.head.layers if isinstance(layer, layers.Dense)]

    def set_dropout(self, rate: float) -> None:
        """Set the rate of every dropout layer of the head."""
        for layer in self.head.layers:
            if isinstance(layer, VariableDropout):
                layer.rate.assign(rate)

    def set_trainable(self, phase: Phase) -> None:
        """Make the trunk's layers that a phase trains trainable and freeze the others, their dropout too.

        So a frozen layer gives the same features in training as in prediction. Comes before a step is traced:
        rates of dropout are constants in the trace.
        """
        total = len(self.trunk.layers)
        if isinstance(phase.trainable, LastLayers):
            trained = min(phase.trainable.last, total)
        else:
            trained = total if phase.trainable == "all" else 0
        for place, layer in enumerate(self.trunk.layers):
            layer.trainable = place >= total - trained
        if self.recipe.batch_norm.mode == "frozen":
            for layer in self.norms:
                layer.trainable = False
        for layer, rate in self._dropout:
            layer.rate = rate if layer.trainable else 0.0

    def reset(self, seed: int, images: Callable[[], Tensor] | None = None) -> None:
        """Set all variables back: kernels drawn from the seed, or pretrained; seed generators begin anew.

        With `images`, which returns (B, S, S, C) float32, BatchNormalization of the trunk is calibrated on
        them: for a random trunk that stays frozen. It is called when a seed is used for the first time, and
        has to return the same images for every seed.
        """
        calibrated = self._calibrated.get(seed, {}) if images else {}
        for place, (variable, start) in enumerate(zip(self.whole.variables, self._initial, strict=True)):
            if variable.name == "seed_generator_state":
                variable.assign([derive_seed(seed, place), 0])
            elif id(variable) in calibrated:
                variable.assign(calibrated[id(variable)])
            elif id(variable) in self._not_pretrained and variable.name.endswith("kernel"):
                variable.assign(self._random_kernel(variable, derive_seed(seed, place)))
            else:
                variable.assign(start)
        if images and seed not in self._calibrated:
            if len(self._calibrated) == MOST_CALIBRATED:
                del self._calibrated[next(iter(self._calibrated))]
            self._calibrated[seed] = self._calibrate(images())
            self.reset(seed, images)

    def _random_kernel(self, kernel: keras.Variable, seed: int) -> np.ndarray:
        """Normal kernel with variance 2 / fan-in (He et al. 2015), 1 / fan-in before the softmax."""
        layer = self._layer_of[id(kernel)]
        depthwise = isinstance(layer, layers.DepthwiseConv2D)
        fan_in = np.prod(kernel.shape[:2] if depthwise else kernel.shape[:-1])
        gain = 1.0 if layer.name == "logits" else 2.0
        draws = np.random.default_rng(seed).standard_normal(kernel.shape, dtype="float32")
        draws *= np.float32(np.sqrt(gain / fan_in))
        return draws

    def _calibrate(self, images: Tensor) -> dict[int, np.ndarray]:
        """Variables of BatchNormalization, by id, that fit a random trunk to images.

        One pass in which every layer takes the statistics of its input, so that features neither vanish nor
        explode, and shifts its output by two standard deviations, so that most units stay on the linear
        side of their ReLU: the output of a deep random net with centred units hardly depends on its input.
        (Schoenholz et al., Deep Information Propagation, ICLR 2017, https://arxiv.org/abs/1611.01232)
        """
        for layer, _ in self._dropout:
            layer.rate = 0.0  # until a phase sets it
        before = [(layer.momentum, layer.trainable) for layer in self.norms]
        for layer in self.norms:
            layer.momentum, layer.trainable = 0.0, True
            layer.beta.assign(np.full(layer.beta.shape, 2.0, "float32"))
        self.body(images, training=True)
        for layer, (momentum, trainable) in zip(self.norms, before, strict=True):
            layer.momentum, layer.trainable = momentum, trainable
        variables = (variable for layer in self.norms for variable in layer.variables)
        return {id(v): np.array(ops.convert_to_numpy(v.value)) for v in variables}


def leaves(model: keras.Model) -> list[keras.Layer]:
    """Layers of a model and of the models in it."""
    return [
        leaf
        for layer in model.layers
        for leaf in (leaves(layer) if isinstance(layer, keras.Model) else [layer])
    ]
