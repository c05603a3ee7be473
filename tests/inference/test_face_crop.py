"""A face cut out of a picture, as it is or turned upright."""

import numpy as np
import pytest
from pictures import noise
from PIL import Image

from fer_bench.data.decode import fitted
from fer_bench.inference.face_crop import face_pixels
from fer_bench.inference.face_detector import Face

SHAPE = (48, 48, 1)


def test_the_pixels_are_those_of_the_box_at_the_models_size():
    picture = noise(size=(200, 100))
    pixels = face_pixels(picture, Face((20, 10, 116, 106)), SHAPE)
    np.testing.assert_array_equal(pixels, fitted(picture.crop((20, 10, 116, 106)), SHAPE))


@pytest.mark.parametrize(
    ("eyes", "tilt"), [(((60, 80), (100, 120)), 45), (((60, 120), (100, 80)), -45)], ids=("right", "left")
)
def test_what_is_tilted_clockwise_is_turned_back_around_the_middle(eyes, tilt):
    picture = Image.new("L", (200, 200))
    for x, y in eyes:
        picture.paste(255, (x - 3, y - 3, x + 4, y + 4))
    pixels = face_pixels(picture, Face((32, 52, 128, 148)), (96, 96, 1), tilt)[..., 0]
    rows, columns = np.nonzero(pixels > 128)
    half = 20 * 2**0.5  # each 20 to the side and 20 up or down of the middle, which is at (48, 48)
    assert rows.mean() == pytest.approx(48, abs=1) and rows.max() - rows.min() < 12
    assert columns[columns < 48].mean() == pytest.approx(48 - half, abs=1)
    assert columns[columns > 48].mean() == pytest.approx(48 + half, abs=1)
