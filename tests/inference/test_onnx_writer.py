"""Keras models as ONNX files: pictures of any size, names and metadata, 8 bits."""

import json

import numpy as np
import onnx
import onnxruntime

from fer_bench.inference.model_writer import write
from fer_bench.inference.self_contained import self_contained


def test_pictures_of_any_size_grey_or_rgb_go_in_by_plain_onnx_runtime(onnx_file, keras_model):
    session = onnxruntime.InferenceSession(onnx_file)
    for shape in ((2, 97, 61, 3), (1, 30, 40, 1), (3, 48, 48, 3)):
        pictures = np.random.default_rng(0).uniform(0, 255, shape).astype("float32")
        (found,) = session.run(None, {"pictures": pictures})
        np.testing.assert_allclose(found, keras_model.predict(pictures, verbose=0), atol=1e-5)


def test_the_file_says_what_it_takes_and_gives(onnx_file):
    model = onnx.load(onnx_file)
    onnx.checker.check_model(model)
    sides = [side.dim_param for side in model.graph.input[0].type.tensor_type.shape.dim]
    assert (model.graph.input[0].name, sides) == ("pictures", ["batch", "height", "width", "channels"])
    assert model.graph.output[0].name == "probabilities"
    texts = {each.key: json.loads(each.value) for each in model.metadata_props}
    assert texts == {"classes": ["angry", "happy", "sad"], "image_shape": [48, 48, 1]}


def test_gelu_of_which_tensorflow_makes_an_erfc_is_computed(tmp_path):
    import keras

    net = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
    net.add(keras.layers.Dense(5, "gelu"))
    net.add(keras.layers.Dense(3))
    model = self_contained(net, (8, 8, 1), ("a", "b", "c"), np.full(3, 0.02), np.zeros(3))
    pixels = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 1), dtype=np.uint8)
    found = write(model, tmp_path / "m.onnx", tmp_path).probabilities(pixels, 9)
    np.testing.assert_allclose(found, model.predict(pixels, verbose=0), atol=1e-5)


def test_in_8_bits_probabilities_stay_near(keras_model, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 48, 48, 1), dtype=np.uint8)
    written = write(keras_model, tmp_path / "m.onnx", tmp_path, calibration=pixels)
    assert written.classes == ("angry", "happy", "sad")
    types = {each.data_type for each in onnx.load(tmp_path / "m.onnx").graph.initializer}
    assert onnx.TensorProto.INT8 in types
    expected = keras_model.predict(pixels, verbose=0)
    found = written.probabilities(pixels, 40)
    assert 0 < np.abs(found - expected).max() < 0.1
