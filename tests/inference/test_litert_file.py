"""LiteRT files: the probabilities of the Keras model; files from elsewhere are refused."""

import sys
import zipfile

import numpy as np
import pytest

from fer_bench.errors import UserError
from fer_bench.inference.litert_file import open_litert

PIXELS = np.random.default_rng(0).integers(0, 256, (70, 48, 48, 1), dtype=np.uint8)


def test_probabilities_are_those_of_keras_for_batches_of_any_size(litert_file, keras_model):
    expected = keras_model.predict(PIXELS, verbose=0)
    opened = open_litert(litert_file)
    for count in (1, 5, 70):
        np.testing.assert_allclose(opened.probabilities(PIXELS[:count], 64), expected[:count], atol=1e-5)


def test_class_names_can_be_unzipped_from_the_file(litert_file):
    with zipfile.ZipFile(litert_file) as file:
        assert file.read("classes.json") == b'["angry", "happy", "sad"]'
        assert file.read("image_shape.json") == b"[48, 48, 1]"


def test_without_litert_it_is_said_what_to_install(litert_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(UserError, match=r'pip install "fer-bench\[litert\]"'):
        open_litert(litert_file)


@pytest.mark.parametrize("share", [0.001, 0.3, 0.9, 0.999])
def test_a_file_that_was_cut_off_is_refused_in_a_line(litert_file, tmp_path, share):
    whole = litert_file.read_bytes()
    (tmp_path / "m.tflite").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(UserError, match=r"can't be run by LiteRT|none by fer-bench export") as told:
        open_litert(tmp_path / "m.tflite")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "texts",
    [
        {"classes": '["a", "b"]', "image_shape": "[48, 48, 1]"},
        {"classes": '["a", "b", "c"]', "image_shape": "[48, 48, 7]"},
        {"classes": '["a", "b", "c"]'},
        {"classes": '["a", "b", "c"]', "image_shape": " " * 2**21 + "[48, 48, 1]"},
    ],
    ids=["two of three", "seven channels", "no shape", "a bomb"],
)
def test_odd_metadata_are_refused(litert_file, tmp_path, texts):
    with zipfile.ZipFile(litert_file) as file:
        model = litert_file.read_bytes()[: file.filelist[0].header_offset]
    path = tmp_path / "m.tflite"
    path.write_bytes(model)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as file:
        for name, text in texts.items():
            file.writestr(f"{name}.json", text)
    with pytest.raises(UserError, match="none by fer-bench export"):
        open_litert(path)
