"""What is done for speed alone changes no result."""

import keras
import numpy as np
import pytest
from keras import layers

from fer_bench.training import backend
from fer_bench.training.backend import batches, fuse_batch_norm

tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="for TensorFlow alone")


@tensorflow
@pytest.mark.parametrize("options", [{}, {"scale": False}, {"center": False, "epsilon": 0.1}])
@pytest.mark.parametrize("training", [True, False])
def test_fused_layer_gives_what_keras_layer_gives(options, training):
    import tensorflow as tf

    rng = np.random.default_rng(0)
    images = tf.constant(rng.normal(2, 3, (4, 5, 6, 3)).astype("float32"))
    pixels = keras.Input((5, 6, 3))
    plain = keras.Model(pixels, layers.BatchNormalization(momentum=0.6, **options)(pixels))
    plain.set_weights([rng.uniform(0.5, 2, v.shape).astype("float32") for v in plain.weights])
    fused = fuse_batch_norm(plain, compiled=False)
    assert type(fused.layers[1]) is backend.BatchNormalization

    def tried(model):
        with tf.GradientTape() as tape:
            tape.watch(images)
            output = model(images, training=training)
            loss = tf.reduce_sum(output**3)
        gradients = tape.gradient(loss, [images, *[v.value for v in model.trainable_variables]])
        return [np.array(value) for value in [output, *gradients, *model.get_weights()]]

    for mine, expected in zip(tried(fused), tried(plain), strict=True):
        np.testing.assert_allclose(mine, expected, rtol=2e-4, atol=2e-3)


@tensorflow
def test_frozen_layer_keeps_its_statistics_in_training():
    layer = backend.BatchNormalization()
    images = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype("float32")
    layer.build(images.shape)
    layer.trainable = False
    np.testing.assert_allclose(layer(images, training=True), images / np.sqrt(1.001), rtol=1e-4)
    assert [list(np.array(v)) for v in (layer.moving_mean, layer.moving_variance)] == [[0] * 3, [1] * 3]


def test_a_model_without_the_layer_or_with_xla_stays_as_it_is():
    pixels = keras.Input((4, 4, 3))
    bare = keras.Model(pixels, layers.Conv2D(2, 1)(pixels))
    assert fuse_batch_norm(bare, compiled=False) is bare
    normed = keras.Model(pixels, layers.BatchNormalization()(pixels))
    assert fuse_batch_norm(normed, compiled="auto") is normed


@tensorflow
def test_batches_come_in_order_without_a_tuning_thread():
    dataset = batches(np.arange(6), np.arange(6) * 10, 2)["x"]
    assert [(list(x), list(y)) for x, y in dataset.as_numpy_iterator()] == [
        ([0, 1], [0, 10]), ([2, 3], [20, 30]), ([4, 5], [40, 50]),
    ]  # fmt: skip
    assert dataset.options().autotune.enabled is False
