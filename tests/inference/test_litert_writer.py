"""Keras models as LiteRT files in 8 bits."""

import numpy as np

from fer_bench.inference.model_writer import write


def test_in_8_bits_the_file_is_smaller_and_probabilities_stay_near(keras_model, litert_file, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 48, 48, 1), dtype=np.uint8)
    written = write(keras_model, tmp_path / "m.tflite", tmp_path, calibration=pixels)
    assert (tmp_path / "m.tflite").stat().st_size < 0.8 * litert_file.stat().st_size
    expected = keras_model.predict(pixels, verbose=0)
    assert 0 < np.abs(written.probabilities(pixels, 40) - expected).max() < 0.1
