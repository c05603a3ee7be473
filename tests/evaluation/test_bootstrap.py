"""How often images are drawn."""

import numpy as np

from fer_bench.evaluation.bootstrap import image_weights


def drawn(groups, draws, **more):
    return np.concatenate(list(image_weights(groups, draws, **more)))


def test_as_many_images_are_drawn_as_there_are_each_with_the_same_chance():
    weights = drawn(np.arange(30), 2000, seed=3)
    assert weights.shape == (2000, 30) and (weights.sum(axis=1) == 30).all()
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.1)
    images = np.random.default_rng([3, 0]).integers(30, size=(2000, 30))
    np.testing.assert_array_equal(weights[7], np.bincount(images[7], minlength=30))


def test_identical_images_are_drawn_together():
    weights = drawn(np.array([7, 4, 9, 9, 4, 7]), 50)
    np.testing.assert_array_equal(weights, weights[:, [5, 4, 3, 2, 1, 0]])
    assert (weights[:, :3].sum(axis=1) == 3).all() and len(np.unique(weights[:, 0])) > 1


def test_chunks_do_not_change_the_draws_and_any_call_has_the_same():
    groups = np.arange(50)
    chunks = list(image_weights(groups, 20, chunk_bytes=4 * 50 * 3))
    assert [len(chunk) for chunk in chunks] == [3, 3, 3, 3, 3, 3, 2]
    np.testing.assert_array_equal(np.concatenate(chunks), drawn(groups, 20))
    assert not np.array_equal(drawn(groups, 20), drawn(groups, 20, seed=1))
