"""Chance from pixels: the same wherever an image lies."""

import numpy as np
from noise import noise_images

from fer_bench.data.draws import draws


def test_a_draw_depends_on_the_pixels_and_the_purpose_alone():
    images = noise_images(twins=3)
    every = np.arange(len(images))
    found = draws(images, every, "a")
    assert found.dtype == np.float64 and (found >= 0).all() and (found < 1).all()
    assert np.array_equal(found[[7, 2]], draws(images, np.array([7, 2]), "a"))
    reversed_images = noise_images(twins=3, pixels=images.pixels[::-1].copy())
    assert np.array_equal(found[::-1], draws(reversed_images, every, "a"))
    assert np.array_equal(found[:3], found[-3:]), "identical images"
    assert abs(np.corrcoef(found, draws(images, every, "b"))[0, 1]) < 0.1


def test_draws_are_the_same_on_every_machine_and_spread_evenly():
    images = noise_images()
    found = draws(images, np.arange(len(images)), "imbalance")
    assert found[:3].tolist() == [0.7922450381319989, 0.3828273475048083, 0.9631644439128395]
    assert np.allclose(np.quantile(found, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.05)
