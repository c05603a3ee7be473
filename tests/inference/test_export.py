"""A kept repeat as one file: it gives the run's probabilities, needs no fer-bench, says what is missing."""

import json
import os
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import softmax

from fer_bench.cli.main import main
from fer_bench.datasets.base import open_dataset
from fer_bench.errors import UserError
from fer_bench.inference.model_file import class_names, layer_name, open_model
from fer_bench.storage.records import RepeatRecord
from fer_bench.strategies.base import STRATEGIES, Strategy

STUDY = """
dataset: synthetic
backbones: [compact_cnn]
strategies: [none, tilted]
trials: 1
repeats: 3
train_images: 100
val_images: 60
test_images: 80
recipe:
  image_size: 32
  batch_size: 32
  weights: none
  augmentation: none
  phases: [{trainable: all, epochs: 1}]
  head: {dense: [8], dropout: 0.25, normalize: true}
budgets:
  small: {}
"""
README = (Path(__file__).parents[2] / "mlruns" / "README.md").read_text(encoding="utf-8")
CELLS = ("compact_cnn/none", "compact_cnn/tilted")


@dataclass(frozen=True)
class Tilted(Strategy):
    """Scales the logits and takes tau times the log prior off them."""

    tau: float = 0.5

    def adjust_logits(self, logits: np.ndarray, class_counts: np.ndarray) -> np.ndarray:
        prior = np.maximum(class_counts, 1) / class_counts.sum()
        return 1.5 * logits - np.float32(self.tau) * np.log(prior).astype(np.float32)


def train(budget: str, **overrides) -> None:
    from fer_bench.runner.worker import work
    from fer_bench.study.plan import make_plan

    keep = overrides.pop("keep_weights", "one")
    plan = replace(make_plan("faces.yaml", budget=budget, **overrides), keep_weights=keep)
    plan.results.mkdir(parents=True, exist_ok=True)
    failures: list[str] = []
    work(plan, lambda name, **facts: failures.extend(facts.get("failures", ())))
    assert not failures


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    assert "none" in list(STRATEGIES)  # found before a copy is made
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(STRATEGIES, "_entries", {**STRATEGIES._entries, "tilted": Tilted})
        patch.setenv("FER_BENCH_HOME", str(folder / "home"))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(folder)
        Path("faces.yaml").write_text(STUDY)
        train("small")
        yield folder


@pytest.fixture
def export(study, capsys, monkeypatch):
    """Export from the study's folder: exit code, what was said (on one line), and the run's address."""

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["fer-bench", "export", "--study", "faces.yaml", *words])
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out + said.err

    return run


def without(package: str) -> str:
    """Beginning of a script that can't import a package."""
    return (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.split('.')[0] == {package!r}:\n"
        "            raise ImportError('not installed here')\n"
        "sys.meta_path.insert(0, Absent())\n"
    )


def run_of(said: str) -> str:
    return re.search(r"runs:/(\w+)/model", said)[1]


def artifacts(run: str) -> Path:
    (found,) = Path("mlruns/artifacts").glob(f"*/{run}/artifacts")
    return found


@pytest.mark.parametrize("cell", CELLS)
def test_the_file_gives_the_runs_probabilities_whatever_form_the_images_come_in(study, export, cell):
    code, said = export("--cell", cell, "--out", "model.keras", "--budget", "small")
    assert code == 0, said
    assert "the median of 3 by validation macro-F1" in said
    assert float(re.search(r"to within (\S+)", said)[1]) < 1e-5
    with np.load(artifacts(run_of(said)) / "predictions.npz", allow_pickle=False) as file:
        stored = dict(file)
    strategy = STRATEGIES[cell.split("/")[1]]()
    expected = softmax(strategy.adjust_logits(stored["test_logits"], stored["class_counts"]), axis=1)
    images = open_dataset("synthetic")
    place = {str(name): i for i, name in enumerate(images.ids)}
    pixels = images.pixels[[place[str(name)] for name in stored["test_ids"]]]
    opened = open_model(Path("model.keras"))
    assert opened.classes == images.classes
    assert opened.shape == (48, 48, 1)
    wide = np.concatenate([pixels[::-1, :, :24], pixels, pixels[::-1, :, 24:]], axis=2)
    for given in (pixels, pixels.astype("float32"), np.repeat(pixels, 3, axis=-1), wide):
        np.testing.assert_allclose(opened.model.predict(given, verbose=0), expected, atol=1e-5)
    np.testing.assert_array_equal(expected.argmax(1), stored["test_predicted"])
    taller = opened.model.predict(np.full((2, 97, 61, 3), 128, "uint8"), verbose=0)
    same = opened.model.predict(np.full((2, 48, 48, 1), 128, "uint8"), verbose=0)
    np.testing.assert_allclose(taller, same, atol=1e-5)


