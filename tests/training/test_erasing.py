"""Random erasing: how often, how large, and with what."""

import keras
import numpy as np

from fer_bench.training.erasing import erased

GREY = np.full((400, 40, 40, 3), -1.0, "float32")


def result(share, seed=0):
    return keras.ops.convert_to_numpy(erased(GREY, share, keras.random.SeedGenerator(seed)))


def test_about_the_share_of_images_loses_one_rectangle_within_the_papers_ranges():
    inside = result(0.5)[..., 0] >= 0
    changed = inside.any((1, 2))
    assert abs(changed.mean() - 0.5) < 0.08
    for mask in inside[changed]:
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        assert mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all(), "a whole rectangle"
        assert mask.sum() == len(rows) * len(columns)
    shares = inside[changed].mean((1, 2))
    assert shares.min() > 0.005 and shares.max() < 0.45
    assert abs(shares.mean() - 0.21) < 0.03, "uniform from 2 to 40 %, less what would be beyond the border"


def test_rectangles_lie_everywhere_and_are_noise_in_each_channel():
    images = result(0.999)
    inside = images >= 0
    covered = inside[..., 0].mean(0)
    assert covered[4:-4, 4:-4].min() > 0.05, "in the corners it is seldom"
    noise = images[inside]
    assert 0 <= noise.min() < 2 and 253 < noise.max() <= 255 and abs(noise.mean() - 127.5) < 1
    assert len(np.unique(images[0][inside[0]])) > 20


def test_the_same_seed_erases_the_same_and_a_share_of_0_nothing():
    np.testing.assert_array_equal(result(0.5, 3), result(0.5, 3))
    assert (result(0.5, 3) != result(0.5, 4)).any()
    np.testing.assert_array_equal(result(0.0), GREY)
