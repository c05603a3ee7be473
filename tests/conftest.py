"""Small images to train on: grey, five classes of unequal size, told apart by where they are bright."""

from pathlib import Path

import numpy as np
import pytest
from faces import draw_faces

from fer_bench.data.images import FaceImages

LONGEST = "test_seeds"  # begins first: begun last, it would keep one process waiting for minutes


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem != LONGEST)


@pytest.fixture
def home(monkeypatch, tmp_path) -> Path:
    """Folder of all that fer-bench keeps for a user, one of its own for each test."""
    monkeypatch.setenv("FER_BENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def faces() -> FaceImages:
    """300 images of 24x24, 180 of them for training and 120 for validation."""
    return draw_faces()


@pytest.fixture(scope="session")
def model_file(tmp_path_factory) -> Path:
    """A model file as `export` writes them, of an untrained net for three classes of 48x48 grey images."""
    from fer_bench.backbones.base import BACKBONES
    from fer_bench.inference.export import plain, self_contained, write
    from fer_bench.study.recipe import Recipe
    from fer_bench.training.net import Net

    folder = tmp_path_factory.mktemp("model")
    recipe = Recipe(image_size=32, weights="none", head={"normalize": True})
    net = Net(BACKBONES["compact_cnn"](), recipe, 1, 3, None)
    net.reset(1)
    made = self_contained(plain(net.whole), (48, 48, 1), ("angry", "happy", "sad"), np.ones(3), np.zeros(3))
    write(made, folder / "faces.keras", folder)
    return folder / "faces.keras"
