"""Training splits of a given imbalance ratio, with numbers worked by hand."""

import numpy as np
import pytest
from noise import noise_images

from fer_bench.data.imbalance import Imbalance, class_counts, largest_total, shares, thin
from fer_bench.data.splits import split
from fer_bench.errors import UserError

COUNTS = np.array([200, 20, 380])  # angry, disgust, happy: ranks 1, 2 and 0
CLASSES = ("angry", "disgust", "happy")
FER2013 = np.array([3988, 436, 4097, 7214, 4964, 4829, 3170])


def test_exponential_falls_by_equal_factors_along_the_natural_order():
    # 4^0 : 4^-1/2 : 4^-1 = 1 : 1/2 : 1/4, of sum 7/4.
    assert shares(COUNTS, 4, "exponential") * 7 == pytest.approx([2, 1, 4])
    assert largest_total(COUNTS, 4, "exponential") == 140, "20 images of disgust are a seventh"
    assert class_counts(COUNTS, 4, "exponential", 140, CLASSES).tolist() == [40, 20, 80]


def test_step_makes_the_rarer_half_rare():
    assert shares(COUNTS, 4, "step") * 9 == pytest.approx([4, 1, 4]), "one of three classes is rare"
    assert class_counts(COUNTS, 4, "step", 180, CLASSES).tolist() == [80, 20, 80]
    seven = shares(FER2013, 10, "step") * 4.3
    # happy, neutral, sad and fear are commoner than angry, surprise and disgust
    assert seven == pytest.approx([0.1, 0.1, 1, 1, 1, 1, 0.1])


def test_a_ratio_of_one_is_balanced():
    assert shares(COUNTS, 1, "exponential") == pytest.approx([1 / 3] * 3)
    assert largest_total(FER2013, 1, "exponential") == 7 * 436


def test_equal_classes_rank_in_the_order_of_their_labels():
    assert shares(np.array([5, 5]), 3, "exponential") * 4 == pytest.approx([3, 1])


def test_what_rounding_leaves_goes_where_most_was_lost():
    # 100 images: 57.14, 28.57 and 14.29 of happy, angry and disgust.
    assert class_counts(COUNTS, 4, "exponential", 100, CLASSES).tolist() == [29, 14, 57]
    for total in range(60, 141):
        assert class_counts(COUNTS, 4, "exponential", total, CLASSES).sum() == total


@pytest.mark.parametrize("profile", ["exponential", "step"])
@pytest.mark.parametrize("ratio", [1, 2, 5, 16.5, 50, 200])
def test_the_largest_total_can_be_had_and_no_larger_one(ratio, profile):
    total = largest_total(FER2013, ratio, profile)
    found = class_counts(FER2013, ratio, profile, total, tuple("abcdefg"))
    assert (found <= FER2013).all() and found.sum() == total
    assert found.max() / found.min() == pytest.approx(ratio, rel=0.6 / found.min())
    ideal = shares(FER2013, ratio, profile) * (total + 1)
    assert (ideal > FER2013).any()


def test_what_cant_be_is_said():
    with pytest.raises(UserError, match=r"imbalance_ratio 0\.5: expected 1"):
        shares(COUNTS, 0.5, "step")
    with pytest.raises(
        UserError, match=r"imbalance_ratio 100 leaves 1 of 140 training images to disgust: at least 2"
    ):
        class_counts(COUNTS, 100, "exponential", 140, CLASSES)


def test_training_images_are_thinned_and_nothing_else():
    images = noise_images()
    parts = split(images, "official")
    thinned = thin(images, parts, Imbalance(4, "exponential", 140))
    assert images.counts(thinned.train).tolist() == [40, 20, 80]
    assert (np.diff(thinned.train) > 0).all() and np.isin(thinned.train, parts.train).all()
    for part in ("val", "test", "dedup"):
        assert np.array_equal(getattr(thinned, part), getattr(parts, part))


def test_fewer_images_of_a_class_are_among_more_of_them():
    images = noise_images()
    parts = split(images, "official")
    mild, strong = (thin(images, parts, Imbalance(r, "exponential", 60)).train for r in (1, 9))
    for label in range(3):
        few, many = sorted((each[images.labels[each] == label] for each in (mild, strong)), key=len)
        assert np.isin(few, many).all()


def test_the_order_of_the_images_changes_nothing():
    images, last = noise_images(), np.arange(759, -1, -1)
    turned = noise_images(
        pixels=images.pixels[last].copy(), labels=images.labels[last], subsets=images.subsets[last]
    )
    wanted = Imbalance(4, "step", 90)
    here, there = (thin(each, split(each, "official"), wanted).train for each in (images, turned))
    assert np.array_equal(images.pixels[here], turned.pixels[there[::-1]])
