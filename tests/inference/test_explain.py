"""Heat lies where a class is decided; pictures of it are written; what can't be explained is said so."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from command import run_command
from known_regions import HALVES, half_surprised, learnt_halves
from pictures import noise
from PIL import Image

from fer_bench.backbones.base import BACKBONES
from fer_bench.inference.explain import LEAST_PLACES, Explainer
from fer_bench.inference.model_file import open_model
from fer_bench.inference.model_writer import write
from fer_bench.inference.self_contained import self_contained

QUICK = "mini_xception"
BACKBONES_HERE = [name if name == QUICK else pytest.param(name, marks=pytest.mark.slow) for name in BACKBONES]


@pytest.fixture(scope="module")
def explainers(tmp_path_factory) -> dict[str, Explainer]:
    """A net that learnt to tell each half of a face, through a model file."""
    folder = tmp_path_factory.mktemp("halves")
    for half, model in learnt_halves().items():
        model.save(folder / f"{half}.keras")
    return {half: Explainer(open_model(folder / f"{half}.keras")) for half in HALVES}


def test_heat_lies_in_the_half_that_decides(explainers):
    faces, labels = half_surprised(100, seed=9)
    both = faces[(labels["upper"] == 1) & (labels["lower"] == 1)]
    assert len(both) > 15
    for half, other in (("upper", "lower"), ("lower", "upper")):
        probabilities, explained, heat = explainers[half](both, label=1)
        assert (probabilities.argmax(axis=1) == 1).mean() > 0.7
        assert set(explained) == {1}
        assert heat.shape == both.shape[:3]
        of_half = heat[:, HALVES[half]].sum(axis=(1, 2)) / heat.sum(axis=(1, 2))
        assert of_half.mean() > 0.6
        assert (of_half > 0.6).mean() > 0.8
        assert heat[:, HALVES[other]].sum() < 0.4 * heat.sum(), "and not where the other net has it"


def test_the_likeliest_class_is_explained_where_none_is_named(explainers):
    faces, _ = half_surprised(8, seed=9)
    probabilities, explained, heat = explainers["lower"](faces)
    np.testing.assert_array_equal(explained, probabilities.argmax(axis=1))
    for label in (0, 1):
        _, _, of_label = explainers["lower"](faces, label)
        np.testing.assert_allclose(heat[explained == label], of_label[explained == label], atol=1e-5)
    assert heat.min() >= 0
    assert np.all((heat.max(axis=(1, 2)) == 1) | (heat.max(axis=(1, 2)) == 0))


@pytest.mark.parametrize("backbone", BACKBONES_HERE)
def test_every_backbone_has_a_map_that_is_wide_enough(backbone, tmp_path):
    from fer_bench.inference.self_contained import plain, self_contained
    from fer_bench.study.recipe import Recipe
    from fer_bench.training.net import Net

    recipe = Recipe(image_size=64, weights="none", head={"normalize": True})
    net = Net(BACKBONES[backbone](), recipe, 1, 3, None)
    model = self_contained(plain(net.whole), (48, 48, 1), ("a", "b", "c"), np.array([1, 2, 3]), np.ones(3))
    model.save(tmp_path / "model.keras")
    opened = open_model(tmp_path / "model.keras")
    explainer = Explainer(opened)
    assert min(explainer.places) >= LEAST_PLACES
    assert max(explainer.places) <= 16, "a map of the trunk"
    pixels = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 1), dtype=np.uint8)
    probabilities, _, heat = explainer(pixels)
    np.testing.assert_allclose(probabilities, opened.probabilities(pixels, 2), atol=1e-5)
    assert np.isfinite(heat).all()


@pytest.mark.slow
def test_jax_shows_the_same_heat(tmp_path):
    pytest.importorskip("jax")
    faces, _ = half_surprised(4, seed=9)
    learnt_halves(images=40, epochs=1)["lower"].save(tmp_path / "model.keras")
    _, _, expected = Explainer(open_model(tmp_path / "model.keras"))(faces, label=1)
    np.savez(tmp_path / "given.npz", faces=faces, expected=expected)
    script = (
        "from pathlib import Path\n"
        "import keras, numpy as np\n"
        "from fer_bench.inference.explain import open_explainer\n"
        "given = np.load('given.npz')\n"
        "_, _, heat = open_explainer(Path('model.keras'))(given['faces'], label=1)\n"
        "assert keras.backend.backend() == 'jax'\n"
        "assert np.abs(heat - given['expected']).max() < 1e-3, np.abs(heat - given['expected']).max()\n"
    )
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.fixture
def explain(model_file, tmp_path, capsys, monkeypatch):
    """Run `fer-bench explain` in an empty folder: exit code and all output."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object, model=model_file) -> tuple[int, str]:
        return run_command(capsys, monkeypatch, "explain", "--model", model, *words)

    return run


