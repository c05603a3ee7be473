"""Small images to train on: grey, five classes of unequal size, told apart by where they are bright."""

from pathlib import Path

import numpy as np
import pytest

from fer_bench.images import FaceImages

LONGEST = "test_seeds"  # begins first: begun last, it would keep one process waiting for minutes
CLASSES = ("angry", "disgust", "happy", "neutral", "sad")
SHARES = np.array([0.25, 0.05, 0.4, 0.2, 0.1])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem != LONGEST)


def draw_faces(images: int = 300, side: int = 24, channels: int = 1, seed: int = 0) -> FaceImages:
    """A bright bar per class in heavy noise, so that a net can learn it, but not at once."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(5), np.round(SHARES * images).astype(int)))
    pixels = rng.normal(110, 45, (len(labels), side, side, channels))
    for place, label in enumerate(labels):
        row = 2 + label * side // 6
        pixels[place, row : row + 4, 3:-6] += 70
    return FaceImages(
        pixels=pixels.clip(0, 255).astype(np.uint8),
        labels=labels.astype(np.int32),
        subsets=rng.permutation(np.arange(len(labels)) % 5 // 3).astype(np.uint8),
        ids=np.array([f"{i}.png" for i in range(len(labels))]),
        classes=CLASSES,
        name="bars",
        source="drawn in a test",
    )


@pytest.fixture(scope="session")
def faces() -> FaceImages:
    """300 images of 24x24, 180 of them for training and 120 for validation."""
    return draw_faces()


@pytest.fixture(scope="session")
def model_file(tmp_path_factory) -> Path:
    """A model file as `export` writes them, of an untrained net for three classes of 48x48 grey images."""
    from fer_bench.backbones.base import BACKBONES
    from fer_bench.export import plain, self_contained, write
    from fer_bench.model import Net
    from fer_bench.recipe import Recipe

    folder = tmp_path_factory.mktemp("model")
    recipe = Recipe(image_size=32, weights="none", head={"normalize": True})
    net = Net(BACKBONES["compact_cnn"](), recipe, 1, 3, None)
    net.reset(1)
    made = self_contained(plain(net.whole), (48, 48, 1), ("angry", "happy", "sad"), np.ones(3), np.zeros(3))
    write(made, folder / "faces.keras", folder)
    return folder / "faces.keras"
