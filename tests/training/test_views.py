"""Views of a bank's images, and of those in a model file."""

import keras
import numpy as np
import pytest

from fer_bench.study.views import views
from fer_bench.training.pixels import PixelBank
from fer_bench.training.views import ViewedPixels, all_views

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 48, 48, 1)).astype(np.uint8)


@pytest.mark.parametrize("size", [24, 48, 96])
def test_a_bank_shows_what_the_layers_of_a_model_file_show(size):
    bank = PixelBank(PIXELS, size, None)
    shown = ViewedPixels(bank, size)
    index = np.arange(4, dtype="int32")
    images = keras.Input((size, size, 1))
    model = keras.Model(images, all_views(images, "ten"))
    by_view = np.split(np.asarray(model(bank(index))), 10)
    for view, expected in zip(views("ten", size), by_view, strict=True):
        shown.set(view)
        np.testing.assert_array_equal(shown(index), expected)
