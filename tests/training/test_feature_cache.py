import numpy as np
import pytest
from keras import ops

from fer_bench.training.feature_cache import FeatureBank, FeatureCache

ROWS = np.arange(30, dtype="float32").reshape(5, 2, 3)


class Trunk:
    """Features of five images; notes which it was asked for."""

    def __init__(self):
        self.asked = []

    def __call__(self, index):
        self.asked += index.tolist()
        return ROWS[index]


def on_device(cache):
    return ops.convert_to_numpy(cache.bank.features.value)


def loaded(synthetic_rows=0):
    trunk = Trunk()
    cache = FeatureCache(5, (2, 3), trunk, 2**20)
    cache.begin_trial(0, synthetic_rows)
    cache.load(np.arange(5))
    return cache, trunk


def test_features_come_by_index():
    bank = FeatureBank(5, (3, 2))
    bank.features.assign(np.arange(30, dtype="float32").reshape(5, 3, 2))
    taken = ops.convert_to_numpy(bank(bank.inputs(np.array([4, 0]))))
    np.testing.assert_array_equal(taken, [[[24, 25], [26, 27], [28, 29]], [[0, 1], [2, 3], [4, 5]]])


def test_every_image_is_computed_once_for_a_trunk():
    trunk = Trunk()
    cache = FeatureCache(5, (2, 3), trunk, 2**20)
    for number, index, asked in (
        (0, [3, 1], [3, 1]), (0, [1, 2, 3], [2]), (7, [3], [3]), (0, [2, 3], []),
    ):  # fmt: skip
        trunk.asked.clear()
        cache.begin_trial(number, 0)
        cache.load(np.array(index))
        assert trunk.asked == asked
        np.testing.assert_array_equal(on_device(cache)[index], ROWS[index])


def test_the_least_recently_used_trunk_is_dropped_where_memory_is_short():
    trunk = Trunk()
    cache = FeatureCache(5, (2, 3), trunk, 2 * ROWS.nbytes)
    for number in (0, 1, 0, 2):
        cache.begin_trial(number, 0)
        cache.load(np.arange(5))
    trunk.asked.clear()
    cache.begin_trial(0, 0)
    cache.load(np.arange(5))
    assert trunk.asked == []
    cache.begin_trial(1, 0)
    cache.load(np.arange(5))
    assert trunk.asked == [0, 1, 2, 3, 4]


def test_synthetic_rows_lie_behind_those_of_the_images():
    cache, trunk = loaded(synthetic_rows=2)
    trunk.asked.clear()
    labels = np.array([1, 0, 1, 1, 0], "int32")
    resampled = []

    def halfway(features, of):
        resampled.extend([features, of])
        return np.concatenate([features, features[:2] + 0.5]), np.concatenate([of, [7, 8]])

    index, row_labels = cache.training_rows(np.array([3, 1]), labels, halfway)
    np.testing.assert_array_equal(resampled[0], ROWS[[3, 1]].reshape(2, 6), "flat")
    np.testing.assert_array_equal(resampled[1], labels[[3, 1]])
    np.testing.assert_array_equal(index, [3, 1, 5, 6])
    np.testing.assert_array_equal(row_labels, [*labels, 7, 8])
    cache.load(index)
    assert trunk.asked == [], "all are known"
    np.testing.assert_array_equal(on_device(cache)[:5], ROWS)
    np.testing.assert_array_equal(on_device(cache)[5:], ROWS[[3, 1]] + 0.5, "in the shape of the others")


def test_without_synthetic_rows_a_trial_trains_on_its_images():
    cache, _ = loaded()
    index, labels = np.array([3, 1]), np.zeros(5, "int32")
    rows, row_labels = cache.training_rows(index, labels, lambda *_: pytest.fail("nothing is resampled"))
    assert rows is index
    assert row_labels is labels


def test_other_rows_than_were_promised_are_refused():
    cache, _ = loaded(synthetic_rows=3)
    with pytest.raises(ValueError, match="resample_features made 0 rows, feature_counts promised 3"):
        cache.training_rows(np.array([3, 1]), np.zeros(5, "int32"), lambda rows, labels: (rows, labels))


def test_more_room_is_a_new_bank_of_the_features_known_already():
    cache, trunk = loaded()
    trunk.asked.clear()
    before = cache.bank
    assert before.features.shape == (5, 2, 3)
    assert cache.begin_trial(0, 4)
    assert cache.bank is not before
    assert cache.bank.features.shape == (9, 2, 3)
    cache.load(np.arange(5))
    assert trunk.asked == []
    np.testing.assert_array_equal(on_device(cache)[:5], ROWS)
    assert not cache.begin_trial(0, 3)
    assert not cache.begin_trial(0, 4), "there is room already"


def test_synthetic_rows_have_to_fit_beside_the_images():
    cache = FeatureCache(300, (128,), Trunk(), 305 * 128 * 4)
    assert cache.begin_trial(0, 5)
    with pytest.raises(MemoryError, match=r"300 images and 6 made rows: 0\.0 GiB; at most 0\.0 fit: use"):
        cache.begin_trial(0, 6)
