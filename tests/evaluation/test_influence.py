import numpy as np
import pytest
from sklearn import metrics as sk

from fer_bench.evaluation.bootstrap import image_weights
from fer_bench.evaluation.decisions import macro_f1_paths
from fer_bench.evaluation.influence import accuracy, by_group, f1, macro_f1, precision, recall


def test_macro_f1_and_its_derivative_by_hand():
    # Class 0: TP 1, D 2 + 1: F1 2/3; class 1: TP 1, D 1 + 2: F1 2/3. Each image by half of the two classes:
    # the first 2/3 - 2/9 twice: 4/9; the second, of 0 and taken for 1, -2/9 - 2/9; the third as the first.
    score, influence = macro_f1(np.array([0, 0, 1]), np.array([[0, 1, 1]]), 2)
    assert score == pytest.approx([2 / 3])
    np.testing.assert_allclose(influence, [[1 / 9, -2 / 9, 1 / 9]])


def test_derivative_is_that_of_weighted_images():
    rng = np.random.default_rng(1)
    labels, predictions = rng.integers(4, size=50), rng.integers(5, size=(2, 50))
    scores, influence = macro_f1(labels, predictions, 6)
    present = np.unique(labels)
    for run in range(2):
        want = sk.f1_score(labels, predictions[run], labels=present, average="macro", zero_division=0)
        assert scores[run] == pytest.approx(want)
        for image in range(50):
            weights = np.ones(50)
            weights[image] += 1e-6
            moved = sk.f1_score(
                labels,
                predictions[run],
                labels=present,
                average="macro",
                sample_weight=weights,
                zero_division=0,
            )
            assert influence[run, image] == pytest.approx((moved - want) / 1e-6, abs=1e-6)
    np.testing.assert_allclose(influence.sum(axis=1), 0, atol=1e-12)


def test_scores_of_one_class_and_their_derivatives_by_hand():
    # Class 1 has 2 images, one found; 3 are taken for it. Recall 1/2, precision 1/3, F1 2/5 of a total of 5.
    labels, runs = np.array([1, 1, 0, 0, 0]), np.array([[1, 0, 1, 1, 0]])
    found = {score: score(labels, runs, 1) for score in (recall, precision, f1)}
    assert [value.item() for value, _ in found.values()] == pytest.approx([1 / 2, 1 / 3, 2 / 5])
    np.testing.assert_allclose(found[recall][1], [[1 / 4, -1 / 4, 0, 0, 0]])
    np.testing.assert_allclose(found[precision][1], [[2 / 9, 0, -1 / 9, -1 / 9, 0]])
    np.testing.assert_allclose(found[f1][1], [[(2 - 4 / 5) / 5, -2 / 25, -2 / 25, -2 / 25, 0]])
    value, influence = accuracy(labels, runs)
    assert value == pytest.approx(2 / 5)
    np.testing.assert_allclose(influence, np.array([[3, -2, -2, -2, 3]]) / 25)


def test_derivatives_of_one_class_are_those_of_weighted_images():
    rng = np.random.default_rng(4)
    labels, runs = rng.integers(3, size=40), rng.integers(3, size=(2, 40))
    theirs = {recall: sk.recall_score, precision: sk.precision_score, f1: sk.f1_score}
    for score, their in theirs.items():
        found, influence = score(labels, runs, 2)
        for run in range(2):
            for image in (0, 7, 30):
                weights = np.ones(40)
                weights[image] += 1e-6
                want, moved = (
                    their(labels, runs[run], labels=[2], average="macro", sample_weight=w)
                    for w in (None, weights)
                )
                assert found[run] == pytest.approx(want)
                assert influence[run, image] == pytest.approx((moved - want) / 1e-6, abs=1e-6)


def test_a_class_without_images_has_no_score():
    labels, runs = np.zeros(4, int), np.array([[0, 0, 1, 1]])
    for score in (recall, f1):
        value, influence = score(labels, runs, 1)
        assert np.isnan(value).all() and not influence.any()
    assert precision(labels, runs[:, ::-1], 2)[0] == 0


def test_variance_is_that_of_the_bootstrap_also_of_a_difference():
    rng = np.random.default_rng(2)
    labels = np.repeat(np.arange(7), [491, 55, 528, 879, 626, 594, 416])
    groups = np.where(rng.random(len(labels)) < 0.1, 0, np.arange(len(labels))) // 2
    one = np.where(rng.random(len(labels)) < 0.6, labels, rng.integers(7, size=len(labels)))
    runs = np.stack([one, np.where(rng.random(len(labels)) < 0.9, one, labels)])
    weights = np.concatenate(list(image_weights(groups, 4000)))
    draws = macro_f1_paths(labels, runs, 7, weights)
    moves = by_group(macro_f1(labels, runs, 7)[1], groups)
    for drawn, by_image in ((draws[:, 0], moves[0]), (draws[:, 1] - draws[:, 0], moves[1] - moves[0])):
        assert np.square(by_image).sum() ** 0.5 == pytest.approx(drawn.std(), rel=0.05)


def test_identical_images_are_added_and_one_group_has_no_noise():
    influence = np.array([[1.0, 2.0, -3.0]])
    np.testing.assert_allclose(by_group(influence, np.array([5, 9, 5])), [[-2 * 2**0.5, 2 * 2**0.5]])
    np.testing.assert_allclose(by_group(influence, np.array([4, 4, 4])), [[0]])


def test_without_images_there_is_no_score():
    scores, influence = macro_f1(np.array([], int), np.empty((2, 0), int), 3)
    assert np.isnan(scores).all() and influence.shape == (2, 0)
