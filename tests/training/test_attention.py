"""Squeeze and excitation and CBAM, against numbers worked by hand."""

import keras
import numpy as np
import pytest
from keras import ops

from fer_bench.training.attention import ATTENTION

MAP = np.array([1.0, 3.0], "float32").reshape(1, 1, 2, 1)  # two places, one channel


def attended(name, x, **weights):
    """The map after attention, with these values for kernels of its layers; biases are 0."""
    inputs = keras.Input(x.shape[1:])
    model = keras.Model(inputs, ATTENTION[name](inputs))
    for layer, value in weights.items():
        kernel = model.get_layer(f"attention_{layer}").kernel
        kernel.assign(np.reshape(value, kernel.shape))
    return ops.convert_to_numpy(model(x))


def test_squeeze_and_excitation_of_a_map_worked_by_hand():
    # mean 2, score 2 * 1 * 0.5 = 1, sigmoid(1) = 0.7311
    found = attended("se", MAP, squeeze=1.0, channels=0.5)
    np.testing.assert_allclose(found.ravel(), [0.7311, 2.1932], atol=1e-4)


def test_cbam_of_a_map_worked_by_hand():
    # channel: mean 2 and maximum 3, scores 1 + 1.5, sigmoid(2.5) = 0.9241: [0.9241, 2.7724]
    # places: a score is the mean over channels, sigmoid(0.9241) = 0.7159, sigmoid(2.7724) = 0.9412
    places = np.zeros((7, 7, 2, 1))
    places[3, 3, 0] = 1.0
    found = attended("cbam", MAP, squeeze=1.0, channels=0.5, places=places)
    np.testing.assert_allclose(found.ravel(), [0.6616, 2.6093], atol=1e-4)


@pytest.mark.parametrize(("name", "factor"), [("se", 0.5), ("cbam", 0.25)])
def test_at_first_every_channel_and_place_counts_the_same(name, factor):
    x = np.random.default_rng(0).normal(size=(2, 3, 3, 40)).astype("float32")
    np.testing.assert_allclose(attended(name, x), factor * x, rtol=1e-5)


def test_channels_are_squeezed_by_sixteen():
    inputs = keras.Input((3, 3, 40))
    model = keras.Model(inputs, ATTENTION["se"](inputs))
    assert model.count_params() == (40 * 2 + 2) + (2 * 40 + 40)
