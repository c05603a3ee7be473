"""The net: its parts, what is set back between trials, what is frozen."""

import keras
import numpy as np
import pytest
from keras import ops

from fer_bench.backbones.base import BACKBONES
from fer_bench.study.recipe import Head, Phase, Recipe
from fer_bench.training.net import Net, VariableDropout

IMAGES = np.random.default_rng(0).uniform(0, 255, (8, 24, 24, 1)).astype("float32")


def make_net(backbone="compact_cnn", channels=1, path=None, **recipe):
    changed = Recipe(**{"image_size": 24, "weights": "none", **recipe})
    return Net(BACKBONES[backbone](), changed, channels, 5, path)


def values(model):
    return [np.array(ops.convert_to_numpy(v.value)) for v in model.variables]


def call(model, images, training=False):
    return ops.convert_to_numpy(model(images, training=training))


@pytest.fixture(scope="module")
def plain():
    return make_net(head={"dense": (8,), "dropout": 0.5, "normalize": True})


def test_it_is_a_body_and_a_head_and_gives_float32_logits(plain):
    logits = call(plain.whole, IMAGES)
    assert logits.shape == (8, 5)
    assert logits.dtype == np.float32
    np.testing.assert_array_equal(call(plain.head, call(plain.body, IMAGES)), logits)
    assert not np.allclose(logits.sum(1), 1), "logits, no probabilities"


def test_its_parameters_are_those_that_can_be_counted_by_hand(plain):
    first = (
        3 * 3 * 3 * 16 + 4 * 16
    )  # a convolution without bias; BatchNormalization has four numbers a filter
    stages = sum(9 * i + i * o + 4 * o for i, o in ((16, 32), (32, 64), (64, 128)))
    assert first + stages == 13_152 == plain.trunk.count_params()
    head = 4 * 128 + (128 * 8 + 8) + (8 * 5 + 5)
    assert plain.parameters == 13_152 + head == 14_741, "nothing for the rates of dropout, nor for its seeds"
    assert make_net(head={"dropout": 0.5}).parameters == make_net().parameters == 13_152 + 128 * 5 + 5


def test_grey_is_repeated_over_three_channels(plain):
    colour = make_net(channels=3, head={"dense": (8,), "normalize": True})
    for net in (plain, colour):
        net.reset(1)
    grey = call(plain.body, IMAGES)
    np.testing.assert_allclose(call(colour.body, np.repeat(IMAGES, 3, -1)), grey, rtol=1e-5, atol=1e-6)


def test_unit_range_replaces_the_backbones_own_preprocessing():
    own, unit = make_net(), make_net(preprocessing="unit_range")
    for net in (own, unit):
        net.reset(1)
    expected = call(own.trunk, (np.repeat(IMAGES, 3, -1) / 255).astype("float32")).mean((1, 2))
    np.testing.assert_allclose(call(unit.body, IMAGES), expected, rtol=1e-4, atol=1e-5)
    assert not np.allclose(call(own.body, IMAGES), expected, rtol=1e-3)


def test_a_convolutional_head_belongs_to_the_head():
    net = make_net("mobilenet_conv", image_size=48)
    assert len(net.body.output_shape) == 4
    assert {"conv_1x1_32", "conv_3x3_512"} <= {layer.name for layer in net.head.layers}
    assert net.whole.output_shape == (None, 5)


@pytest.mark.parametrize("attention", ["cbam", "se"])
def test_attention_belongs_to_the_head_and_begins_neutral(attention):
    """The body hands over its map; half of each feature, or a quarter, is what the pooling then sees."""
    net, without = make_net(head={"attention": attention}), make_net()
    for each in (net, without):
        each.reset(1)
    assert net.body.output_shape == (None, 2, 2, 128)
    pooled = keras.Model(net.head.input, net.head.get_layer(index=-2).input)
    factor = {"cbam": 0.25, "se": 0.5}[attention]
    found = call(pooled, call(net.body, IMAGES))
    np.testing.assert_allclose(found, factor * call(without.body, IMAGES), rtol=1e-4, atol=1e-6)
    kernels = {v.path for v in net.head.trainable_variables if "attention" in v.path and "kernel" in v.path}
    assert len(kernels) == {"cbam": 3, "se": 2}[attention]
    assert [k.shape for k in net.dense_kernels()] == [(128, 5)], "L2 is on the dense layers alone"
    kept = values(net.head)
    net.reset_head(1)
    for a, b in zip(values(net.head), kept, strict=True):
        np.testing.assert_array_equal(a, b)


