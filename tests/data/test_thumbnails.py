import numpy as np

from fer_bench.data.thumbnails import low_frequencies, normalised, resampling, thumbnails


def test_grey_images_of_48_pixels_are_their_own_thumbnails():
    pixels = np.random.RandomState(0).randint(0, 256, (3, 48, 48, 1), dtype=np.uint8)
    assert (thumbnails(pixels) == pixels[..., 0]).all()


def test_colours_are_weighed_as_pillow_does():
    pixels = np.zeros((3, 48, 48, 3), np.uint8)
    for channel in range(3):
        pixels[channel, ..., channel] = 200
    assert thumbnails(pixels)[:, 5, 5].tolist() == [60, 117, 23]


def test_larger_and_smaller_images_keep_what_they_show():
    ramp = np.linspace(0, 255, 96)
    wide = np.tile(ramp, (96, 1)).astype(np.uint8)[None, ..., None]
    small = thumbnails(wide)[0, 20].astype(float)
    np.testing.assert_allclose(small, np.linspace(1.3, 253.7, 48), atol=1.5)
    assert (thumbnails(np.full((1, 20, 30, 1), 77, np.uint8)) == 77).all()


def test_resampling_is_a_mean_of_pixels():
    for side in (8, 31, 48, 96, 224):
        np.testing.assert_allclose(resampling(side).sum(axis=1), 1, rtol=1e-5)
    assert (resampling(48) == np.eye(48)).all()
    np.testing.assert_allclose(resampling(96)[5, 9:13], [0.125, 0.375, 0.375, 0.125])


def test_normalised_have_zero_mean_and_length_1_and_flat_ones_are_zero():
    values = normalised(np.stack([np.arange(2304).reshape(48, 48) % 251, np.full((48, 48), 9)]))
    np.testing.assert_allclose(values.mean(axis=(1, 2)), 0, atol=1e-6)
    np.testing.assert_allclose(np.square(values).sum(axis=(1, 2)), [1, 0], atol=1e-5)


def test_a_wave_has_one_frequency():
    wave = np.cos(3 * (np.arange(48) + 0.5) * np.pi / 48)
    found = low_frequencies(np.tile(wave, (48, 1))[None].astype(np.float32), 8)[0]
    assert np.abs(found).argmax() == 3  # vertical 0, horizontal 3
    np.testing.assert_allclose(found[0, 3], 48 / np.sqrt(2), rtol=1e-5)
