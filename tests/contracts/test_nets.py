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

    def seen(phase, training):
        net.reset(1, lambda: images)
        net.set_trainable(Phase(trainable=phase, epochs=1))
        twice = [ops.convert_to_numpy(net.whole(images, training=training)) for _ in range(2)]
        return [*twice, *(ops.convert_to_numpy(v.value) for v in net.trunk.variables)]

    trained = seen("all", True)
    assert all(np.isfinite(a).all() for a in trained)
    for a, b in zip(seen("all", True), trained, strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(seen("head", True), seen("head", False), strict=True):
        np.testing.assert_array_equal(a, b)
