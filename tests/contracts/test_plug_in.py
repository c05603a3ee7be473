"""A package of one's own, installed, is found through its entry points and meets the contracts."""

import os
import re
import runpy
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import fer_bench
from fer_bench.strategies.base import STRATEGIES

PLUG_IN = Path(__file__).parent / "plug_in"
ENTRIES = {  # of the package: how `fer-bench list` shows them
    "root_weights": "Root weights: an image counts by the root of its class's rarity",
    "two_convolutions": "Two strided convolutions, trained from scratch",
    "stripes": "Noise with a bright stripe at the height of its class",
}
PRESENT = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))


class Environment:
    """An environment of its own on top of the present one: it sees all that is installed here."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=False)
        scheme = {"base": str(folder), "platbase": str(folder)}
        self.packages = Path(sysconfig.get_path("purelib", vars=scheme))
        self.python = Path(sysconfig.get_path("scripts", vars=scheme)) / "python"
        below = "".join(f"import site; site.addsitedir({path!r})\n" for path in PRESENT)
        (self.packages / "present.pth").write_text(below)

    def run(self, *words: str, cwd: Path) -> str:
        """What a module of Python's prints; it has to succeed."""
        root = str(Path(fer_bench.__file__).parents[1])
        done = subprocess.run(
            [self.python, "-m", *words],
            capture_output=True,
            text=True,
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": root, "COLUMNS": "100"},
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def package(tmp_path, monkeypatch):
    shutil.copytree(PLUG_IN, tmp_path / "plug_in", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path / "plug_in")
    return tmp_path / "plug_in"


def unpack(package, environment):
    """Do what an installer does with a wheel of Python files alone."""
    built = runpy.run_path("wheel_builder.py")["build_wheel"](".")
    with zipfile.ZipFile(built) as wheel:
        wheel.extractall(environment.packages)


def pip_install(package, environment):
    options = ("--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    pip = [sys.executable, "-m", "pip", "--python", environment.python, "install", *options, package]
    subprocess.run(pip, check=True)


@pytest.mark.parametrize(
    ("install", "tests"),
    [
        (unpack, ["test_strategy.py", "test_dataset.py"]),
        pytest.param(
            pip_install,
            ["test_strategy.py", "test_dataset.py", "test_backbone.py"],  # the last loads Keras
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_package_of_ones_own_is_found_and_meets_the_contracts(package, tmp_path, install, tests):
    environment = Environment(tmp_path / "environment")
    install(package, environment)
    shutil.rmtree(package / "my_faces")  # what is found from here on is what was installed
    said = environment.run(
        "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/{name}" for name in tests), cwd=package
    )
    assert int(re.search(r"(\d+) passed", said)[1]) > 40
    assert "failed" not in said and "skipped" not in said
    listed = environment.run("fer_bench.cli", "list", cwd=tmp_path)
    for name, first_line in ENTRIES.items():
        assert re.search(rf"^{name} +{first_line}", listed, re.MULTILINE)
    assert "root_weights" not in STRATEGIES, "the present environment is as it was"
