"""The kinds of heads: what each computes, what it trains, and the dense layer that it becomes."""

import keras
import numpy as np
import pytest
from keras import layers

from fer_bench.training.heads import CosineLogits, ExpertLogits, ScaledLogits

FEATURES = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)


@pytest.fixture
def dense():
    layer = layers.Dense(3)
    layer.build((None, 4))
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=(4, 3)).astype(np.float32), rng.normal(size=3).astype(np.float32)])
    return layer


def numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


def test_cosine_logits_are_cosines(dense):
    kernel = dense.get_weights()[0]
    lengths = np.linalg.norm(FEATURES, axis=1)[:, None] * np.linalg.norm(kernel, axis=0)
    np.testing.assert_allclose(numpy(CosineLogits(dense)(FEATURES)), FEATURES @ kernel / lengths, rtol=1e-5)
    # (3, 4) and (1, 0) are at an angle whose cosine is 0.6.
    dense.set_weights([np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]]), np.zeros(3)])
    found = numpy(CosineLogits(dense)(np.array([[3.0, 4, 0, 0]], np.float32)))
    np.testing.assert_allclose(found, [[0.6, 0.8, 0]], atol=1e-6)


def test_the_cosine_with_nothing_is_nothing(dense):
    assert not numpy(CosineLogits(dense)(np.zeros((1, 4), np.float32))).any()


def test_scaled_logits_train_their_factors_and_become_a_dense_layer(dense):
    scaled = ScaledLogits(dense)
    dense.trainable = False
    assert [v.name for v in scaled.trainable_variables] == ["factors"]
    np.testing.assert_allclose(numpy(scaled(FEATURES)), numpy(dense(FEATURES)), rtol=1e-6)
    scaled.factors.assign([1.0, 2.0, 0.5])
    expected = numpy(scaled(FEATURES))
    dense.set_weights(list(scaled.linear()))
    np.testing.assert_allclose(numpy(dense(FEATURES)), expected, rtol=1e-5)


def test_experts_are_seen_one_by_one_in_training_and_as_their_mean_elsewhere(dense):
    experts = ExpertLogits(dense)
    for place, expert in enumerate(experts.experts):
        expert.set_weights([np.full((4, 3), place, np.float32), np.full(3, place, np.float32)])
    each = numpy(experts(FEATURES, training=True))
    assert each.shape == (9, 3, 3)
    np.testing.assert_allclose(numpy(experts(FEATURES)), each.mean(axis=1), rtol=1e-5)
    dense.set_weights(list(experts.linear()))
    np.testing.assert_allclose(numpy(dense(FEATURES)), each.mean(axis=1), rtol=1e-5)
