"""Places and sequence pooling of the compact transformer."""

import numpy as np
import pytest

from fer_bench.backbones.base import BACKBONES

pytest.importorskip("keras")


@pytest.fixture(scope="module")
def trunk():
    import keras

    keras.utils.set_random_seed(1)
    return BACKBONES["cct"]().trunk(16)


def test_the_features_average_to_the_sum_of_tokens_by_their_shares(trunk):
    import keras
    from keras import ops

    pixels = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 3)).astype("float32")
    norm = [x for x in trunk.layers if isinstance(x, keras.layers.LayerNormalization)][-1]
    score = [x for x in trunk.layers if isinstance(x, keras.layers.Dense)][-1]
    inner = keras.Model(trunk.input, [norm.output, score.output, trunk.output])
    tokens, scores, features = (ops.convert_to_numpy(a) for a in inner(pixels))
    shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    assert tokens.shape == (2, 4, 256) and features.shape == (2, 2, 2, 256)
    np.testing.assert_allclose(features.mean((1, 2)), (shares * tokens).sum(1), rtol=1e-4, atol=1e-5)


def test_every_place_has_a_vector_of_its_own(trunk):
    """Without it, an encoder's tokens would be as the places' images are, in whatever order."""
    from keras import ops

    flat = np.ones((1, 16, 16, 3), "float32")
    table = trunk.get_layer("places")
    table.kernel.assign(np.zeros(table.kernel.shape))
    assert table.kernel.shape == (1, 4 * 256)
    before = ops.convert_to_numpy(trunk(flat))
    kernel = np.zeros(table.kernel.shape, "float32")
    kernel[0, 256:512] = np.linspace(-5, 5, 256)  # of the second place
    table.kernel.assign(kernel)
    changed = np.abs(ops.convert_to_numpy(trunk(flat)) - before).max((0, 3))
    assert changed.argmax() == 1 and changed[0, 1] > 0.1


def test_blocks_are_dropped_the_likelier_the_later(trunk):
    import keras

    rates = [layer.rate for layer in trunk.layers if isinstance(layer, keras.layers.Dropout)]
    assert len(rates) == 2 * 6 and rates == sorted(rates)
    assert rates[-1] == pytest.approx(0.1)
