"""Codes of images, and images of codes."""

import numpy as np
import pytest

from fer_bench.training import autoencoder
from fer_bench.training.autoencoder import BATCH, CODE, EPOCHS, Autoencoder, training_pairs

LABELS = np.repeat(np.arange(3), [150, 40, 1])


def test_one_half_of_a_batch_is_wanted_as_it_is_and_an_epoch_has_every_image_once():
    steps = list(training_pairs(np.zeros(3 * BATCH, int), 0))
    assert len(steps) == 3 * EPOCHS
    for given, wanted in steps:
        assert len(given) == len(wanted) == 2 * BATCH
        np.testing.assert_array_equal(given[:BATCH], wanted[:BATCH])
    first, second = (np.concatenate([given[:BATCH] for given, _ in steps[i : i + 3]]) for i in (0, 3))
    np.testing.assert_array_equal(np.sort(first), np.arange(3 * BATCH))
    np.testing.assert_array_equal(np.sort(second), np.arange(3 * BATCH))
    assert not np.array_equal(first, second)


def test_of_the_other_half_the_next_of_the_same_class_is_wanted():
    counted = np.zeros(3, int)
    for given, wanted in training_pairs(LABELS, 1):
        given, wanted = given[BATCH:], wanted[BATCH:]
        np.testing.assert_array_equal(wanted, np.append(given[1:], given[0]))
        (label,) = set(LABELS[given])
        counted[label] += 1
        assert len(set(given)) == min(BATCH, np.bincount(LABELS)[label]), (
            "no image twice where there are more"
        )
        assert label == 2 or not (given == wanted)[:-1].any()
    assert counted.sum() == EPOCHS * (len(LABELS) // BATCH)


def test_a_seed_means_one_order_and_few_images_one_small_batch():
    first, again, other = (list(training_pairs(LABELS, seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    ((given, wanted), *_) = training_pairs(np.array([0, 0, 1]), 0)
    assert len(given) == len(wanted) == 6


@pytest.mark.parametrize("shape", [(24, 24, 1), (25, 31, 3)])
def test_images_of_any_size_and_colour_come_back_in_their_shape(shape):
    pixels = np.random.default_rng(0).integers(0, 256, (5, *shape)).astype(np.uint8)
    coder = Autoencoder(shape)
    codes = coder.encode(pixels, np.array([4, 0, 2]))
    assert (codes.shape, codes.dtype) == ((3, CODE), np.float32)
    images = coder.decode(codes)
    assert (images.shape, images.dtype) == ((3, *shape), np.uint8)
    np.testing.assert_allclose(coder.encode(pixels, np.arange(5))[[4, 0, 2]], codes, atol=1e-4)


@pytest.fixture(scope="module")
def coder():
    """An autoencoder that tests train, each from the beginning."""
    return Autoencoder((24, 24, 1))


def trained(coder, seed):
    """Codes of bars, images made of them, and the bars: one at a height for each class."""
    labels = np.repeat(np.arange(4), 64)
    pixels = np.full((256, 24, 24, 1), 60, np.uint8)
    for place, label in enumerate(labels):
        pixels[place, 6 * label : 6 * label + 6] = 200
    coder.fit(pixels, np.arange(256), labels, seed)
    codes = coder.encode(pixels, np.arange(256))
    return codes, coder.decode(codes), pixels


def test_it_learns(coder, monkeypatch):
    """What another image of the class shows is the same, so that it can be learnt."""
    monkeypatch.setattr(autoencoder, "EPOCHS", 25)
    _, after, pixels = trained(coder, 0)
    assert np.square(after - pixels.astype(float)).mean() < 0.2 * pixels.var(axis=0).mean()


def test_the_same_seed_gives_the_same_bits_whatever_was_trained_before(coder, monkeypatch):
    monkeypatch.setattr(autoencoder, "EPOCHS", 4)
    codes, after, _ = trained(coder, 0)
    others, *_ = trained(coder, 1)
    assert not np.array_equal(codes, others)
    for again in (coder, Autoencoder((24, 24, 1))):
        same = trained(again, 0)
        np.testing.assert_array_equal(same[0], codes)
        np.testing.assert_array_equal(same[1], after)
