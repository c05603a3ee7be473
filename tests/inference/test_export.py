"""A kept repeat as one file: it gives the run's probabilities, needs no fer-bench, says what is missing."""

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from blank_figures import blank_figures
from scipy.special import softmax
from tilted import Tilted

from fer_bench.cli.main import main
from fer_bench.datasets.base import open_dataset
from fer_bench.inference.model_file import open_model
from fer_bench.strategies.base import STRATEGIES
from fer_bench.study.plan import Keep

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
  heads:
    strategies: [ldam, balanced_experts, fitted_bias]
    trials: 0
    repeats: 1
    recipe: {phases: [{trainable: all, epochs: 1, shared: true}, {trainable: head, epochs: 1}]}
"""
README = (Path(__file__).parents[2] / "mlruns" / "README.md").read_text(encoding="utf-8")
CELLS = ("compact_cnn/none", "compact_cnn/tilted")


@dataclass(frozen=True)
class Export:
    """An export that ended well: what was said, the file, and the run that it is logged with."""

    said: str
    file: Path
    run: str


def train(budget: str, keep_weights: Keep = "one", **overrides) -> None:
    from fer_bench.runner.worker import work
    from fer_bench.study.plan import make_plan

    plan = make_plan("faces.yaml", budget=budget, keep_weights=keep_weights, **overrides)
    plan.results.mkdir(parents=True, exist_ok=True)
    with blank_figures():
        assert work(plan, lambda event: None) == []


def export(*words: str) -> tuple[int, str]:
    """Run `fer-bench export`: exit code, and what was said."""
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(io.StringIO()) as said,
        contextlib.redirect_stderr(said),
    ):
        patch.setattr(sys, "argv", ["fer-bench", "export", "--study", "faces.yaml", *words])
        with pytest.raises(SystemExit) as end:
            main()
    return int(end.value.code or 0), said.getvalue()


@pytest.fixture(scope="module", autouse=True)
def study(tmp_path_factory):
    """The folder that all tests run in: a study of two cells, trained."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch, STRATEGIES.temporarily(tilted=Tilted):
        patch.setenv("FER_BENCH_HOME", str(folder / "home"))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(folder)
        Path("faces.yaml").write_text(STUDY)
        train("small")
        yield folder


@pytest.fixture(scope="module")
def exported(study) -> dict[str, Export]:
    """Both cells, exported once; a test that changes something exports anew."""
    exports = {}
    for cell in CELLS:
        file = study / f"{cell.split('/')[1]}.keras"
        code, said = export("--cell", cell, "--out", file.name, "--budget", "small")
        assert code == 0, said
        exports[cell] = Export(said, file, run_of(said))
    return exports


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
    (folder,) = Path("mlruns/artifacts").glob(f"*/{run}/artifacts")
    return folder


@pytest.mark.parametrize("cell", CELLS)
def test_the_file_gives_the_runs_probabilities_whatever_form_the_images_come_in(exported, cell):
    export = exported[cell]
    assert "the median of 3 by validation macro-F1" in export.said
    assert float(re.search(r"to within (\S+)", export.said)[1]) < 1e-5
    with np.load(artifacts(export.run) / "predictions.npz", allow_pickle=False) as file:
        stored = dict(file)
    strategy = STRATEGIES[cell.split("/")[1]]()
    expected = softmax(strategy.adjust_logits(stored["test_logits"], stored["class_counts"]), axis=1)
    images = open_dataset("synthetic")
    index_of = {str(name): i for i, name in enumerate(images.ids)}
    pixels = images.pixels[[index_of[str(name)] for name in stored["test_ids"]]]
    opened = open_model(export.file)
    assert opened.classes == images.classes
    assert opened.shape == (48, 48, 1)
    wide = np.concatenate([pixels[::-1, :, :24], pixels, pixels[::-1, :, 24:]], axis=2)
    for pictures in (pixels, pixels.astype("float32"), np.repeat(pixels, 3, axis=-1), wide):
        np.testing.assert_allclose(opened.model.predict(pictures, verbose=0), expected, atol=1e-5)
    np.testing.assert_array_equal(expected.argmax(1), stored["test_predicted"])
    taller = opened.model.predict(np.full((2, 97, 61, 3), 128, "uint8"), verbose=0)
    same = opened.model.predict(np.full((2, 48, 48, 1), 128, "uint8"), verbose=0)
    np.testing.assert_allclose(taller, same, atol=1e-5)


