"""The README is true: its commands parse, its examples work, its tables and its picture are there."""

import csv
import importlib
import importlib.metadata
import io
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import typer
import yaml
from PIL import Image
from rich.console import Console

import fer_bench
from fer_bench import registry
from fer_bench.backbones.base import BACKBONES
from fer_bench.cli.main import app, data, listing
from fer_bench.data.images import SUBSETS
from fer_bench.data.splits import split
from fer_bench.datasets.base import DATASETS, open_dataset
from fer_bench.strategies.base import STRATEGIES
from fer_bench.study.file import read_study, study_files
from fer_bench.study.prior import effective_prior, is_no_op, tilts_beyond_flat
from fer_bench.study.resolve import resolve

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", README, re.DOTALL))
KINDS = {"strategies": STRATEGIES, "backbones": BACKBONES, "datasets": DATASETS}
TINY = {
    "trials": 1, "repeats": 2, "train_images": 192, "val_images": 70, "test_images": 80,
    "recipe": {"image_size": 32, "phases": [{"trainable": "all", "epochs": 2}]},
}  # fmt: skip


def command_lines(text: str) -> Iterator[str]:
    """Lines `fer-bench ...` of code blocks and of inline code, without what stands before fer-bench."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    lines += re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    lines += re.findall(r"^#\s+(fer-bench .*)$", text, re.MULTILINE)
    for part in (part for line in lines for part in line.split("&&")):
        words = re.fullmatch(r"(?:[A-Z_]+=\S+ )*fer-bench (.*)", part.strip())
        if words:
            yield words[1]


def between(start: str, end: str) -> str:
    """Text between two HTML comments, without the first's rest of line."""
    return README.split(f"<!-- {start}", 1)[1].split("\n", 1)[1].split(f"<!-- {end}", 1)[0].strip()