def test_readme_examples_work_where_fer_bench_is_not_installed(study, export):
    _, said = export("--cell", CELLS[1], "--out", "model.keras", "--budget", "small")
    blocks = re.findall(r"<!-- example of use -->\n```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 2
    checks = (
        "import numpy as np\n"
        "assert classes == model.metadata.metadata['classes'] and len(classes) == 7\n"
        "assert probabilities.shape == (2, 7) and np.allclose(probabilities.sum(1), 1)\n"
        "assert np.allclose(probabilities, by_keras, atol=1e-6)\n"
        "example = model.input_example\n"
        "assert model.predict(example).shape == (1, 7)\n"
    )
    first, second = (block.replace("RUN_ID", run_of(said)) for block in blocks)
    script = f"{without('fer_bench')}{first}\nby_keras = probabilities\n{second}\n{checks}"
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=study, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_second_export_takes_the_place_of_the_first(study, export):
    words = ("--cell", CELLS[0], "--out", "again.keras", "--budget", "small")
    run = run_of(export(*words)[1])
    before = {str(path) for path in Path("mlruns/artifacts").rglob("*")}
    assert run_of(export(*words)[1]) == run
    assert {str(path) for path in Path("mlruns/artifacts").rglob("*")} == before
    folder = artifacts(run) / "model"
    assert "signature" in (folder / "MLmodel").read_text()
    required = (folder / "requirements.txt").read_text()
    assert "keras==" in required and "fer" not in required
    assert not list(Path().glob(".*.tmp"))
    from fer_bench.storage.mlflow_client import open_client, tracking_uri

    history = open_client(tracking_uri(Path("mlruns"))).get_run(run).data.tags["mlflow.log-model.history"]
    assert [model["artifact_path"] for model in json.loads(history)] == ["model"]


def test_only_keras_own_layers_are_in_the_file_with_the_dropout_that_was_used(study, export):
    export("--cell", CELLS[0], "--out", "model.keras", "--budget", "small")
    with zipfile.ZipFile("model.keras") as file:
        config = file.read("config.json").decode()
    modules = set(re.findall(r'"module": "([^"]+)"', config))
    assert {module.split(".")[0] for module in modules} <= {"keras", "builtins"}
    assert re.findall(r'"class_name": "Dropout", "config": {.*?"rate": ([\d.]+)', config) == ["0.25"]
    assert "Lambda" not in config


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--cell", "compact_cnn/nune", "--out", "m.keras"], "did you mean 'compact_cnn/none'?"),
        (["--cell", "none", "--out", "m.keras"], "known: compact_cnn/none, compact_cnn/tilted"),
        (["--cell", CELLS[0], "--out", "m.h5"], "expected a name that ends in .keras"),
        (["--cell", CELLS[0], "--out", "nowhere/m.keras"], "can't be written (No such file or directory)"),
        (["--cell", CELLS[0], "--out", "m.keras", "--budget", "big"], "--budget big was never run; choose"),
        (["--cell", CELLS[0], "--out", "m.keras", "--mlruns", "empty"], "empty holds no runs"),
    ],
)  # fmt: skip
def test_what_can_not_be_exported_is_said_in_a_line(study, export, words, message):
    code, said = export(*words)
    assert code == 2
    assert message in said
    assert len(said.strip().splitlines()) == 1
    assert not Path("m.keras").exists()