@pytest.mark.slow
def test_readme_examples_work_where_fer_bench_is_not_installed(study, exported):
    shutil.copyfile(exported[CELLS[1]].file, "model.keras")
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
    first, second = (block.replace("RUN_ID", exported[CELLS[1]].run) for block in blocks)
    script = f"{without('fer_bench')}{first}\nby_keras = probabilities\n{second}\n{checks}"
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=study, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_second_export_takes_the_place_of_the_first(exported):
    run = exported[CELLS[0]].run
    before = {str(path) for path in Path("mlruns/artifacts").rglob("*")}
    _, said = export("--cell", CELLS[0], "--out", "again.keras", "--budget", "small")
    assert run_of(said) == run
    assert {str(path) for path in Path("mlruns/artifacts").rglob("*")} == before
    folder = artifacts(run) / "model"
    assert "signature" in (folder / "MLmodel").read_text()
    required = (folder / "requirements.txt").read_text()
    assert "keras==" in required and "fer" not in required
    assert not list(Path().glob(".*.tmp"))
    from fer_bench.storage.databases import tracking_uri
    from fer_bench.storage.mlflow_client import open_client

    history = open_client(tracking_uri(Path("mlruns"))).get_run(run).data.tags["mlflow.log-model.history"]
    assert [model["artifact_path"] for model in json.loads(history)] == ["model"]


def test_a_model_card_lies_beside_the_file_and_in_mlflow(exported):
    from fer_bench.storage.databases import tracking_uri
    from fer_bench.storage.mlflow_client import open_client

    export = exported[CELLS[0]]
    beside = export.file.with_name(f"{export.file.name}.md")
    assert f"model card: {beside.name}" in export.said
    card = beside.read_text(encoding="utf-8")
    macro_f1 = re.search(r"test macro-F1 ([\d.]+)%", export.said)[1]
    assert f"is **{macro_f1} %**" in card
    assert "drawn faces, not people" in card, "the data's own note"
    assert "Mean of the 3 seeds that it was trained with: Accuracy " in card
    run = open_client(tracking_uri(Path("mlruns"))).get_run(export.run)
    note = run.data.tags["mlflow.note.content"]
    assert note.startswith("It says which of 7 expressions a face shows") and "model_card.md" in note
    logged = (artifacts(export.run) / "model_card.md").read_text(encoding="utf-8")
    assert logged.partition("# Where")[0].replace("again.keras", beside.stem) == card.partition("# Where")[0]


def test_only_keras_own_layers_are_in_the_file_with_the_dropout_that_was_used(exported):
    with zipfile.ZipFile(exported[CELLS[0]].file) as file:
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
        (["--cell", CELLS[0], "--out", "m.keras", "--format", "onnx"], "expected a name that ends in .onnx"),
        (["--cell", CELLS[0], "--out", "m.keras", "--quantize", "int8"], "not for .keras files"),
        (["--cell", CELLS[0], "--out", "nowhere/m.keras"], "can't be written (No such file or directory)"),
        (["--cell", CELLS[0], "--out", "m.keras", "--budget", "big"], "--budget big was never run; choose"),
        (["--cell", CELLS[0], "--out", "m.keras", "--mlruns", "empty"], "empty holds no runs"),
    ],
)  # fmt: skip
def test_what_can_not_be_exported_is_said_in_a_line(words, message):
    code, said = export(*words)
    assert code == 2
    assert message in said
    assert len(said.strip().splitlines()) == 1
    assert not Path("m.keras").exists()


