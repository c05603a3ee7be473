"""ONNX files: the probabilities of the Keras model, without TensorFlow; files from elsewhere are refused."""

import json
import subprocess
import sys

import numpy as np
import onnx
import pytest
from pictures import noise

from fer_bench.errors import UserError
from fer_bench.inference.onnx_file import open_onnx

PIXELS = np.random.default_rng(0).integers(0, 256, (70, 48, 48, 1), dtype=np.uint8)
WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in ('tensorflow', 'keras', 'mlflow', 'torch', 'jax', 'onnx', 'tf2onnx'):
            raise ImportError(name + ' is not installed here')
sys.meta_path.insert(0, Absent())
sys.argv = ['fer-bench', 'predict', '--json', '--model', 'm.onnx', 'a.png', 'b.png']
from fer_bench.cli.main import main
main()
"""


def test_probabilities_are_those_of_keras_for_batches_of_any_size(onnx_file, keras_model):
    expected = keras_model.predict(PIXELS, verbose=0)
    opened = open_onnx(onnx_file)
    for count in (1, 5, 70):
        found = opened.probabilities(PIXELS[:count], 64)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected[:count], atol=1e-5)


def test_it_predicts_where_neither_tensorflow_nor_keras_is(onnx_file, keras_model, tmp_path):
    (tmp_path / "m.onnx").write_bytes(onnx_file.read_bytes())
    pictures = [noise(seed) for seed in (0, 1)]
    for name, picture in zip("ab", pictures, strict=True):
        picture.save(tmp_path / f"{name}.png")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    expected = keras_model.predict(np.stack([np.asarray(each)[..., None] for each in pictures]), verbose=0)
    for line, probabilities in zip(done.stdout.splitlines(), expected, strict=True):
        said = json.loads(line)["probabilities"]
        np.testing.assert_allclose([said[n] for n in ("angry", "happy", "sad")], probabilities, atol=1e-5)


def test_without_onnx_runtime_it_is_said_what_to_install(onnx_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match=r'pip install "fer-bench\[onnx\]"'):
        open_onnx(onnx_file)


def changed(onnx_file, tmp_path, change):
    """A copy of the file with something changed in its model."""
    model = onnx.load(onnx_file)
    change(model)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    return tmp_path / "m.onnx"


def metadata(**texts):
    def change(model):
        kept = {each.key: each.value for each in model.metadata_props}
        del model.metadata_props[:]
        onnx.helper.set_model_props(model, {**kept, **texts})

    return change


def as_double(model):
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.DOUBLE


def logits(model):
    """End before the softmax."""
    last = model.graph.node[-1]
    assert last.op_type == "Softmax"
    last.op_type = "Identity"
    del last.attribute[:]


def foreign(model):
    model.graph.node[-1].domain = "com.example"
    model.opset_import.append(onnx.helper.make_opsetid("com.example", 1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda model: model.metadata_props.pop(), "none by fer-bench export"),
        (metadata(classes='["a", "b", "c", "d"]'), "none by fer-bench export"),
        (metadata(classes='["a"]'), "none by fer-bench export"),
        (metadata(image_shape="[48, 48, 2]"), "none by fer-bench export"),
        (logits, "none by fer-bench export"),
        (as_double, "can't be run by ONNX Runtime"),
        (foreign, "can't be run by ONNX Runtime"),
        (lambda model: model.graph.ClearField("output"), "none by fer-bench export"),
    ],
)
def test_models_from_elsewhere_are_refused_in_a_line(onnx_file, tmp_path, change, message):
    with pytest.raises(UserError, match=message) as told:
        open_onnx(changed(onnx_file, tmp_path, change))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("share", [0.001, 0.3, 0.9, 0.999])
def test_a_file_that_was_cut_off_is_refused_in_a_line(onnx_file, tmp_path, share):
    whole = onnx_file.read_bytes()
    (tmp_path / "m.onnx").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(UserError, match=r"can't be run by ONNX Runtime|none by fer-bench export"):
        open_onnx(tmp_path / "m.onnx")


@pytest.mark.parametrize("place", ["weights.bin", "../weights.bin", "absolute"])
def test_no_other_file_is_read(onnx_file, tmp_path, monkeypatch, place):
    """Weights in a file beside the model, or anywhere else."""
    inside = tmp_path / "inside"
    inside.mkdir()
    monkeypatch.chdir(inside)

    def point_outside(model):
        weights = next(each for each in model.graph.initializer if len(each.raw_data) > 100)
        for folder in (tmp_path, inside):
            (folder / "weights.bin").write_bytes(weights.raw_data)
        weights.ClearField("raw_data")
        location = str(tmp_path / "weights.bin") if place == "absolute" else place
        weights.data_location = onnx.TensorProto.EXTERNAL
        weights.external_data.add(key="location", value=location)

    with pytest.raises(UserError, match="can't be run by ONNX Runtime"):
        open_onnx(changed(onnx_file, inside, point_outside))
