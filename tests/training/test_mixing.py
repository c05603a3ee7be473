"""Which images are mixed with which, and how much of each label is left."""

import keras
import numpy as np
import pytest

from fer_bench.strategies.base import Mixing
from fer_bench.study.prior import mixed_shares
from fer_bench.training.mixing import draw_pairs, mix

COUNTS = np.array([600, 200, 50])
LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(3), COUNTS))
ROWS = np.random.default_rng(1).permutation(len(LABELS))
SIZE = 24


def pairs(mixing, seed=3):
    return draw_pairs(mixing, ROWS, LABELS, COUNTS, SIZE, seed)


def of_one_hot(drawn):
    """Share of the first label in each target, where the two labels differ; NaN elsewhere."""
    first, second = LABELS[ROWS], LABELS[drawn.partner]
    return np.where(first != second, drawn.targets[np.arange(len(ROWS)), first], np.nan)


def test_without_mixing_each_row_stays_as_it_is():
    drawn = pairs(None)
    np.testing.assert_array_equal(drawn.partner, ROWS)
    np.testing.assert_array_equal(drawn.share, 1)
    np.testing.assert_array_equal(drawn.box, 0)
    np.testing.assert_array_equal(drawn.targets, np.eye(3)[LABELS[ROWS]])


def test_mixup_gives_labels_the_shares_of_their_images():
    drawn = pairs(Mixing(alpha=0.4))
    np.testing.assert_array_equal(np.sort(drawn.partner), np.sort(ROWS))
    np.testing.assert_allclose(drawn.targets.sum(1), 1, rtol=1e-6)
    differing = ~np.isnan(of_one_hot(drawn))
    np.testing.assert_allclose(of_one_hot(drawn)[differing], drawn.share[differing], rtol=1e-5)
    assert drawn.share.mean() == pytest.approx(0.5, abs=0.03), "the mean of Beta(a, a)"
    assert drawn.share.var() == pytest.approx(0.25 / 1.8, abs=0.01), "its variance, 1 / (4 (2 a + 1))"


def test_a_seed_means_one_set_of_pairs():
    same = pairs(Mixing(alpha=1.0)), pairs(Mixing(alpha=1.0))
    np.testing.assert_array_equal(same[0].targets, same[1].targets)
    assert not np.array_equal(same[0].share, pairs(Mixing(alpha=1.0), seed=4).share)


def test_only_a_share_of_the_images_is_mixed():
    drawn = pairs(Mixing(alpha=1.0, share=0.3))
    assert (drawn.share < 1).mean() == pytest.approx(0.3, abs=0.05)


def test_by_remix_the_rarer_of_two_labels_gets_all_where_it_has_enough_of_the_image():
    drawn = pairs(Mixing(alpha=1.0, kappa=3.0, threshold=0.5))
    plain = pairs(Mixing(alpha=1.0))
    first, second = LABELS[ROWS], LABELS[drawn.partner]
    ratio = COUNTS[first] / COUNTS[second]
    to_second, to_first = (ratio >= 3) & (drawn.share < 0.5), (1 / ratio >= 3) & (1 - drawn.share < 0.5)
    assert to_first.sum() > 20 < to_second.sum()
    np.testing.assert_allclose(drawn.targets[to_second], np.eye(3)[second[to_second]])
    np.testing.assert_allclose(drawn.targets[to_first], np.eye(3)[first[to_first]])
    others = ~(to_first | to_second)
    np.testing.assert_array_equal(drawn.targets[others], plain.targets[others])


def test_without_a_kappa_remix_is_mixup():
    np.testing.assert_array_equal(
        pairs(Mixing(alpha=1.0, threshold=0.5)).targets, pairs(Mixing(alpha=1.0)).targets
    )


def test_partners_come_from_the_classes_with_their_probabilities():
    drawn = pairs(Mixing(alpha=1.0, partners=np.array([0.2, 0.3, 0.5])))
    shares = np.bincount(LABELS[drawn.partner], minlength=3) / len(ROWS)
    np.testing.assert_allclose(shares, [0.2, 0.3, 0.5], atol=0.06)


def test_a_box_leaves_the_first_label_the_share_of_the_image_that_it_leaves():
    drawn = pairs(Mixing(alpha=1.0, box=True))
    assert (drawn.box >= 0).all()
    assert (drawn.box <= SIZE).all()
    np.testing.assert_array_equal(drawn.share, 1)
    pixels = (drawn.box[:, 2] - drawn.box[:, 0]) * (drawn.box[:, 3] - drawn.box[:, 1])
    differing = ~np.isnan(of_one_hot(drawn))
    np.testing.assert_allclose(of_one_hot(drawn)[differing], (1 - pixels / SIZE**2)[differing], atol=1e-6)
    assert 0.1 < pixels.mean() / SIZE**2 < 0.5


@pytest.mark.parametrize(
    "mixing",
    [
        Mixing(alpha=0.3),
        Mixing(alpha=1.0, kappa=3.0, threshold=0.5),
        Mixing(alpha=0.4, kappa=1.2, threshold=0.3, share=0.6),
        Mixing(alpha=1.0, partners=np.array([0.1, 0.7, 0.2])),
        Mixing(alpha=1.0, box=True, partners=np.array([0.1, 0.7, 0.2])),
        Mixing(alpha=0.5, box=True, share=0.5, partners=np.array([0.1, 0.7, 0.2])),
    ],
    ids=lambda mixing: str(mixing).replace("Mixing", ""),
)
def test_classes_have_the_shares_of_targets_that_the_effective_prior_counts(mixing):
    counts = np.array([60_000, 10_000, 40_000])
    labels = np.repeat(np.arange(3), counts)
    targets = draw_pairs(mixing, np.arange(len(labels)), labels, counts, 256, 0).targets
    expected = mixed_shares(mixing, counts / counts.sum(), counts)
    np.testing.assert_allclose(expected, targets.mean(axis=0, dtype=float), atol=0.003)
    assert expected.sum() == pytest.approx(1)


def test_rows_are_mixed_as_a_weighted_sum_and_boxes_are_pasted():
    first, second = np.zeros((2, 4, 4, 1), np.float32), np.ones((2, 4, 4, 1), np.float32)
    box = np.array([[0, 0, 0, 0], [1, 0, 3, 2]], np.int32)
    mixed = keras.ops.convert_to_numpy(mix(first, second, np.array([0.75, 1.0], np.float32), box))[..., 0]
    np.testing.assert_array_equal(mixed[0], 0.25)
    np.testing.assert_array_equal(mixed[1], [[0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]])
    features = keras.ops.convert_to_numpy(
        mix(first[:, 0, :, 0], second[:, 0, :, 0], np.array([0.5, 0.1], np.float32), box)
    )
    np.testing.assert_allclose(features, [[0.5] * 4, [0.9] * 4])
