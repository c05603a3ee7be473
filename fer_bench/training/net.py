"""The net: pixels -> the backbone's own preprocessing -> trunk -> head -> logits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from fer_bench.backbones.base import Backbone
from fer_bench.backbones.pretrained import load_trunk
from fer_bench.hashing import derive_seed
from fer_bench.strategies.base import Head as HeadKind
from fer_bench.study.recipe import Head, LastLayers, Phase, Recipe
from fer_bench.training.attention import ATTENTION
from fer_bench.training.backend import Tensor, fuse_batch_norm, jit_compile
from fer_bench.training.heads import LOGITS, CosineLogits, ExpertLogits, ScaledLogits

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
    The head ends in a dense layer; `part` gives a part of the net with another kind of head.
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
                load_trunk(backbone, self.trunk, weights)
            self.trunk = fuse_batch_norm(self.trunk, jit_compile())
            self.body = self._make_body(backbone, channels)
            self.head = self._make_head(backbone, recipe.head, classes)
        finally:
            keras.config.set_dtype_policy(policy)
        pixels = keras.Input(self.body.input_shape[1:])
        self.whole = keras.Model(pixels, self.head(self.body(pixels)), name="net")
        self._logits = self.head.layers[-1]
        self._other_logits: dict[HeadKind, CosineLogits | ScaledLogits | ExpertLogits] = {}
        self._classifier = keras.Model(self.head.input, self._logits.input, name="classifier")
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
        has_map = type(backbone).convolutional_head is not Backbone.convolutional_head
        if not (has_map or self.recipe.head.attention):
            features = layers.GlobalAveragePooling2D(dtype="float32")(features)
        return keras.Model(pixels, features, name="body")

    def _make_head(self, backbone: Backbone, head: Head, classes: int) -> keras.Model:
        features = keras.Input(self.body.output_shape[1:])
        x = backbone.convolutional_head(features)
        if head.attention:
            x = ATTENTION[head.attention](x)
        if len(x.shape) == 4:
            x = layers.GlobalAveragePooling2D(dtype="float32")(x)
        if head.normalize:
            x = layers.BatchNormalization(momentum=0.9, dtype="float32")(x)
        for width in head.dense:
            x = VariableDropout()(layers.Dense(width, activation="relu")(x))
        if not head.dense:
            x = VariableDropout()(x)
        return keras.Model(features, layers.Dense(classes, dtype="float32", name="logits")(x), name="head")

    def part(self, kind: HeadKind, of_pixels: bool, with_features: bool = False) -> keras.Model:
        """The whole net, `of_pixels`, or its head, with this kind of head.

        Output: logits, and `with_features` also the features (B, d) that they are computed from.
        """
        if kind in ("linear", "fresh") and not with_features:
            return self.whole if of_pixels else self.head
        start = self.body if of_pixels else self.head
        inputs = keras.Input(start.input_shape[1:])
        features = self._classifier(self.body(inputs) if of_pixels else inputs)
        logits = self._logits_of(kind)(features)
        return keras.Model(inputs, [logits, features] if with_features else logits)

    @property
    def features(self) -> keras.Model:
        """The net up to what its logits are computed from: pixels (B, S, S, C) -> features (B, d)."""
        pixels = keras.Input(self.body.input_shape[1:])
        return keras.Model(pixels, self._classifier(self.body(pixels)), name="features")

    def _logits_of(self, kind: HeadKind) -> keras.Layer:
        if kind in ("linear", "fresh"):
            return self._logits
        if kind not in self._other_logits:
            self._other_logits[kind] = LOGITS[kind](self._logits)
        return self._other_logits[kind]

    def variables(self, kind: HeadKind, of_pixels: bool) -> list[keras.Variable]:
        """Variables of the whole net, or of its head, with those that this kind of head has of its own."""
        own = self._own_variables(kind) if kind in self._other_logits else []
        return [*(self.whole if of_pixels else self.head).variables, *own]

    def _own_variables(self, kind: HeadKind) -> list[keras.Variable]:
        dense = {id(v) for v in self._logits.variables}
        return [v for v in self._other_logits[kind].variables if id(v) not in dense]

    def dense_kernels(self, kind: HeadKind = "linear") -> list[keras.Variable]:
        """Kernels of the head's dense layers, which L2 applies to."""
        hidden = [layer.kernel for layer in self.head.layers if isinstance(layer, layers.Dense)]
        if kind != "experts":
            return hidden
        experts = self._logits_of(kind).experts
        return [*hidden[:-1], *(expert.kernel for expert in experts)]

    def settle(self, kind: HeadKind) -> None:
        """Write a trained head of scaled logits or of experts into the dense layer that computes the same."""
        if kind in ("scaled", "experts"):
            self.set_classifier(*self._other_logits[kind].linear())

    @property
    def classifier(self) -> tuple[np.ndarray, np.ndarray]:
        """Kernel (d, K) and bias (K,) of the logits."""
        kernel, bias = (np.array(ops.convert_to_numpy(v.value)) for v in self._logits.variables)
        return kernel, bias

    def set_classifier(self, kernel: np.ndarray, bias: np.ndarray) -> None:
        """Set kernel (d, K) and bias (K,) of the logits."""
        for variable, value in zip(self._logits.variables, (kernel, bias), strict=True):
            variable.assign(value)

    @property
    def parameters(self) -> int:
        """How many numbers the net consists of, trained or not; a dropout layer's rate and seed are none."""
        ours = {id(layer.rate) for layer in leaves(self.whole) if isinstance(layer, VariableDropout)}
        return sum(int(np.prod(v.shape)) for v in self.whole.weights if id(v) not in ours)

    def set_dropout(self, rate: float) -> None:
        """Set the rate of every dropout layer of the head."""
        for layer in self.head.layers:
            if isinstance(layer, VariableDropout):
                layer.rate.assign(rate)

    def set_trainable(self, phase: Phase, kind: HeadKind = "linear") -> None:
        """Make the trunk's layers that a phase trains trainable and freeze the others, their dropout too.

        Where the head only scales its logits, the rest of it is frozen as well.

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
        for layer in self.head.layers:
            layer.trainable = kind != "scaled"
        self._logits.bias.trainable = kind not in ("cosine", "scaled")
        if self.recipe.batch_norm.mode == "frozen":
            for layer in self.norms:
                layer.trainable = False
        for layer, rate in self._dropout:
            layer.rate = rate if layer.trainable else 0.0

    def reset(
        self,
        seed: int,
        images: Callable[[], Tensor] | None = None,
        state: Sequence[np.ndarray] | None = None,
    ) -> None:
        """Set all variables back: kernels drawn from the seed, or pretrained; seed generators begin anew.

        With `state`, values of the whole net's variables, they are set to these instead.

        With `images`, which returns (B, S, S, C) float32, BatchNormalization of the trunk is calibrated on
        them: for a random trunk that stays frozen. It is called when a seed is used for the first time, and
        has to return the same images for every seed.
        """
        calibrated = self._calibrated.get(seed, {}) if images else {}
        for place, (variable, start) in enumerate(zip(self.whole.variables, self._initial, strict=True)):
            if variable.name == "seed_generator_state":
                variable.assign([derive_seed(seed, place), 0])
            elif state is not None:
                variable.assign(state[place])
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
        self._reset_other_logits(seed, go_on=state is not None)

    def reset_head(self, seed: int) -> None:
        """Draw the head anew from a seed; what it has beside kernels is set back."""
        of_head = {id(v) for v in self.head.variables}
        for place, (variable, start) in enumerate(zip(self.whole.variables, self._initial, strict=True)):
            if id(variable) not in of_head or variable.name in ("seed_generator_state", "rate"):
                continue
            drawn = variable.name.endswith("kernel")
            variable.assign(self._random_kernel(variable, derive_seed(seed, place)) if drawn else start)
        self._reset_other_logits(seed, go_on=False)

    def _reset_other_logits(self, seed: int, go_on: bool) -> None:
        """Set factors to 1, and experts to the dense layer, all three if they `go_on` from it, else drawn."""
        if scaled := self._other_logits.get("scaled"):
            scaled.factors.assign(np.ones(scaled.factors.shape, "float32"))
        if experts := self._other_logits.get("experts"):
            kernel, bias = self.classifier
            for place, expert in enumerate(experts.experts):
                if place and not go_on:
                    kernel = self._random_kernel(self._logits.kernel, derive_seed(seed, "expert", place))
                expert.kernel.assign(kernel)
                expert.bias.assign(bias)

    def _random_kernel(self, kernel: keras.Variable, seed: int) -> np.ndarray:
        """Normal kernel with variance 2 / fan-in (He et al. 2015), 1 / fan-in before the softmax.

        One that its layer starts with zeros stays so.
        """
        layer = self._layer_of[id(kernel)]
        if isinstance(getattr(layer, "kernel_initializer", None), keras.initializers.Zeros):
            return np.zeros(kernel.shape, "float32")
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
