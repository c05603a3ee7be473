"""Pixels by index: the geometry of augmentation, on images that show it."""

import numpy as np
import pytest
from keras import ops
from PIL import Image

from fer_bench.study.augmentation import Augmentation
from fer_bench.training.pixels import PixelBank, affine, shrinking

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 24, 24, 1)).astype(np.uint8)
SMOOTH = np.add.outer(np.arange(48) * 3, np.arange(48) * 2)[None, :, :, None].astype(np.uint8)
ROTATION, SHEAR, ZOOM_X, ZOOM_Y, SHIFT_X, SHIFT_Y, FLIP = range(7)
STILL = Augmentation(flip=False)


def make_bank(pixels=PIXELS, size=24, augmentation=STILL):
    return PixelBank(pixels, size, augmentation)


def images(bank, index, training=False):
    return ops.convert_to_numpy(bank(np.asarray(index, "int32"), training=training))


def moved(pixels, augmentation, size=None, **draws):
    """First image under draws given by name, the others 0."""
    bank = make_bank(pixels, size or pixels.shape[1], augmentation)
    out = bank._sample(pixels[:1].astype("float32"), *maps(augmentation, **draws))
    return ops.convert_to_numpy(out)[0]


def maps(augmentation, strength=1.0, **draws):
    row = np.zeros((1, 7), "float32")
    for name, value in draws.items():
        row[0, globals()[name.upper()]] = value
    return affine(augmentation, ops.convert_to_tensor(row), ops.convert_to_tensor([np.float32(strength)]))


def matrix(augmentation, strength=1.0, **draws):
    return [ops.convert_to_numpy(part)[0] for part in maps(augmentation, strength, **draws)]


def test_pixels_come_by_index_as_they_are():
    result = images(make_bank(), [4, 0, 4])
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, PIXELS[[4, 0, 4]])


@pytest.mark.parametrize("size", [24, 48, 17])
def test_nothing_to_vary_is_the_plain_path(size):
    bank = make_bank(size=size)
    np.testing.assert_allclose(images(bank, range(6), True), images(bank, range(6)), atol=2e-2)


def test_augmentation_is_off_outside_training_and_without_a_recipe_for_it():
    strong = Augmentation(rotation=90, shift=0.5, zoom=0.5)
    np.testing.assert_array_equal(images(make_bank(augmentation=strong), range(6)), PIXELS)
    np.testing.assert_array_equal(images(make_bank(augmentation=None), range(6), True), PIXELS)


@pytest.mark.parametrize(
    ("old", "new"), [(48, 96), (24, 48), (24, 17), (48, 64), (24, 24), (48, 255), (48, 32), (96, 30)]
)
def test_resizing_is_bilinear_with_half_pixel_centres_and_a_filter_where_it_shrinks(old, new):
    pixels = np.random.default_rng(1).integers(0, 256, (3, old, old, 3)).astype(np.uint8)
    expected = ops.image.resize(pixels.astype("float32"), (new, new), "bilinear", antialias=new < old)
    result = images(make_bank(pixels, new), range(3))
    np.testing.assert_allclose(result, ops.convert_to_numpy(expected), atol=2e-2)
    pictures = [Image.fromarray(each).resize((new, new), Image.Resampling.BILINEAR) for each in pixels]
    np.testing.assert_allclose(
        result, np.stack(list(map(np.asarray, pictures))), atol=1.01, err_msg="rounded"
    )


@pytest.mark.parametrize("sides", [(20, 30), (30, 20), (40, 26)])
def test_an_oblong_image_is_fitted_to_the_square(sides):
    pixels = np.random.default_rng(1).integers(0, 256, (2, *sides, 1)).astype(np.uint8)
    expected = ops.image.resize(pixels.astype("float32"), (24, 24), "bilinear", antialias=True)
    np.testing.assert_allclose(images(make_bank(pixels), range(2)), ops.convert_to_numpy(expected), atol=2e-2)


