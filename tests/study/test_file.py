"""Study files: where they are found, and what is none."""

import subprocess
import sys
from pathlib import Path

import pytest

import fer_bench
from fer_bench.errors import UserError
from fer_bench.study.file import read_study, study_files, study_name

EXPERIMENTS = sorted((Path(__file__).parents[2] / "experiments").glob("*.yaml"))


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_study_says_what_it_asks_and_how_to_run_it(path):
    header = path.read_text().split("\ndataset", 1)[0]
    assert header.startswith("# ")
    assert "?" in header
    assert f"fer-bench run --study {path.stem}" in header


def test_a_study_is_found_by_name_by_file_name_and_by_path(tmp_path, monkeypatch):
    assert read_study("imbalance") == read_study("imbalance.yaml")
    own = tmp_path / "experiments" / "imbalance.yaml"
    own.parent.mkdir()
    own.write_text("dataset: mine\n")
    assert read_study(str(own)) == ("imbalance", {"dataset": "mine"})
    monkeypatch.chdir(tmp_path)
    assert read_study("imbalance")[1] == {"dataset": "mine"}, "the user's own go before the packaged ones"
    assert study_files()["imbalance"].resolve() == own


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"a: [1, 2", "is not plain YAML"),
        (b"a: !!python/object/apply:os.system ['true']", "is not plain YAML"),
        (b"\xff\xfe\x00\x01", "is not plain YAML"),
        (b"- a\n- b\n", "expected keys and values"),
        (b"", "expected keys and values"),
        (b"1: 2\n", "expected keys and values"),
        (b"a: " + b"[" * 20_000, "is not plain YAML"),
        (b"# " + b"x" * 1_000_001, "bytes are no study"),
    ],
    ids=["open", "python", "binary", "list", "empty", "number", "deep", "huge"],
)
def test_a_file_that_is_no_study_is_refused_in_one_line(tmp_path, text, said):
    path = tmp_path / "mine.yaml"
    path.write_bytes(text)
    with pytest.raises(UserError, match=said) as caught:
        read_study(str(path))
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["imbalnce", "imbalnce.yaml"])
def test_an_unknown_study_is_met_with_the_nearest(name):
    with pytest.raises(UserError, match="did you mean 'imbalance'"):
        read_study(name)


def test_a_folder_is_no_study(tmp_path):
    (tmp_path / "mine.yaml").mkdir()
    with pytest.raises(UserError, match="unknown study"):
        read_study(str(tmp_path / "mine.yaml"))


def test_reading_a_study_loads_nothing_heavy():
    script = (
        "import sys; from fer_bench.study.resolve import resolve; "
        "from fer_bench.study.file import read_study; "
        "resolve(read_study('imbalance')[1], 'quick'); "
        "heavy = ('keras', 'tensorflow', 'jax', 'optuna', 'mlflow', 'sklearn', 'imblearn'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    root = str(Path(fer_bench.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=root, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("study", "name"),
    [("imbalance", "imbalance"), ("my/v1.2.yaml", "v1.2"), ("a.yml", "a"), ("v1.2", "v1.2")],
)
def test_a_study_is_named_like_its_file(study, name):
    assert study_name(study) == name
