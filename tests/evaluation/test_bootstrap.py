import numpy as np
import pytest
from sklearn import metrics as sk

from fer_bench.evaluation.bootstrap import image_draws


def every(images):
    """A subset that holds all of these images."""
    return np.ones(len(images), bool)


def test_draws_are_macro_f1_of_the_resampled_images():
    rng = np.random.default_rng(1)
    labels, predictions = rng.integers(3, size=30), rng.integers(3, size=(2, 30))
    groups = np.arange(30)
    subset = np.arange(30) % 3 > 0
    got, share = image_draws(labels, predictions, groups, subset, 3, draws=5, seed=3)
    drawn = np.random.default_rng([3, 0]).integers(30, size=(5, 30))
    for draw, images in enumerate(drawn):
        for run in range(2):
            want = sk.f1_score(labels[images], predictions[run][images], average="macro")
            assert got[draw, run] == pytest.approx(want, abs=1e-6)
            kept = images[subset[images]]
            want = sk.f1_score(labels[kept], predictions[run][kept], average="macro")
            assert share[draw, run] == pytest.approx(want, abs=1e-6)


def test_a_subset_of_all_images_is_the_whole_and_one_of_none_has_no_score():
    labels = np.repeat([0, 1, 2], 10)
    predictions = np.random.default_rng(0).integers(3, size=(2, 30))
    whole, share = image_draws(labels, predictions, np.arange(30), every(labels), 3, draws=9)
    np.testing.assert_array_equal(whole, share)
    _, share = image_draws(labels, predictions, np.arange(30), ~every(labels), 3, draws=9)
    assert np.isnan(share).all()


def test_identical_images_are_drawn_together():
    # One group of two images, one right and one wrong: every draw must contain both equally often.
    labels = np.zeros(6, int)
    half = np.array([[0, 1, 0, 1, 0, 1]])
    got, _ = image_draws(labels, half, np.array([7, 7, 9, 9, 4, 4]), every(labels), 2, draws=50)
    np.testing.assert_allclose(got, 2 / 3, rtol=1e-6)


def test_a_class_without_images_in_a_draw_is_left_out():
    labels = np.array([0, 0, 0, 1])
    got, _ = image_draws(labels, labels, np.arange(4), every(labels), 3, draws=200)
    np.testing.assert_allclose(got, 1)


def test_chunks_do_not_change_the_draws():
    rng = np.random.default_rng(0)
    labels, predictions = rng.integers(3, size=50), rng.integers(3, size=(2, 50))
    rest = labels, predictions, np.arange(50), np.arange(50) > 9, 3, 20
    whole = image_draws(*rest)
    np.testing.assert_array_equal(image_draws(*rest, chunk_bytes=4 * 50 * 3, runs_at_once=1), whole)


def test_draws_are_paired():
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=200)
    one = np.where(rng.random((3, 200)) < 0.7, labels, rng.integers(3, size=(3, 200)))
    better = one.copy()
    better[:, :20] = labels[:20]
    rest = np.arange(200), every(labels), 3, 100
    same, gained = (image_draws(labels, each, *rest)[0].mean(axis=1) for each in (one, better))
    np.testing.assert_array_equal(same, image_draws(labels, one, *rest)[0].mean(axis=1))
    assert (gained - same).std() < 0.5 * same.std()
    assert (gained > same).mean() > 0.97