def test_a_checkerboard_made_smaller_is_grey_not_another_pattern():
    board = np.indices((48, 48)).sum(axis=0)[None, :, :, None] % 2 * 200
    for size in (24, 16, 31):
        for augmentation in (
            None,
            Augmentation(),
            Augmentation(flip=False, rotation=20, zoom=0.1, shift=0.1),
        ):
            bank = make_bank(board.astype(np.uint8), size, augmentation)
            inner = images(bank, [0] * 8, training=True)[:, 4:-4, 4:-4]
            np.testing.assert_allclose(inner, 100, atol=25)  # without a filter 0 and 200
    # By hand: of 4 pixels at 1/4, 3/4, 5/4 and 7/4 the new one at 1/2 takes three, weighing 3/4, 3/4 and 1/4.
    np.testing.assert_allclose(shrinking(4, 2), np.array([[3, 0], [3, 1], [1, 3], [0, 3]]) / 7)


def test_enlarging_is_what_it_was_to_the_last_bit():
    """Where no side is longer than the net's, no filter is passed through."""
    bank = make_bank(size=32)
    plain = bank._sample(ops.cast(PIXELS, "float32"), None, None)
    np.testing.assert_array_equal(images(bank, range(6)), ops.convert_to_numpy(plain))


def test_a_flip_mirrors_left_and_right_exactly():
    flip = Augmentation()
    np.testing.assert_allclose(moved(PIXELS, flip, flip=-0.3), PIXELS[0, :, ::-1], atol=2e-2)
    np.testing.assert_allclose(moved(PIXELS, flip, flip=0.3), PIXELS[0], atol=2e-2)
    np.testing.assert_allclose(moved(PIXELS, STILL, flip=-0.3), PIXELS[0], atol=2e-2)


def test_about_half_of_the_images_are_flipped():
    result = images(make_bank(augmentation=Augmentation()), [0] * 400, True)
    flipped = np.abs(result - PIXELS[0, :, ::-1]).max(axis=(1, 2, 3)) < 1
    plain = np.abs(result - PIXELS[0]).max(axis=(1, 2, 3)) < 1
    assert (flipped ^ plain).all()
    assert 0.4 < flipped.mean() < 0.6


def test_a_shift_moves_by_its_share_and_repeats_the_border():
    quarter = Augmentation(flip=False, shift=0.25)
    result = moved(PIXELS, quarter, shift_x=1)[..., 0]
    np.testing.assert_allclose(result[:, :18], PIXELS[0, :, 6:, 0], atol=2e-2)
    np.testing.assert_allclose(result[:, 18:], np.repeat(PIXELS[0, :, -1:, 0], 6, 1), atol=2e-2)
    result = moved(PIXELS, quarter, shift_y=-1)[..., 0]
    np.testing.assert_allclose(result[6:], PIXELS[0, :18, :, 0], atol=2e-2)


@pytest.mark.parametrize(("turn", "times"), [(1, 1), (-1, -1)])
def test_a_quarter_turn_is_numpys(turn, times):
    result = moved(PIXELS, Augmentation(flip=False, rotation=90), rotation=turn)
    np.testing.assert_allclose(result, np.rot90(PIXELS[0], times), atol=2e-2)


@pytest.mark.parametrize("draw", [-1, -0.4, 0.1, 0.7])
def test_a_rotation_is_orthonormal(draw):
    result, shift = matrix(Augmentation(flip=False, rotation=30), rotation=draw)
    np.testing.assert_allclose(result @ result.T, np.eye(2), atol=1e-6)
    assert np.linalg.det(result) == pytest.approx(1)
    assert np.rad2deg(np.arctan2(result[1, 0], result[0, 0])) == pytest.approx(30 * draw, abs=1e-3)
    assert not shift.any()


def test_zoom_and_shear_are_what_they_are_called():
    zoom = Augmentation(flip=False, zoom=0.2, shear=45)
    np.testing.assert_allclose(matrix(zoom, zoom_x=1, zoom_y=-1)[0], np.diag([1.2, 0.8]), atol=1e-6)
    np.testing.assert_allclose(matrix(zoom, shear=1)[0], [[1, 1], [0, 1]], atol=1e-6)


def test_zooming_in_shows_the_middle_larger():
    # On a plane of constant slope a map is the plane of the mapped places.
    result = moved(SMOOTH, Augmentation(flip=False, zoom=0.5), zoom_x=-1, zoom_y=-1)[..., 0]
    middle = np.linspace(12, 35.5, 48) - 0.25
    np.testing.assert_allclose(result, np.add.outer(middle * 3, middle * 2), atol=0.1)