def test_attention_follows_a_convolutional_head():
    net = make_net("mobilenet_conv", image_size=48, head={"attention": "cbam"})
    names = [layer.name for layer in net.head.layers]
    assert names.index("conv_3x3_512") < names.index("attention_squeeze") < names.index("logits")


def test_a_reset_gives_the_same_numbers_for_a_seed_and_others_for_another(plain):
    plain.reset(1)
    first = values(plain.whole)
    for variable in plain.whole.variables:
        variable.assign(np.ones(variable.shape, "float32").astype(variable.dtype))
    plain.reset(1)
    for a, b in zip(values(plain.whole), first, strict=True):
        np.testing.assert_array_equal(a, b)
    plain.reset(2)
    changed = {
        v.path
        for v, a, b in zip(plain.whole.variables, values(plain.whole), first, strict=True)
        if not np.array_equal(a, b)
    }
    drawn = ("kernel", "seed_generator_state")
    expected = {v.path for v in plain.whole.variables if v.name.endswith(drawn)}
    assert changed == expected


def test_a_reset_does_not_depend_on_what_the_net_was_built_with(plain):
    again = make_net(head={"dense": (8,), "dropout": 0.1, "normalize": True})
    for net in (plain, again):
        net.reset(7)
    for a, b in zip(values(plain.whole), values(again.whole), strict=True):
        np.testing.assert_array_equal(a, b)


def test_kernels_have_the_variance_of_he_et_al(plain):
    plain.reset(3)
    for layer in plain.trunk.layers:
        if (kernel := getattr(layer, "kernel", None)) is not None and np.prod(kernel.shape) > 1000:
            spread = np.std(np.array(kernel.numpy() if hasattr(kernel, "numpy") else kernel))
            assert spread == pytest.approx(np.sqrt(2 / np.prod(kernel.shape[:-1])), rel=0.1)