def test_pictures_and_a_sheet_are_written_and_none_that_was_read_is_replaced(explain, tmp_path):
    for place, name in enumerate(("a.png", "more/a.png", "b-heat.png", "b.png")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        noise(place).save(tmp_path / name)
    before = (tmp_path / "b-heat.png").read_bytes()
    (tmp_path / "broken.png").write_bytes(b"no picture")
    code, said = explain("a.png", "more", "b.png", "b-heat.png", "broken.png", "--out", ".", "--class", "sad")
    assert code == 1
    assert "not read: broken.png: not an image" in said
    written = {path.name for path in tmp_path.glob("*-heat*.png")} | {"heat-sheet.png"}
    assert written == {
        "a-heat.png", "a-heat-2.png", "b-heat.png", "b-heat-2.png", "b-heat-heat.png", "heat-sheet.png"
    }  # fmt: skip
    assert (tmp_path / "b-heat.png").read_bytes() == before
    with Image.open(tmp_path / "a-heat.png") as one, Image.open(tmp_path / "heat-sheet.png") as sheet:
        assert one.text["Description"].startswith("a.png: ")
        assert "what speaks for sad" in one.text["Description"]
        assert sheet.size == (3 * one.width, 2 * one.height)
    assert "wrote 4 pictures and heat-sheet.png" in said


def test_one_picture_needs_no_sheet(explain, tmp_path):
    noise().save(tmp_path / "a.png")
    code, said = explain("a.png")
    assert code == 0, said
    assert [path.name for path in (tmp_path / "explained").iterdir()] == ["a-heat.png"]
    assert "wrote explained/a-heat.png" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["missing.png"], "missing.png isn't there"),
        (["a.png", "--out", "a.png"], "--out a.png: can't be written (File exists)"),
        (["a.png", "--out", "/proc/nowhere"], "--out /proc/nowhere: can't be written ("),
        (["a.png", "--class", "sat"], "--class: unknown class 'sat': did you mean 'sad'?"),
        (["a.png", "--model", "m.onnx"], "m.onnx is no model file"),
        (["a.png", "--model", "a.png"], "is no model file"),
        (["a.png", "--model", "nowhere.keras"], "nowhere.keras: there is no such file"),
    ],
)  # fmt: skip
def test_what_can_not_be_explained_is_said_in_a_line(explain, tmp_path, words, message):
    noise().save(tmp_path / "a.png")
    (tmp_path / "m.onnx").write_bytes(b"any")
    code, said = explain(*words)
    assert code == 2
    assert message in said
    assert len(said.strip().splitlines()) == 1


def test_a_file_without_gradients_is_refused(explain, onnx_file, tmp_path):
    noise().save(tmp_path / "a.png")
    code, said = explain("a.png", model=onnx_file)
    assert code == 2
    assert "needs gradients, which such a file does not give; name the .keras file" in said


def test_of_several_test_views_heat_is_of_the_picture_as_it_is(tmp_path):
    """Logits see one column of the picture and of its mirror image; of the picture itself that is hot."""
    weights = np.zeros((8, 8, 3), "float32")
    weights[:, 1, 0] = 1
    net = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    net.layers[-1].set_weights([weights.reshape(64, 3), np.zeros(3, "float32")])
    made = self_contained(net, (8, 8, 1), ("a", "b", "c"), np.ones(3), np.zeros(3), test_views="flip")
    opened = write(made, tmp_path / "net.keras", tmp_path)
    _, labels, heat = Explainer(opened)(np.full((2, 8, 8, 1), 200, "uint8"))
    assert heat.shape == (2, 8, 8) and list(labels) == [0, 0]
    assert heat[:, :, 1].min() > 0.9
