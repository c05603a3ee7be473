"""Made images behind real ones, on the device or sent to it."""

import numpy as np
import pytest
from keras import ops

from fer_bench.study.augmentation import Augmentation
from fer_bench.training.pixels import PhasePixels, PixelBank
from fer_bench.training.pixels_with_room import BankWithRoom, PixelsBehind

RNG = np.random.default_rng(0)
REAL, MADE = (RNG.integers(0, 256, (number, 24, 24, 1)).astype(np.uint8) for number in (6, 3))
MOVING = Augmentation(flip=True, rotation=20, shift=0.2)


def banks(largest=2**31, augmentation=MOVING):
    """A bank, the same with room for 5, of which 3 are filled, and one that holds all as real ones."""
    bank, whole = (PixelBank(p, 24, augmentation, largest) for p in (REAL, np.concatenate([REAL, MADE])))
    roomy = BankWithRoom(bank, 5)
    roomy.fill(MADE)
    return bank, roomy, whole


def images(bank, index, training=False):
    return ops.convert_to_numpy(bank(bank.inputs(np.asarray(index)), training=training))


@pytest.mark.parametrize("largest", [2**31, 10], ids=["on the device", "sent"])
def test_made_images_come_by_index_behind_the_real_ones(largest):
    bank, roomy, _ = banks(largest)
    assert (roomy.host_pixels is None) == (largest > 10)
    found = images(roomy, [0, 7, 5, 8, 6])
    np.testing.assert_array_equal(found, np.concatenate([REAL, MADE])[[0, 7, 5, 8, 6]])
    np.testing.assert_array_equal(images(roomy, [9]), 0, "room that is not filled")
    np.testing.assert_array_equal(images(roomy, range(6)), images(bank, range(6)))


@pytest.mark.parametrize("largest", [2**31, 10], ids=["on the device", "sent"])
def test_they_are_augmented_as_if_they_were_real_each_with_its_strength(largest):
    bank, roomy, whole = banks(largest)
    strength = np.float32([1, 1, 0, 1, 2, 1, 0, 3, 1])
    whole.reset(4, strength)
    bank.reset(4, strength[:6])
    roomy.set_strength(strength[6:])
    index = [7, 0, 6, 4, 2, 8]
    found, expected = images(roomy, index, training=True), images(whole, index, training=True)
    np.testing.assert_array_equal(found, expected)
    assert not np.array_equal(found[0], MADE[1])
    whole.reset(4, strength)
    bank.reset(4, strength[:6])
    halves = [PhasePixels(each, Augmentation(flip=False, shift=0.2, strength=0.5)) for each in (roomy, whole)]
    np.testing.assert_array_equal(*(images(each, index, training=True) for each in halves))


def test_others_take_the_place_of_images_of_before():
    _, roomy, _ = banks()
    roomy.fill(255 - MADE[:2])
    np.testing.assert_array_equal(images(roomy, [6, 7, 8]), [*(255 - MADE[:2]), MADE[2]])


def test_the_real_ones_may_be_a_memory_map_and_are_not_copied(tmp_path):
    np.save(tmp_path / "real.npy", REAL)
    mapped = np.load(tmp_path / "real.npy", mmap_mode="r")
    both = PixelsBehind(mapped, MADE)
    np.testing.assert_array_equal(both[np.array([5, 6, 0])], [REAL[5], MADE[0], REAL[0]])
    assert both.shape[1:] == (24, 24, 1)