def test_pretrained_kernels_survive_a_reset_and_the_heads_are_drawn(tmp_path):
    path = tmp_path / "compact_cnn.weights.h5"
    source = BACKBONES["compact_cnn"]().trunk(24)
    source.save_weights(path)
    net = make_net(path=path)
    net.reset(1)
    first_head = values(net.head)
    for variable in net.whole.variables:
        variable.assign(np.zeros(variable.shape, variable.dtype))
    net.reset(2)
    for a, b in zip(values(net.trunk), values(source), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not all(np.array_equal(a, b) for a, b in zip(values(net.head), first_head, strict=True))


def trainable(net, phase, **recipe):
    net.set_trainable(Phase(trainable=phase, epochs=1))
    return {v.path for v in net.trunk.trainable_variables}


def test_phases_freeze_and_thaw():
    net = make_net()
    assert trainable(net, "head") == set()
    everything = trainable(net, "all")
    assert len(everything) == len([v for v in net.trunk.variables if "moving" not in v.name])
    last = trainable(net, {"last": 3})
    assert 0 < len(last) < len(everything)
    assert last < everything
    assert trainable(net, {"last": 999}) == everything
    assert trainable(net, "head") == set()
    assert net.head.trainable_variables, "the head always is"


@pytest.mark.parametrize(("mode", "moves"), [("live", True), ("frozen", False)])
def test_frozen_norms_keep_their_statistics(mode, moves, tmp_path):
    path = tmp_path / "compact_cnn.weights.h5"
    BACKBONES["compact_cnn"]().trunk(24).save_weights(path)
    net = make_net(path=path, weights="imagenet", batch_norm={"mode": mode})
    net.reset(0)
    net.set_trainable(Phase(trainable="all", epochs=1))

    def statistics():
        return np.concatenate([np.ravel(v) for v in values(net.trunk) if v.ndim == 1])

    before = statistics()
    call(net.whole, IMAGES, training=True)
    assert np.array_equal(before, statistics()) != moves
    assert any("gamma" in v.name for v in net.trunk.trainable_variables) == moves


def test_norm_momentum_is_the_recipes():
    assert {layer.momentum for layer in make_net().norms} == {0.9}
    assert {layer.momentum for layer in make_net(batch_norm={"momentum": 0.99}).norms} == {0.99}


def test_calibration_standardises_a_random_trunk(plain):
    plain.reset(0, lambda: IMAGES)
    features = call(plain.trunk, np.repeat(IMAGES, 3, -1) / 127.5 - 1)
    assert np.isfinite(features).all()
    assert features.std() > 0.3, "no collapse"
    assert (features > 0).mean() > 0.8, "two standard deviations up: most units are on"
    assert {layer.momentum for layer in plain.norms} == {0.9}
    kept = values(plain.whole)
    plain.reset(0, lambda: IMAGES)
    for a, b in zip(values(plain.whole), kept, strict=True):
        np.testing.assert_array_equal(a, b)


class Dropping(BACKBONES["compact_cnn"]):
    """With dropout inside the trunk, as EfficientNetV2 has."""

    def trunk(self, size, weights=None):
        inner = super().trunk(size)
        return keras.Model(inner.input, keras.layers.Dropout(0.5)(inner.output), name=self.trunk_name)


def test_dropout_of_the_trunk_acts_where_it_is_trained_and_is_set_back():
    net = Net(Dropping(), Recipe(image_size=24, weights="none"), 1, 5, None)
    net.reset(1, lambda: IMAGES)
    read = call(net.body, IMAGES)
    net.set_trainable(Phase(trainable="head", epochs=1))
    np.testing.assert_array_equal(call(net.body, IMAGES, training=True), read, "frozen: as it is read")

    def dropped(seed):
        net.reset(seed)
        net.set_trainable(Phase(trainable={"last": 1}, epochs=1))
        return call(net.trunk, np.repeat(IMAGES, 3, -1), training=True)

    first = dropped(1)
    assert (first == 0).mean() > 0.4
    assert not np.array_equal(call(net.trunk, np.repeat(IMAGES, 3, -1), training=True), first)
    np.testing.assert_array_equal(dropped(1), first)
    assert not np.array_equal(dropped(2) == 0, first == 0)
    net.set_trainable(Phase(trainable="head", epochs=1))
    net.set_trainable(Phase(trainable="all", epochs=1))
    assert [layer.rate for layer, _ in net._dropout] == [0.5]


def test_dropout_drops_its_share_in_training_only(plain):
    layer, ones = VariableDropout(), np.ones((100, 100), "float32")
    layer.rate.assign(0.3)
    np.testing.assert_array_equal(call(layer, ones), ones)
    dropped = call(layer, ones, training=True)
    assert (dropped == 0).mean() == pytest.approx(0.3, abs=0.02)
    np.testing.assert_allclose(dropped[dropped > 0], 1 / 0.7, rtol=1e-6)
    layer.rate.assign(0.0)
    np.testing.assert_array_equal(call(layer, ones, training=True), ones)
    plain.set_dropout(0.4)
    rates = [v for v in plain.head.variables if v.name == "rate"]
    assert len(rates) == 1
    assert float(rates[0].value) == pytest.approx(0.4)


def test_l2_reaches_the_heads_dense_kernels_only():
    assert [k.shape for k in make_net(head={"dense": (8, 6)}).dense_kernels()] == [(128, 8), (8, 6), (6, 5)]


def test_half_precision_inside_gives_float32_logits():
    net = make_net(precision="bfloat16", head={"dense": (8,), "attention": "cbam"})
    net.reset(0)
    logits = call(net.whole, IMAGES)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()
    assert {layer.compute_dtype for layer in net.trunk.layers if hasattr(layer, "kernel")} == {"bfloat16"}
    assert keras.config.dtype_policy().name == "float32", "set back for whatever comes next"


def test_two_seeds_drop_different_units():
    """Seed states are int64 on TensorFlow and uint32 on JAX: both are set from the trial's seed."""
    recipe = Recipe(image_size=16, weights="none", head=Head(dropout=0.5))
    net = Net(BACKBONES["compact_cnn"](), recipe, 1, 5, None)
    states = []
    for seed in (1, 2, 1):
        net.reset(seed)
        seeds = [v.value for v in net.whole.variables if v.name == "seed_generator_state"]
        states.append([keras.ops.convert_to_numpy(state).tolist() for state in seeds])
    assert states[0] == states[2] != states[1]
    assert len(states[0]) == 1


def test_calibration_is_done_once_for_a_seed_and_leaves_no_trace():
    net, asked = make_net(), []

    def images():
        asked.append(len(asked))
        return IMAGES

    net.reset(0, images)
    first = values(net.whole)
    for seed in (1, 0):
        net.reset(seed, images)
    assert asked == [0, 1], "once for each seed"
    for a, b in zip(values(net.whole), first, strict=True):
        np.testing.assert_array_equal(a, b)
    net.reset(0)
    assert all((np.asarray(layer.beta) == 0).all() for layer in net.norms), "only where it is asked for"
