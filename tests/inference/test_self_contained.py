"""A net as a model of its own: resizing as in training, luminance, logits adjusted, plain layers only."""

import json

import numpy as np
import pytest
from scipy.special import softmax
from tilted import Tilted

from fer_bench.backbones.base import BACKBONES
from fer_bench.errors import UserError
from fer_bench.inference.model_file import open_model
from fer_bench.inference.model_writer import write
from fer_bench.inference.self_contained import affine, plain, self_contained
from fer_bench.strategies.base import Strategy
from fer_bench.study.recipe import Recipe
from fer_bench.study.views import views
from fer_bench.training.net import Net
from fer_bench.training.pixels import PixelBank
from fer_bench.training.views import ViewedPixels


def test_log_prior_and_scale_become_numbers_per_class():
    scale, offset = affine(Tilted(tau=1.0), np.array([1, 3]))
    np.testing.assert_allclose(scale, [1.5, 1.5])
    np.testing.assert_allclose(offset, [np.log(4), np.log(4 / 3)], rtol=1e-6)  # -log(1/4), -log(3/4)


def test_logits_adjusted_in_another_way_are_refused():
    class Cubed(Strategy):
        def adjust_logits(self, logits, class_counts):
            return logits**3

    with pytest.raises(UserError, match="more than to scale and shift"):
        affine(Cubed(), np.array([1, 3]))


def test_a_backbone_with_layers_of_its_own_is_refused():
    import keras

    class Mine(keras.layers.Layer):
        def call(self, x):
            return x

    pixels = keras.Input((4, 4, 1))
    with pytest.raises(UserError, match=r"layers of its own \(Mine\)"):
        plain(keras.Model(pixels, Mine()(pixels)))


def read_by_keras_alone(model):
    """The model rebuilt, written as plain data and read again, with the same weights."""
    import keras

    rebuilt = plain(model)
    text = json.dumps(keras.saving.serialize_keras_object(rebuilt))
    assert "fer_bench" not in text
    read = keras.saving.deserialize_keras_object(json.loads(text))
    read.set_weights(rebuilt.get_weights())
    return read


@pytest.mark.parametrize("backbone", ["cct", "mobilenet_v3_large", "convnext_tiny"])
def test_keras_alone_can_read_a_trunk(backbone):
    trunk = BACKBONES[backbone]().trunk(32)
    pixels = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype("float32")
    found = np.asarray(read_by_keras_alone(trunk)(pixels))
    np.testing.assert_allclose(found, np.asarray(trunk(pixels)), atol=1e-4)


@pytest.mark.parametrize("attention", ["cbam", "se"])
def test_keras_alone_can_read_attention(attention):
    recipe = Recipe(image_size=32, weights="none", head={"attention": attention})
    net = Net(BACKBONES["compact_cnn"](), recipe, 1, 3, None)
    net.reset(1)
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 1)).astype("float32")
    found = np.asarray(read_by_keras_alone(net.whole)(pixels))
    np.testing.assert_allclose(found, np.asarray(net.whole(pixels)), atol=1e-4)


@pytest.mark.parametrize("shape", [(24, 30, 3), (32, 32, 1), (48, 48, 1), (40, 20, 3), (20, 40, 1)])
def test_resizing_is_that_of_training_for_any_data(tmp_path, shape):
    recipe = Recipe(image_size=32, weights="none", preprocessing="unit_range", head={"normalize": True})
    net = Net(BACKBONES["compact_cnn"](), recipe, shape[-1], 3, None)
    net.reset(1)
    pixels = np.random.default_rng(0).integers(0, 256, (5, *shape), dtype=np.uint8)
    logits = np.asarray(net.whole(PixelBank(pixels, 32, None)(np.arange(5, dtype="int32"))))
    made = self_contained(plain(net.whole), shape, ("a", "b", "c"), np.ones(3), np.zeros(3))
    opened = write(made, tmp_path / "net.keras", tmp_path)
    assert opened.shape == shape
    np.testing.assert_allclose(opened.probabilities(pixels, 8), softmax(logits, axis=1), atol=1e-5)
    called = np.asarray(opened.model(pixels.astype("float32")))
    np.testing.assert_allclose(called, softmax(logits, axis=1), atol=1e-5, err_msg="as in training")


@pytest.mark.parametrize(("kind", "suffix"), [("flip", ".keras"), ("ten", ".keras"), ("ten", ".onnx")])
def test_test_views_are_in_the_file(tmp_path, kind, suffix):
    net = Net(BACKBONES["compact_cnn"](), Recipe(image_size=32, weights="none"), 1, 3, None)
    net.reset(1)
    pixels = np.random.default_rng(0).integers(0, 256, (5, 48, 48, 1), dtype=np.uint8)
    shown, logits = ViewedPixels(PixelBank(pixels, 32, None), 32), []
    for view in views(kind, 32):
        shown.set(view)
        logits.append(np.asarray(net.whole(shown(np.arange(5, dtype="int32")))))
    expected = softmax(np.mean(logits, axis=0), axis=1)
    uniform = np.ones(3), np.zeros(3)
    made = self_contained(plain(net.whole), (48, 48, 1), ("a", "b", "c"), *uniform, test_views=kind)
    opened = write(made, tmp_path / f"net{suffix}", tmp_path)
    for number in (5, 2):
        found = opened.probabilities(pixels[:number], number)
        np.testing.assert_allclose(found, expected[:number], atol=1e-5)
    assert np.abs(softmax(logits[0], axis=1) - expected).max() > 1e-3


def test_a_net_of_before_images_were_shrunk_through_a_filter_sees_them_as_it_did():
    import keras

    identity = keras.Sequential([keras.Input((16, 16, 1)), keras.layers.Flatten()])
    pixels = np.indices((48, 48)).sum(axis=0)[None, :, :, None].astype("float32") % 2 * 200
    for antialias, expected in ((False, [0, 200]), (True, [100])):
        model = self_contained(identity, (48, 48, 1), ("a",) * 256, np.ones(256), np.zeros(256), antialias)
        seen = np.asarray(keras.Model(model.input, model.layers[-1].input)(pixels)).reshape(16, 16)[
            4:-4, 4:-4
        ]
        assert np.abs(seen[..., None] - expected).min(axis=-1).max() < 15


def test_grey_nets_see_the_luminance_of_colours(model_file):
    import keras

    opened = open_model(model_file)
    rescaled = opened.model.get_layer("luminance")
    seen = keras.Model(opened.model.input, opened.model.get_layer("shrunk_rows").input)
    red = np.zeros((1, 48, 48, 3), "float32")
    red[..., 0] = 200
    np.testing.assert_allclose(seen.predict(red, verbose=0), 59.8, rtol=1e-5)  # 0.299 * 200
    assert list(rescaled.scale) == [0.299, 0.587, 0.114]