def test_unknown_study_names_those_that_were_run(capsys, monkeypatch):
    words = ["fer-bench", "export", "--study", "facse", "--cell", CELLS[0], "--out", "m.keras"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert "did you mean 'faces'?" in capsys.readouterr().err


def test_files_on_a_machine_that_is_lost_are_told_from_weights_not_kept():
    Path("mlruns/artifacts").rename("mlruns/elsewhere")
    try:
        code, said = export("--cell", CELLS[0], "--out", "m.keras", "--budget", "small")
    finally:
        Path("mlruns/elsewhere").rename("mlruns/artifacts")
    assert code == 2
    assert "not to be had from" in said and "export on the machine that trained it" in said


@pytest.mark.parametrize("damage", [lambda whole: whole[: len(whole) // 2], lambda whole: b"text"])
def test_damaged_weights_are_not_blamed_on_the_code(damage):
    weights = {path: path.read_bytes() for path in Path("mlruns/artifacts").rglob("*.weights.h5")}
    for path, whole in weights.items():
        path.write_bytes(damage(whole))
    try:
        code, said = export("--cell", CELLS[0], "--out", "m.keras", "--budget", "small")
    finally:
        for path, whole in weights.items():
            path.write_bytes(whole)
    assert code == 2
    assert "the kept weights of compact_cnn" in said and "are damaged" in said
    assert len(said.strip().splitlines()) == 1


def test_where_the_store_can_not_be_written_the_file_stays_and_that_is_said(monkeypatch):
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


def test_other_heads_and_fitted_decisions_are_in_the_file():
    train("heads")
    for name in ("ldam.keras", "ldam.onnx", "balanced_experts.keras", "fitted_bias.keras"):
        strategy = name.split(".")[0]
        code, said = export("--cell", f"compact_cnn/{strategy}", "--out", name, "--budget", "heads")
        assert code == 0, said
        # The cosines of ldam are multiplied by 30, and so is their rounding.
        assert float(re.search(r"to within (\S+)", said)[1]) < (1e-4 if strategy == "ldam" else 1e-5)


def test_in_8_bits_its_cost_on_test_is_said(exported):
    words = ("--cell", CELLS[1], "--budget", "small", "--quantize", "int8")
    code, said = export(*words, "--out", "small.onnx", "--format", "onnx")
    assert code == 0, said
    cost = re.search(r"in 8 bits: test macro-F1 [\d.]+%, ([\d.]+) points (lost|gained)", said)
    assert cost and float(cost[1]) < 20, said
    assert "MB in float32)" in said
    assert "to within" not in said, "the probabilities are not the run's"
    run = re.search(r"runs:/(\w+)/model-onnx", said)[1]
    assert run == exported[CELLS[1]].run
    assert "onnxruntime==" in (artifacts(run) / "model-onnx" / "requirements.txt").read_text()
    assert (artifacts(run) / "model").is_dir(), "the Keras model stays"


def test_a_fitted_rule_is_in_the_file_and_decides_as_the_ladder_does(exported):
    from fer_bench.evaluation.decisions import fit_ladder
    from fer_bench.strategies.logit_adjustment import log_prior

    code, said = export(
        "--cell", CELLS[1], "--out", "shifted.keras", "--budget", "small", "--decision", "prior_shift"
    )
    assert code == 0, said
    assert "by prior_shift, fitted to validation (" in said
    assert float(re.search(r"to within (\S+)", said)[1]) < 1e-5
    with np.load(artifacts(run_of(said)) / "predictions.npz", allow_pickle=False) as file:
        stored = dict(file)
    prior = log_prior(stored["class_counts"])
    rule = fit_ladder(stored["val_logits"], stored["val_labels"], prior).rules["prior_shift"]
    images = open_dataset("synthetic")
    index_of = {str(name): i for i, name in enumerate(images.ids)}
    pixels = images.pixels[[index_of[str(name)] for name in stored["test_ids"]]]
    found = open_model(Path("shifted.keras")).model.predict(pixels, verbose=0)
    expected = rule.logits(stored["test_logits"])
    np.testing.assert_allclose(found, softmax(expected, axis=1), atol=1e-5)
    np.testing.assert_array_equal(found.argmax(axis=1), expected.argmax(axis=1))
    own = STRATEGIES["tilted"]().adjust_logits(stored["test_logits"], stored["class_counts"])
    assert not np.allclose(found, softmax(own, axis=1), atol=1e-3), "another rule than the strategy's own"


def test_every_rule_of_the_ladder_can_be_exported():
    from typing import get_args

    from fer_bench.cli.export import Rule
    from fer_bench.evaluation.decisions import fit_ladder

    rules = fit_ladder(np.eye(3)[[0, 1, 2, 2]], np.array([0, 1, 2, 1]), np.log(np.ones(3) / 3)).rules
    assert get_args(Rule) == ("decided", *rules)


def test_a_net_trained_in_bfloat16_is_exported_in_float32(tmp_path):
    from fer_bench.inference.export import decision, rebuild, write
    from fer_bench.inference.kept_repeat import find_kept_repeat
    from fer_bench.training.net import leaves

    kept = find_kept_repeat(Path("mlruns"), "faces", CELLS[0], {"budget": "small"}, tmp_path)
    in_bfloat16 = replace(kept, recipe=kept.recipe.model_copy(update={"precision": "bfloat16"}))
    opened = write(rebuild(in_bfloat16, decision(kept, "decided")), tmp_path / "exported.keras", tmp_path)
    assert {layer.compute_dtype for layer in leaves(opened.model)} == {"float32"}


@pytest.mark.slow
def test_jax_reads_the_file_alike_without_tensorflow(study, exported):
    pytest.importorskip("jax")
    shutil.copyfile(exported[CELLS[1]].file, "model.keras")
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


def test_weights_not_kept_can_be_had_as_the_message_says():
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


def test_without_a_model_the_demo_takes_the_best_kept_repeat(study, exported, tmp_path):
    from fer_bench.cli.demo import _best
    from fer_bench.inference.kept_repeat import find_best_repeat
    from fer_bench.storage.logged_runs import read_study_runs

    _, repeats = read_study_runs(Path("mlruns"), "faces")
    kept = [r for r in repeats if list(artifacts(r.run_id).glob("*.weights.h5"))]
    assert 1 <= len(kept) < len(repeats)
    best = max(kept, key=lambda r: (r.metrics["val/macro_f1"], r.started))
    assert find_best_repeat(Path("mlruns"), tmp_path).record.run_id == best.run_id
    opened, about = _best(Path("mlruns"))
    assert about.startswith(
        f"Model {best.backbone}/{best.strategy}, repeat {best.slot} of study faces, the best "
    )
    assert f"macro-F1 ({best.metrics['val/macro_f1']:.1%}), trained on drawn faces only" in about
    assert (opened.classes, opened.shape) == (open_dataset("synthetic").classes, (48, 48, 1))
