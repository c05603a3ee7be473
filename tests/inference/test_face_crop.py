"""A face cut out of a picture."""

import numpy as np
from pictures import noise

from fer_bench.data.decode import fitted
from fer_bench.inference.face_crop import face_pixels
from fer_bench.inference.face_detector import Face


def test_the_pixels_are_those_of_the_box_at_the_models_size():
    picture = noise(size=(200, 100))
    pixels = face_pixels(picture, Face((20, 10, 116, 106)), (48, 48, 1))
    np.testing.assert_array_equal(pixels, fitted(picture.crop((20, 10, 116, 106)), (48, 48, 1)))
