"""What tests share: a folder to work in, commands run in this process, small images, a model file."""

import gc
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from faces import draw_faces

from fer_bench.data.images import FaceImages

# Files and folders that begin first, the longest before the others: begun last, a long one would keep one
# process waiting for minutes.
LONGEST = (
    "test_seeds.py",
    "end_to_end",
    "training",
    "contracts",
    "inference",
    "test_api.py",
    "docs",
    "runner",
)
WITHOUT_KERAS = ("data", "datasets", "evaluation", "leaderboard", "report", "strategies", "study")  # folders


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Let the garbage collector leave alone what stays to the end, and look at the rest less often."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        parts = item.path.relative_to(Path(__file__).parent).parts
        return next((place for place, name in enumerate(LONGEST) if name in parts), len(LONGEST))

    items.sort(key=place)


@pytest.fixture(scope="session", autouse=True)
def common_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A folder for what fer-bench keeps for its user: the drawn faces, once for all tests and processes."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FER_BENCH_HOME", str(folder / "home"))
        yield


@pytest.fixture(autouse=True)
def no_keras_in_quick_tests(request: pytest.FixtureRequest) -> None:
    """Let imports of Keras fail in the quick tests, whatever others have loaded before."""
    if request.path.parent.name in WITHOUT_KERAS:
        monkeypatch = request.getfixturevalue("monkeypatch")
        for name in ("keras", "tensorflow"):
            monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as the current one, with data, weights and stores of its own in it."""
    for name in ("MLFLOW_TRACKING_URI", "FER_BENCH_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FER_BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session", name="empty_stores")
def both_databases_empty() -> Path:
    """A folder with both databases as a run makes them, to be copied."""
    from empty_stores import empty_stores

    return empty_stores()


@pytest.fixture
def fer_bench(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What a command that is to succeed prints, run in this process."""
    from command import run_command

    def run(*words: object) -> str:
        code, output = run_command(capsys, monkeypatch, *words)
        assert code == 0, output
        return output

    return run


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What a command that is to be refused says, run in this process."""
    from command import refusal

    return lambda *words: refusal(capsys, monkeypatch, *words)


@pytest.fixture(scope="session")
def faces() -> FaceImages:
    """300 images of 24x24, 180 of them for training and 120 for validation."""
    return draw_faces()


@pytest.fixture(scope="session")
def model_file(tmp_path_factory) -> Path:
    """A model file as `export` writes them, of an untrained net for three classes of 48x48 grey images."""
    from fer_bench.backbones.base import BACKBONES
    from fer_bench.inference.export import write
    from fer_bench.inference.self_contained import plain, self_contained
    from fer_bench.study.recipe import Recipe
    from fer_bench.training.net import Net

    folder = tmp_path_factory.mktemp("model")
    recipe = Recipe(image_size=32, weights="none", head={"normalize": True})
    net = Net(BACKBONES["compact_cnn"](), recipe, 1, 3, None)
    net.reset(1)
    made = self_contained(plain(net.whole), (48, 48, 1), ("angry", "happy", "sad"), np.ones(3), np.zeros(3))
    write(made, folder / "faces.keras", folder)
    return folder / "faces.keras"
