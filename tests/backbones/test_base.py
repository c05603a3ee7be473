"""Preprocessing and size of each backbone against Keras and the papers."""

import numpy as np
import pytest

from fer_bench.backbones.base import BACKBONES

pytest.importorskip("keras")


@pytest.mark.parametrize(
    ("name", "trunk", "doc"),
    [("mobilenet_v2", 2_257_984, "2.3 M"), ("mobilenet_conv", 3_228_864, "3.2 M"),
     ("vgg16", 14_714_688, "14.7 M"), ("resnet50", 23_587_712, "23.6 M"), ("compact_cnn", 13_152, "13 k"),
     ("efficientnet_v2_b0", 5_919_312, "5.9 M"), ("mini_xception", 50_496, "50 k"),
     ("mobilenet_v3_large", 2_996_352, "3.0 M"), ("convnext_tiny", 27_820_128, "27.8 M"),
     ("cct", 4_064_705, "4.1 M")],
)  # fmt: skip
def test_parameters_are_those_of_the_paper_and_of_the_docstring(name, trunk, doc):
    entry = BACKBONES[name]
    assert doc in entry.__doc__
    assert entry().trunk(48).count_params() == trunk


@pytest.mark.parametrize(
    ("name", "application"),
    [
        ("mobilenet_conv", "mobilenet"),
        ("mobilenet_v2", "mobilenet_v2"),
        ("vgg16", "vgg16"),
        ("resnet50", "resnet"),
    ],
)
def test_it_prepares_pixels_as_keras_does(name, application):
    import keras
    from keras import ops

    pixels = np.random.default_rng(0).uniform(0, 255, (3, 20, 20, 3)).astype(np.float32)
    expected = getattr(keras.applications, application).preprocess_input(pixels.copy())
    found = ops.convert_to_numpy(BACKBONES[name]().preprocess(ops.convert_to_tensor(pixels)))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
