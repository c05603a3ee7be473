"""What every backbone's net does in training: set back to the bit, still where it is frozen."""

import numpy as np
import pytest
from keras import ops

from fer_bench.backbones.base import BACKBONES
from fer_bench.study.recipe import Phase, Recipe
from fer_bench.training.net import Net


@pytest.mark.parametrize("name", list(BACKBONES))
def test_a_reset_brings_back_every_number_and_a_frozen_trunk_is_still(name):
    backbone = BACKBONES[name]()
    size = max(backbone.smallest, 32)
    net = Net(backbone, Recipe(image_size=size, weights="none"), 1, 5, None)
    assert net.trunk.name == backbone.trunk_name
    images = np.random.default_rng(0).uniform(0, 255, (4, size, size, 1)).astype("float32")

    def variables(of):
        return [ops.convert_to_numpy(v.value) for v in of.variables]

    def logits(training):
        return ops.convert_to_numpy(net.whole(images, training=training))

    def trained():
        net.reset(1, lambda: images)
        net.set_trainable(Phase(trainable="all", epochs=1))
        return [logits(True), *variables(net.whole)]

    first = trained()
    assert all(np.isfinite(a).all() for a in first)
    for a, b in zip(trained(), first, strict=True):
        np.testing.assert_array_equal(a, b)
    net.set_trainable(Phase(trainable="head", epochs=1))
    before = variables(net.trunk)
    np.testing.assert_array_equal(logits(True), logits(False))
    for a, b in zip(variables(net.trunk), before, strict=True):
        np.testing.assert_array_equal(a, b)
