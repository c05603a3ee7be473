"""Examples in the documents work: commands parse, studies resolve, plug-ins and Python code run."""

import csv
import importlib
import io
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import typer
import yaml
from documents import DOCUMENTS, ROOT, between, blocks
from PIL import Image
from rich.console import Console

import fer_bench as package
from fer_bench.backbones.base import BACKBONES
from fer_bench.cli.main import app
from fer_bench.data.images import SUBSETS
from fer_bench.data.splits import split
from fer_bench.datasets.base import DATASETS, open_dataset
from fer_bench.strategies.base import STRATEGIES
from fer_bench.study.file import read_study, study_files
from fer_bench.study.prior import effective_prior, is_no_op, tilts_beyond_flat
from fer_bench.study.resolve import recipe_names, resolve

README = DOCUMENTS["README.md"]
EVERYTHING = "\n".join(DOCUMENTS.values())
STUDY_FILES = [path.read_text("utf-8") for path in sorted((ROOT / "experiments").glob("*.yaml"))]
FILES = {
    comment.removeprefix("file: "): block
    for language in ("python", "yaml")
    for comment, block in blocks(EVERYTHING, language)
    if comment.startswith("file: ")
}
REGISTRIES = {"strategies": STRATEGIES, "backbones": BACKBONES, "datasets": DATASETS}
LANGUAGES = {"sh", "bash", "yaml", "toml", "python", "text", "mermaid"}
RUN = {"script", "notebook", "contract test", "file to score"}
RUN |= {"example of use"}  # by tests/inference/test_export.py
TINY = {
    "trials": 1, "repeats": 2, "train_images": 192, "val_images": 70, "test_images": 80,
    "recipe": {"image_size": 32, "phases": [{"trainable": "all", "epochs": 2}]},
}  # fmt: skip


def commands(lines: list[str]) -> list[str]:
    """What follows `fer-bench` in lines of a shell, sorted, without what may stand before it."""
    parts = (part.strip() for line in lines for part in line.split("&&"))
    matches = (re.fullmatch(r"(?:exec )?(?:[A-Z_]+=\S+ )*fer-bench (.*)", part) for part in parts)
    return sorted({match[1] for match in matches if match})


def commands_in_code(text: str) -> list[str]:
    """Commands of code blocks, and of the comments that studies begin with."""
    code = [line for kind in ("sh", "bash") for _, block in blocks(text, kind) for line in block.splitlines()]
    return commands([*code, *re.findall(r"^#\s+(\S.*)$", text, re.MULTILINE)])


def commands_in_prose(text: str) -> list[str]:
    """Commands of inline code."""
    return commands(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)))


def only_block(language: str, comment: str) -> str:
    (block,) = (block for above, block in blocks(EVERYTHING, language) if above == comment)
    return block


@pytest.fixture
def plugged(workplace, monkeypatch) -> Iterator[Path]:
    """The example files, each in a folder that its registry looks through; forgotten afterwards."""
    for name, content in FILES.items():
        path = workplace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    for registry in REGISTRIES.values():
        list(registry)  # what is there already is no part of what is forgotten afterwards
    before = set(sys.modules)
    with ExitStack() as stack:
        for folder, registry in REGISTRIES.items():
            plug_ins = importlib.import_module(f"fer_bench.{folder}")
            further = str(workplace / "fer_bench" / folder)
            monkeypatch.setattr(plug_ins, "__path__", [*plug_ins.__path__, further])
            stack.enter_context(registry.temporarily())
        yield workplace
    for name in set(sys.modules) - before:
        if name.startswith(tuple(f"fer_bench.{folder}." for folder in REGISTRIES)):
            del sys.modules[name]