def test_all_of_it_together_is_one_affine_map():
    everything = Augmentation(rotation=20, shift=0.1, zoom=0.2, shear=10)
    draws = dict(rotation=0.5, shear=-0.7, zoom_x=0.3, zoom_y=-0.9, flip=-1)
    a, s = np.deg2rad(10), np.tan(np.deg2rad(-7))
    turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    expected = np.diag([1.06 * -1, 0.82]) @ turn @ np.array([[1, s], [0, 1]])
    result, shift = matrix(everything, **draws, shift_x=1, shift_y=-0.5)
    np.testing.assert_allclose(result, expected, atol=1e-5)
    np.testing.assert_allclose(shift, [0.1, -0.05], atol=1e-6)


def test_strength_scales_the_ranges_and_not_the_flip():
    everything = Augmentation(rotation=20, shift=0.1, zoom=0.2, shear=10)
    draws = dict(rotation=1, shear=1, zoom_x=1, zoom_y=1, shift_x=1, shift_y=1, flip=-1)
    result, shift = matrix(everything, strength=0.0, **draws)
    np.testing.assert_allclose(result, np.diag([-1, 1]), atol=1e-6)
    assert not shift.any()
    twice, shift = matrix(Augmentation(flip=False, rotation=20, shift=0.1), 2.0, rotation=1, shift_x=1)
    assert np.rad2deg(np.arctan2(twice[1, 0], twice[0, 0])) == pytest.approx(40, abs=1e-3)
    assert shift[0] == pytest.approx(0.2)


def test_each_image_has_a_strength_of_its_own():
    turned = Augmentation(flip=False, rotation=20, shift=0.1, zoom=0.1, shear=5)

    def draw(strengths):
        bank = make_bank(augmentation=turned)
        bank.reset(7, np.asarray(strengths, "float32"))
        return images(bank, [0, 1, 2, 1], True)

    plain, mixed = draw([1.5] * 6), draw([0, 1.5, 3, 1, 1, 1])
    np.testing.assert_allclose(mixed[0], PIXELS[0], atol=2e-2)
    np.testing.assert_array_equal(mixed[[1, 3]], plain[[1, 3]], "the same draws, so the same images")
    np.testing.assert_array_equal(mixed[2], draw([3.0] * 6)[2])
    assert not np.array_equal(mixed[2], plain[2])


def test_the_largest_size_is_255():
    bank = make_bank(size=255, augmentation=Augmentation(rotation=20, shift=0.1))
    for training in (False, True):
        result = images(bank, [5, 0], training)
        assert result.shape == (2, 255, 255, 1)
        assert np.isfinite(result).all()
        assert result.max() <= 255 + 1e-2


def test_values_stay_between_those_of_the_image_however_wild_the_map():
    wild = Augmentation(rotation=180, shift=0.9, zoom=0.9, shear=80)
    result = images(make_bank(augmentation=wild), [0] * 64, True)
    assert np.isfinite(result).all()
    assert PIXELS[0].min() - 1e-2 <= result.min()
    assert result.max() <= PIXELS[0].max() + 1e-2


def test_images_of_a_batch_are_drawn_each_for_itself():
    result = images(make_bank(augmentation=Augmentation(rotation=20, shift=0.1)), [3] * 32, True)
    assert len({image.tobytes() for image in result}) == 32


def test_the_same_seed_gives_the_same_images_and_the_next_call_others():
    bank = make_bank(augmentation=Augmentation(rotation=20, shift=0.1))

    def draw(seed):
        bank.reset(seed, np.ones(6, "float32"))
        return images(bank, range(6), True)

    first = draw(7)
    again_without_reset = images(bank, range(6), True)
    np.testing.assert_array_equal(draw(7), first)
    assert not np.array_equal(first, again_without_reset)
    assert not np.array_equal(first, draw(8))


def test_a_shear_beyond_the_upright_keeps_its_side():
    def sheared(strength):
        return float(matrix(Augmentation(shear=30), strength, shear=1)[0][0, 1])

    assert sheared(1) == pytest.approx(np.tan(np.deg2rad(30)), rel=1e-5)
    assert sheared(3.5) == sheared(2.9) == pytest.approx(np.tan(np.deg2rad(75)), rel=1e-5)
