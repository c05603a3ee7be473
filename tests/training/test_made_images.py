"""Images that a strategy makes: how many, of which classes, between which real ones."""

from dataclasses import dataclass, replace

import keras
import numpy as np
import pytest

from fer_bench.strategies.base import STRATEGIES, Strategy
from fer_bench.training import autoencoder
from fer_bench.training.made_images import COLUMNS, MadeImages
from fer_bench.training.pixels import PixelBank


@dataclass(frozen=True)
class Halfway(Strategy):
    """Of class 1 so many further images, each halfway between its first two codes."""

    number: int = 2
    missing: int = 0

    def image_counts(self, class_counts):
        return class_counts + self.number * (np.arange(len(class_counts)) == 1)

    def resample_codes(self, codes, labels, seed):
        made = self.number - self.missing
        halfway = codes[labels == 1][:2].mean(axis=0, keepdims=True)
        return np.concatenate([codes, *[halfway] * made]), np.append(labels, np.ones(made, labels.dtype))


def flat(size=24):
    """A net that takes the mean of each row of pixels for a feature."""
    pixels = keras.Input((size, size, 1))
    return keras.Model(pixels, keras.ops.mean(pixels, axis=(2, 3)))


@pytest.fixture
def made(data):
    return MadeImages(PixelBank(data.pixels, 24, None), flat())


def test_without_any_nothing_is_built(made, data):
    assert not made.begin_trial(STRATEGIES["smote"](), 0, data)
    assert made._with_room is None and made._known is None
    assert made.seconds == 0
    rows = data.train, data.labels
    assert made.rows_behind(*rows) == rows
    assert made.features_behind(*rows) == rows
    assert made.sheet(data) is None


def test_as_many_as_were_told_lie_behind_the_real_ones_with_their_class(made, data):
    assert made.begin_trial(STRATEGIES["deep_smote"](), 0, data)
    counts = data.class_counts
    np.testing.assert_array_equal(np.bincount(made.labels, minlength=5), counts.max() - counts)
    rows, labels = made.rows_behind(data.train, data.labels)
    np.testing.assert_array_equal(np.bincount(labels[rows]), [counts.max()] * 5)
    np.testing.assert_array_equal(rows[: len(data.train)], data.train)
    np.testing.assert_array_equal(rows[len(data.train) :], 300 + np.arange(len(made.labels)))


def test_one_lies_between_the_images_that_its_neighbours_decode_to(made, data):
    made.begin_trial(Halfway(), 0, data)
    coder, (_, _, codes) = made.coder, made._known
    neighbours = codes[data.labels[data.train] == 1][:2]
    images = made.bank.on_host
    np.testing.assert_array_equal(images[0], coder.decode(neighbours.mean(axis=0, keepdims=True))[0])
    first, second = coder.decode(neighbours).astype(float)
    apart = np.abs(first - second).mean()
    assert max(np.abs(images[0] - end).mean() for end in (first, second)) <= apart + 1
    np.testing.assert_array_equal(images[0], images[1])


def test_their_features_are_those_of_their_pixels(made, data):
    made.begin_trial(Halfway(3), 0, data)
    given = np.zeros((4, 24), np.float32), np.zeros(4, np.int32)
    features, labels = made.features_behind(*given)
    np.testing.assert_array_equal(labels, [0, 0, 0, 0, 1, 1, 1])
    np.testing.assert_allclose(features[4:], made.bank.on_host.mean(axis=(2, 3)), rtol=1e-5)


def test_the_autoencoder_is_kept_for_the_next_trial_with_the_same_seed(made, data):
    made.begin_trial(Halfway(), 0, data)
    first, took = made.bank.on_host.copy(), made.seconds
    codes = made._known[2]
    assert not made.begin_trial(Halfway(1), 0, data), "there is room"
    assert made._known[2] is codes
    assert made.seconds < took / 2
    made.begin_trial(Halfway(), 1, data)
    assert not np.array_equal(made._known[2], codes)
    assert not np.array_equal(made.bank.on_host, first)
    made.begin_trial(Halfway(), 0, data)
    np.testing.assert_array_equal(made.bank.on_host, first, "to the last bit")


def test_more_than_fit_are_refused_before_anything_is_trained(data):
    made = MadeImages(PixelBank(data.pixels, 24, None), flat(), largest=24 * 24 * 100)
    with pytest.raises(
        MemoryError, match=r"^101 made images of 24 x 24 pixels: .* at most .* fit: use fewer"
    ):
        made.begin_trial(Halfway(101), 0, data)
    assert made._known is None


def test_another_number_than_was_told_is_refused(made, data):
    with pytest.raises(ValueError, match="resample_codes made 1 codes, image_counts promised 2"):
        made.begin_trial(Halfway(2, missing=1), 0, data)


def test_the_sheet_shows_real_images_and_made_ones_of_each_class(made, data):
    made.begin_trial(Halfway(2), 0, data)
    sheet = made.sheet(data)
    assert sheet.shape == (5, 2, COLUMNS, 24, 24, 1)
    first = data.train[data.labels[data.train] == 1]
    shown = min(COLUMNS, len(first))
    np.testing.assert_array_equal(sheet[1, 0, :shown], data.pixels[first[:COLUMNS]])
    np.testing.assert_array_equal(sheet[1, 1, :2], made.bank.on_host)
    assert not sheet[1, 1, 2:].any()
    assert not sheet[[0, 2, 3, 4], 1].any(), "of these none were made"


def test_large_images_are_thinned_out_on_the_sheet(data, monkeypatch):
    monkeypatch.setattr(autoencoder, "EPOCHS", 1)  # real images are looked at alone
    large = replace(data, pixels=data.pixels.repeat(6, axis=1).repeat(6, axis=2))
    made = MadeImages(PixelBank(large.pixels, 24, None), flat())
    made.begin_trial(Halfway(1), 0, large)
    sheet = made.sheet(large)
    assert sheet.shape[3:] == (48, 48, 1)
    first = large.train[large.labels[large.train] == 0][0]
    np.testing.assert_array_equal(sheet[0, 0, 0], large.pixels[first][::3, ::3])