@pytest.fixture
def faces_csv(workplace) -> Path:
    """Some drawn faces as PNG files with a list, one of them broken."""
    images = open_dataset("synthetic")
    parts = split(images, "official", 200, 70, 80)
    folder = workplace / "faces"
    folder.mkdir()
    with (folder / "faces.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "label", "subset"])
        for i in np.concatenate([parts.train, parts.val, parts.test]):
            Image.fromarray(images.pixels[i].squeeze()).save(folder / f"{i}.png")
            rows.writerow([f"{i}.png", images.classes[images.labels[i]], SUBSETS[images.subsets[i]]])
        (folder / "broken.png").write_bytes(b"no picture")
        rows.writerow(["broken.png", "happy", "train"])
    return folder / "faces.csv"


@pytest.fixture
def my_package(workplace) -> Path:
    """A folder as `pip install` leaves it: the package of the entry-point example, with its metadata."""
    entry_points = tomllib.loads(only_block("toml", "entry point"))["project"]["entry-points"]
    ((group, declared),) = entry_points.items()
    ((name, module),) = declared.items()
    site = workplace / "site"
    (site / "my_package").mkdir(parents=True)
    example = FILES[f"{group.replace('.', '/')}/{name}.py"]
    (site / f"{module.replace('.', '/')}.py").write_text(example, encoding="utf-8")
    (site / "my_package-1.0.dist-info").mkdir()
    (site / "my_package-1.0.dist-info/METADATA").write_text(
        "Metadata-Version: 2.1\nName: my_package\nVersion: 1.0\n"
    )
    (site / "my_package-1.0.dist-info/entry_points.txt").write_text(f"[{group}]\n{name} = {module}\n")
    return site


def run_python(*words: str, path: Path | None = None) -> str:
    """What Python prints, in a process of its own."""
    known = [str(Path(package.__file__).parents[1]), *([str(path)] if path else [])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(known), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def parse(line: str, name_alone: bool = False) -> None:
    """Raise on an unknown command or option, and on missing or surplus arguments.

    `name_alone`: a command may be named without its arguments.
    """
    command, words = typer.main.get_command(app), shlex.split(line)
    while hasattr(command, "commands") and not (name_alone and not words):
        if {*words[:1]} & {option for parameter in command.params for option in parameter.opts}:
            return  # such as --version
        assert {*words[:1]} & {*command.commands}, f"no such command: fer-bench {line}"
        command = command.commands[words.pop(0)]
    if words or not name_alone:
        command.make_context(line, words)


def test_the_two_commands_are_there_word_by_word():
    assert "\npip install . && fer-bench run --study imbalance\n" in README
    assert '\npip install ".[test]" && pytest\n' in README


def test_every_block_is_of_a_language_and_kind_that_is_tested():
    assert set(re.findall(r"^```(\w+)$", EVERYTHING, re.MULTILINE)) == LANGUAGES
    comments = {comment for comment, _ in blocks(EVERYTHING, "python") if not comment.startswith("file: ")}
    assert comments == RUN


@pytest.mark.parametrize("line", commands_in_code("\n".join([EVERYTHING, *STUDY_FILES])))
def test_command_in_code_parses(line):
    parse(line)


@pytest.mark.parametrize("line", commands_in_prose(EVERYTHING))
def test_command_in_prose_parses(line):
    parse(line, name_alone=True)


def test_command_of_the_kubernetes_job_parses():
    (job,) = (block for _, block in blocks(EVERYTHING, "yaml") if "kind: Job" in block)
    (container,) = yaml.safe_load(job)["spec"]["template"]["spec"]["containers"]
    program, *words = container["command"]
    assert program == "fer-bench"
    parse(shlex.join(words))


def test_variables_named_in_passing_exist():
    sources = [*Path(package.__file__).parent.rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    source = "\n".join(path.read_text("utf-8") for path in sources)
    for variable in set(re.findall(r"\b((?:FER_BENCH|MLFLOW|KERAS)_[A-Z_]+)\b", EVERYTHING)):
        assert variable in source, variable


@pytest.mark.parametrize("name", DOCUMENTS)
def test_options_named_in_passing_exist(name):
    group = typer.main.get_command(app)
    commands = [group, *group.commands.values(), *group.commands["data"].commands.values()]
    options = {opt for c in commands for p in getattr(c, "params", []) for opt in p.opts}
    if name == "tests/README.md":
        scripts = [
            (ROOT / "tests/support" / script).read_text("utf-8") for script in ("soak.py", "scaling.py")
        ]
        options |= set(re.findall(r'"(--[a-z-]+)"', "\n".join(scripts)))
    assert set(re.findall(r"`(--[a-z-]+)", DOCUMENTS[name])) <= options


def test_extras_named_in_passing_exist():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert set(re.findall(r'"(?:\.|fer-bench)\[(\w+)\]"', EVERYTHING)) <= set(extras)


@pytest.mark.parametrize("text", [text for _, text in blocks(EVERYTHING, "yaml") if "backbones:" in text])
def test_study_resolves_with_each_budget_and_recipe(text):
    study = yaml.safe_load(text)
    for budget in (None, *study.get("budgets", {})):
        for recipe in recipe_names(study):
            assert resolve(study, budget, recipe).cells()


def test_there_is_an_example_of_each_kind():
    folders = sorted(str(Path(name).parent) for name in FILES)
    assert folders == ["experiments", *(f"fer_bench/{folder}" for folder in sorted(REGISTRIES))]


def test_strategy_flattens_the_prior(plugged):
    strategy = STRATEGIES["prior_correction"]()
    counts = np.array([400, 44, 410, 721])
    labels = np.repeat(np.arange(4, dtype=np.int32), counts)
    prior = effective_prior(strategy, labels, 4)
    np.testing.assert_allclose(prior, 0.25, rtol=1e-5)
    assert not tilts_beyond_flat(prior, counts)
    assert not is_no_op(strategy, labels, 4)
    assert is_no_op(STRATEGIES["prior_correction"](tau=0.0), labels, 4)
    adjusted = strategy.adjust_logits(np.zeros((2, 4), np.float32), counts)
    assert adjusted.dtype == np.float32
    assert adjusted.argmax(axis=1).tolist() == [1, 1]


def test_backbone_builds(plugged):
    backbone = BACKBONES["plain_cnn"]()
    trunk = backbone.trunk(32)
    assert trunk.output_shape == (None, 4, 4, 64)
    assert trunk.count_params() == 23_920
    features = np.asarray(trunk(backbone.preprocess(np.full((2, 32, 32, 3), 255, np.float32))))
    assert features.shape == (2, 4, 4, 64)
    assert np.isfinite(features).all()


def test_dataset_is_imported_and_loads(plugged, faces_csv, fer_bench):
    assert not DATASETS["listed_faces"]().available()
    fer_bench("data", "import", faces_csv.parent)
    images, drawn = open_dataset("listed_faces"), open_dataset("synthetic")
    assert images.pixels.shape == (350, 48, 48, 1)
    assert images.classes == drawn.classes
    assert [text.partition(":")[0] for text in images.skipped] == ["broken.png"]
    assert [images.in_subset(name).sum() for name in ("train", "val", "test")] == [200, 70, 80]
    first = int(Path(str(images.ids[0])).stem)
    np.testing.assert_array_equal(images.pixels[0], drawn.pixels[first])


@pytest.mark.parametrize("budget", [None, "quick", "full"])
def test_study_resolves(plugged, budget):
    assert "small_cnn" in study_files()
    spec = resolve(read_study("small_cnn")[1], budget)
    untuned = ["none (defaults)"] if budget else []
    strategies = ["none", *untuned, "class_weights", "oversampling"]
    assert [cell.name for cell in spec.cells()] == [f"compact_cnn/{name}" for name in strategies]
    assert spec.trials == {None: 1, "quick": 2, "full": 8}[budget]


def test_entry_point_of_another_package_is_found(my_package, monkeypatch):
    assert "prior_correction" not in list(STRATEGIES)
    monkeypatch.syspath_prepend(my_package)
    with STRATEGIES.temporarily():
        assert STRATEGIES["prior_correction"].__module__ == "my_package.prior_correction"
    for module in ("my_package.prior_correction", "my_package"):
        monkeypatch.delitem(sys.modules, module)


def test_contract_test_of_another_package_passes(my_package):
    Path("test_mine.py").write_text(only_block("python", "contract test"), encoding="utf-8")
    said = run_python("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py", path=my_package)
    passed = re.search(r"(\d+) passed", said)
    assert passed and int(passed[1]) > 5, said
    assert not re.search("failed|error|skipped", said)


@pytest.mark.slow
def test_script_runs_and_prints_a_leaderboard(workplace):
    Path("study.py").write_text(only_block("python", "script"), encoding="utf-8")
    said = run_python("study.py")
    assert re.search(r"^0\.\d+ hours, roughly$", said, re.MULTILINE)
    for strategy in ("none", "class_weights"):
        assert re.search(rf"compact_cnn +{strategy} +0\.\d+", said), said


def test_notebook_predicts(workplace, model_file):
    Path("model.keras").write_bytes(model_file.read_bytes())
    faces = open_dataset("synthetic").pixels
    Path("holiday").mkdir()
    for place, name in enumerate(["portrait.jpg", "holiday/first.png"]):
        Image.fromarray(faces[place].squeeze()).save(name)
    names = {"fer_bench": package}
    exec(only_block("python", "notebook"), names)
    assert len(names["faces"]) == 2
    assert names["faces"]["probability"].between(0, 1).all()
    registries = re.findall(r"`(?:fer_bench\.)?([A-Z]+)`", README)
    assert {getattr(package, name) for name in registries} == set(REGISTRIES.values())


def test_file_to_score_is_scored(workplace, fer_bench, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    exec(only_block("python", "file to score"), {})
    said = fer_bench("score", "theirs.npz", "--dataset", "synthetic", "--name", "theirs")
    assert re.search(r"theirs +unknown", said)


@pytest.mark.slow
def test_all_four_together_make_a_leaderboard_like_the_sample(plugged, faces_csv, fer_bench):
    from fer_bench.leaderboard.ranking import leaderboard
    from fer_bench.leaderboard.terminal import table
    from fer_bench.runner.events import SlotEnded
    from fer_bench.runner.worker import work
    from fer_bench.storage.logged_runs import read_study_runs
    from fer_bench.study.plan import make_plan

    path = Path("experiments/small_cnn.yaml")
    study = yaml.safe_load(path.read_text("utf-8"))
    study["budgets"]["tiny"] = TINY
    path.write_text(yaml.safe_dump(study), "utf-8")
    fer_bench("data", "import", faces_csv.parent)
    plan = make_plan(
        "small_cnn", dataset="listed_faces", budget="tiny", backbones=("compact_cnn", "plain_cnn"),
        strategies=("none", "prior_correction"), keep_weights="none",
    )  # fmt: skip
    events = []
    assert work(plan, events.append) == []
    assert sum(isinstance(event, SlotEnded) for event in events) == 4 * 3

    frame = leaderboard(*read_study_runs(plan.mlruns, "small_cnn", [plan.experiment]))
    assert list(frame["rank"]) == [1, 2, 3, 4]
    assert frame["gain"].notna().sum() == 2
    out = io.StringIO()
    Console(width=100, file=out).print(table(frame))
    shown, sample = out.getvalue(), between(README, "sample: begin", "sample: end")
    header = re.compile(r"^ +# +Backbone.*$", re.MULTILINE)
    assert header.search(shown)[0].split() == header.search(sample)[0].split()
    note = re.compile(r"In percent.*?together\.", re.DOTALL)
    assert note.search(shown)[0].split() == note.search(sample)[0].split()