def test_unknown_study_names_those_that_were_run(study, capsys, monkeypatch):
    words = ["fer-bench", "export", "--study", "facse", "--cell", CELLS[0], "--out", "m.keras"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert "did you mean 'faces'?" in capsys.readouterr().err


def test_files_on_a_machine_that_is_lost_are_told_from_weights_not_kept(study, export):
    Path("mlruns/artifacts").rename("mlruns/elsewhere")
    try:
        code, said = export("--cell", CELLS[0], "--out", "m.keras", "--budget", "small")
    finally:
        Path("mlruns/elsewhere").rename("mlruns/artifacts")
    assert code == 2
    assert "not to be had from" in said and "export on the machine that trained it" in said


@pytest.mark.parametrize("damage", [lambda whole: whole[: len(whole) // 2], lambda whole: b"text"])
def test_damaged_weights_are_not_blamed_on_the_code(study, export, damage):
    kept = {path: path.read_bytes() for path in Path("mlruns/artifacts").rglob("*.weights.h5")}
    for path, whole in kept.items():
        path.write_bytes(damage(whole))
    try:
        code, said = export("--cell", CELLS[0], "--out", "m.keras", "--budget", "small")
    finally:
        for path, whole in kept.items():
            path.write_bytes(whole)
    assert code == 2
    assert "the kept weights of compact_cnn" in said and "are damaged" in said
    assert len(said.strip().splitlines()) == 1


def test_where_the_store_can_not_be_written_the_file_stays_and_that_is_said(study, export, monkeypatch):
    from mlflow.tracking import MlflowClient
    from sqlalchemy import text

    def refused(client, *given):
        with client._tracking_client.store.ManagedSessionMaker(read_only=False) as session:
            session.execute(text("DELETE FROM nowhere"))  # fails as a write to a read-only database does

    monkeypatch.setattr(MlflowClient, "log_artifacts", refused)
    code, said = export("--cell", CELLS[0], "--out", "unlogged.keras", "--budget", "small")
    assert code == 2
    assert "wrote unlogged.keras, but could not log it in MLflow" in said and "no such table" in said
    assert len(said.strip().splitlines()) == 1
    assert open_model(Path("unlogged.keras"))


@pytest.mark.parametrize(
    ("given", "name"), [("v1.2", "v1.2"), ("dir/v1.2.yaml", "v1.2"), ("a.yml", "a"), ("faces", "faces")]
)
def test_of_a_study_only_the_suffix_of_its_file_is_taken_off(given, name):
    from fer_bench.cli.options import study_name

    assert study_name(given) == name


def record(cell: str, started: float, **board: str) -> RepeatRecord:
    board = {"dataset": "synthetic", "split": "official", "budget": "", **board}
    return RepeatRecord(
        cell=cell, board=board, backbone="compact_cnn", strategy="none", recipe="", shared_key="",
        selected_from=1, slot=0, seed=0, run_id=cell, commit="", started=started, metrics={},
        tags={}, predictions=lambda: None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ({"dataset": "fer2013"}, "c"),
        ({"recipe": "as_written"}, "a"),
        ({"dataset": "synthetic", "recipe": "as_should_be"}, "b"),
        ({}, "choose one: --dataset fer2013 or --dataset synthetic --recipe as_should_be or --dataset"),
        ({"dataset": "synthetic"}, "choose one: --recipe as_should_be or --recipe as_written"),
        ({"split": "union"}, "with --split union was never run; choose one: "),
    ],
)  # fmt: skip
def test_of_cells_of_one_name_the_options_choose(monkeypatch, chosen, found):
    import fer_bench.inference.kept_repeat

    records = [
        record("a", 1, recipe_name="as_written"),
        record("b", 2, recipe_name="as_should_be"),
        record("c", 3, dataset="fer2013"),
        record("d", 4, dataset="fer2013"),  # later, but no longer in the plan
    ]
    planned = [SimpleNamespace(cell=name) for name in "abc"]
    monkeypatch.setattr(fer_bench.inference.kept_repeat, "read_study_runs", lambda *given: (planned, records))
    find = partial(fer_bench.inference.kept_repeat._of_one_cell, Path(), "faces", CELLS[0], chosen)
    if len(found) == 1:
        assert [r.cell for r in find()] == [found]
    else:
        with pytest.raises(UserError, match=re.escape(found)):
            find()


def test_log_prior_and_scale_become_numbers_per_class():
    from fer_bench.inference.export import affine

    scale, offset = affine(Tilted(tau=1.0), np.array([1, 3]))
    np.testing.assert_allclose(scale, [1.5, 1.5])
    np.testing.assert_allclose(offset, [np.log(4), np.log(4 / 3)], rtol=1e-6)  # -log(1/4), -log(3/4)


def test_logits_adjusted_in_another_way_are_refused():
    from fer_bench.inference.export import affine

    class Cubed(Strategy):
        def adjust_logits(self, logits, class_counts):
            return logits**3

    with pytest.raises(UserError, match="more than to scale and shift"):
        affine(Cubed(), np.array([1, 3]))


def test_a_backbone_with_layers_of_its_own_is_refused():
    import keras

    from fer_bench.inference.export import plain

    class Mine(keras.layers.Layer):
        def call(self, x):
            return x

    pixels = keras.Input((4, 4, 1))
    with pytest.raises(UserError, match=r"layers of its own \(Mine\)"):
        plain(keras.Model(pixels, Mine()(pixels)))


@pytest.mark.parametrize("shape", [(24, 30, 3), (32, 32, 1)])
def test_resizing_is_that_of_training_for_any_data(tmp_path, shape):
    from fer_bench.backbones.base import BACKBONES
    from fer_bench.inference.export import plain, self_contained, write
    from fer_bench.study.recipe import Recipe
    from fer_bench.training.net import Net
    from fer_bench.training.pixels import PixelBank

    recipe = Recipe(image_size=32, weights="none", preprocessing="unit_range", head={"normalize": True})
    net = Net(BACKBONES["compact_cnn"](), recipe, shape[-1], 3, None)
    net.reset(1)
    pixels = np.random.default_rng(0).integers(0, 256, (5, *shape), dtype=np.uint8)
    logits = np.asarray(net.whole(PixelBank(pixels, 32, None)(np.arange(5, dtype="int32"))))
    made = self_contained(plain(net.whole), shape, ("a", "b", "c"), np.ones(3), np.zeros(3))
    opened = write(made, tmp_path / "net.keras", tmp_path)
    assert opened.shape == shape
    np.testing.assert_allclose(opened.probabilities(pixels, 8), softmax(logits, axis=1), atol=1e-5)


def test_grey_nets_see_the_luminance_of_colours(model_file):
    import keras

    opened = open_model(model_file)
    rescaled = opened.model.get_layer("luminance")
    seen = keras.Model(opened.model.input, opened.model.get_layer("net_size").input)
    red = np.zeros((1, 48, 48, 3), "float32")
    red[..., 0] = 200
    np.testing.assert_allclose(seen.predict(red, verbose=0), 59.8, rtol=1e-5)  # 0.299 * 200
    assert list(rescaled.scale) == [0.299, 0.587, 0.114]


def test_a_net_trained_in_bfloat16_is_exported_in_float32(study, export, monkeypatch):
    import fer_bench.inference.kept_repeat

    read = fer_bench.inference.kept_repeat._read

    def as_bfloat16(*given):
        kept = read(*given)
        return replace(kept, recipe=kept.recipe.model_copy(update={"precision": "bfloat16"}))

    monkeypatch.setattr(fer_bench.inference.kept_repeat, "_read", as_bfloat16)
    code, said = export("--cell", CELLS[0], "--out", "model.keras", "--budget", "small")
    assert code == 0, said
    from fer_bench.training.net import leaves

    model = open_model(Path("model.keras")).model
    assert {layer.compute_dtype for layer in leaves(model)} == {"float32"}


@pytest.mark.slow
def test_jax_reads_the_file_alike_without_tensorflow(study, export):
    pytest.importorskip("jax")
    export("--cell", CELLS[1], "--out", "model.keras", "--budget", "small")
    pictures = np.random.default_rng(0).integers(0, 256, (4, 60, 80, 3), dtype=np.uint8)
    expected = open_model(Path("model.keras")).model.predict(pictures, verbose=0)
    np.savez("given.npz", pictures=pictures, expected=expected)
    script = (
        "import keras, numpy as np\n"
        "given = np.load('given.npz')\n"
        "found = keras.saving.load_model('model.keras').predict(given['pictures'], verbose=0)\n"
        "assert keras.backend.backend() == 'jax'\n"
        "assert np.abs(found - given['expected']).max() < 1e-5\n"
    )
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    done = subprocess.run(
        [sys.executable, "-c", without("tensorflow") + script],
        cwd=study, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_any_class_names_come_back_from_the_file():
    names = ("angry", "very happy", "Ärger", "a.b-c_d", "喜")
    assert class_names(layer_name(names)) == names
    assert layer_name(("angry", "sad")) == "classes.angry.sad"
    assert re.fullmatch(r"[A-Za-z0-9.][A-Za-z0-9_.-]*", layer_name(names)), "as TensorFlow has it"
    assert class_names("dense_3") == ()


def test_weights_not_kept_can_be_had_as_the_message_says(study, export):
    for path in Path("mlruns/artifacts").rglob("*.weights.h5"):
        path.unlink()  # as --keep-weights none leaves it
    words = ("--cell", CELLS[0], "--out", "m.keras", "--budget", "small")
    code, said = export(*words)
    assert code == 2
    assert "no weights of compact_cnn/none are among its runs' files: not kept" in said
    assert "or deleted since" in said
    assert "--backbones compact_cnn --strategies none --repeats 4 --keep-weights all" in said
    train("small", strategies=("none",), repeats=4, keep_weights="all")
    code, said = export(*words)
    assert code == 0, said
    assert "repeat 3" in said
    Path("m.keras").unlink()