@pytest.fixture
def plugged(tmp_path, monkeypatch) -> Iterator[Path]:
    """The README's files, each dropped into a folder that its registry looks through; undone afterwards."""
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    for kind, known in KINDS.items():
        list(known)
        package = importlib.import_module(f"fer_bench.{kind}")
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path / "fer_bench" / kind)])
        monkeypatch.setattr(known, "_entries", dict(known._entries))
        monkeypatch.setattr(known, "_found", False)
    monkeypatch.setenv("FER_BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if any(name.startswith(f"fer_bench.{kind}.") for kind in KINDS):
            del sys.modules[name]


@pytest.fixture
def faces_csv(tmp_path) -> Path:
    """Some drawn faces as PNG files with a list, one of them broken."""
    images = open_dataset("synthetic")
    parts = split(images, "official", 200, 70, 80)
    (tmp_path / "faces").mkdir()
    with (tmp_path / "faces" / "faces.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "label", "subset"])
        for i in np.concatenate([parts.train, parts.val, parts.test]):
            Image.fromarray(images.pixels[i].squeeze()).save(tmp_path / "faces" / f"{i}.png")
            rows.writerow([f"{i}.png", images.classes[images.labels[i]], SUBSETS[images.subsets[i]]])
        (tmp_path / "faces" / "broken.png").write_bytes(b"no picture")
        rows.writerow(["broken.png", "happy", "train"])
    return tmp_path / "faces" / "faces.csv"


def import_faces(path: Path) -> None:
    data.import_("listed_faces", path, None, None, None, False)


def test_the_two_commands_are_there_word_by_word():
    assert "\npip install . && fer-bench run --study imbalance\n" in README
    assert '\npip install ".[test]" && pytest\n' in README


@pytest.mark.parametrize("line", sorted(set(command_lines(README))))
def test_command_parses(line):
    command, words = typer.main.get_command(app), shlex.split(line)
    while hasattr(command, "commands"):
        assert {*words[:1]} & {*command.commands}, f"no such command: fer-bench {line}"
        command = command.commands[words.pop(0)]
    command.make_context(line, words)  # raises on unknown options, missing or surplus arguments


def test_options_and_variables_named_in_passing_exist():
    package = Path(fer_bench.__file__).parent
    source = "\n".join(path.read_text("utf-8") for path in package.rglob("*.py"))
    for variable in set(re.findall(r"\b((?:FER_BENCH|MLFLOW|KERAS)_[A-Z_]+)\b", README)):
        assert variable in source, variable
    group = typer.main.get_command(app)
    commands = [*group.commands.values(), *group.commands["data"].commands.values()]
    options = {opt for c in commands for p in getattr(c, "params", []) for opt in p.opts}
    assert set(re.findall(r"`(--[a-z-]+)", README)) <= options
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert set(re.findall(r'"\.\[(\w+)\]"', README)) <= set(extras)


def test_links_lead_somewhere_and_the_picture_is_small():
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(targets) > 5
    for target in targets:
        assert target.startswith("https://") or (ROOT / target).exists(), target
    picture = ROOT / re.search(r"!\[.*?\]\((\S+)\)", README)[1]
    assert picture.stat().st_size < 150_000
    assert Image.open(picture).width >= 600


def test_tables_are_those_of_list(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert between("list: begin", "list: end") == listing.markdown_tables(), (
        "the tables have changed: put what `fer-bench list --markdown` prints between "
        "<!-- list: begin ... --> and <!-- list: end --> in README.md"
    )


def test_there_is_an_example_of_each_kind():
    folders = sorted(str(Path(name).parent) for name in FILES)
    assert folders == ["experiments", *(f"fer_bench/{kind}" for kind in sorted(KINDS))]


def test_strategy_flattens_the_prior(plugged):
    strategy = STRATEGIES["posthoc_adjustment"]()
    counts = np.array([400, 44, 410, 721])
    labels = np.repeat(np.arange(4, dtype=np.int32), counts)
    prior = effective_prior(strategy, labels, 4)
    np.testing.assert_allclose(prior, 0.25, rtol=1e-5)
    assert not tilts_beyond_flat(prior, counts)
    assert not is_no_op(strategy, labels, 4)
    assert is_no_op(STRATEGIES["posthoc_adjustment"](tau=0.0), labels, 4)
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


def test_dataset_is_imported_and_loads(plugged, faces_csv):
    assert not DATASETS["listed_faces"]().available()
    import_faces(faces_csv)
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
    assert [cell.name for cell in spec.cells()] == [
        "compact_cnn/none", "compact_cnn/class_weights", "compact_cnn/oversampling",
    ]  # fmt: skip
    assert spec.trials == {None: 1, "quick": 2, "full": 8}[budget]


def test_entry_point_of_another_package_is_found(plugged, monkeypatch):
    snippet = re.search(r"<!-- entry point -->\n```toml\n(.*?)```", README, re.DOTALL)[1]
    ((group, declared),) = tomllib.loads(snippet)["project"]["entry-points"].items()
    ((name, module),) = declared.items()
    package = plugged / "elsewhere" / "my_package"
    package.mkdir(parents=True)
    (plugged / f"fer_bench/strategies/{name}.py").rename(package / f"{name}.py")
    monkeypatch.syspath_prepend(str(package.parent))
    point = importlib.metadata.EntryPoint(name, module, group)
    asked = {group: [point]}
    monkeypatch.delitem(STRATEGIES._entries, name, raising=False)
    monkeypatch.setattr(registry, "entry_points", lambda group: asked.get(group, []))
    assert STRATEGIES[name].__module__ == module
    for loaded in (module, "my_package"):
        monkeypatch.delitem(sys.modules, loaded)


def test_all_four_together_make_a_leaderboard_like_the_sample(plugged, faces_csv):
    from fer_bench.leaderboard.ranking import leaderboard, table
    from fer_bench.runner.worker import work
    from fer_bench.storage.logged_runs import read_study_runs
    from fer_bench.study.plan import make_plan

    path = Path("experiments/small_cnn.yaml")
    study = yaml.safe_load(path.read_text("utf-8"))
    study["budgets"]["tiny"] = TINY
    path.write_text(yaml.safe_dump(study), "utf-8")
    import_faces(faces_csv)
    plan = make_plan(
        "small_cnn", dataset="listed_faces", budget="tiny", backbones=("compact_cnn", "plain_cnn"),
        strategies=("none", "posthoc_adjustment"), keep_weights="none",
    )  # fmt: skip
    told = []
    work(plan, lambda event, **facts: told.append(SimpleNamespace(event=event, **facts)))
    assert told[-1] == SimpleNamespace(event="end", failures=[])
    assert sum(each.event == "result" for each in told) == 4 * 3

    frame = leaderboard(*read_study_runs(plan.mlruns, "small_cnn", [plan.experiment]))
    assert list(frame["rank"]) == [1, 2, 3, 4]
    assert frame["gain"].notna().sum() == 2
    out = io.StringIO()
    Console(width=100, file=out).print(table(frame))
    shown, sample = out.getvalue(), between("sample: begin", "sample: end")
    header = re.compile(r"^ +# +Backbone.*$", re.MULTILINE)
    assert header.search(shown)[0].split() == header.search(sample)[0].split()
    note = re.compile(r"In percent.*?together\.", re.DOTALL)
    assert note.search(shown)[0].split() == note.search(sample)[0].split()
