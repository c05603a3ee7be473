"""What a dataset is, and how one is found by its name."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from fer_bench.data import cache
from fer_bench.data.cache import Draft, Track, quiet
from fer_bench.data.images import FaceImages
from fer_bench.errors import UserError
from fer_bench.registry import Registry, unknown


class Dataset:
    """An entry of DATASETS: where labelled face images come from.

    A built-in one overrides `load`; one that the user brings is an `Imported` and overrides `read`.
    """

    title: ClassVar[str] = ""
    how: ClassVar[str] = "built in"
    """What to type to get it."""
    honest_ceiling: ClassVar[float | None] = None
    """Accuracy of one model above which a leak is likelier than skill, 0..1."""
    kaggle: ClassVar[str | None] = None
    """Name on Kaggle for `data download`, owner/dataset."""

    def load(self) -> FaceImages:
        """Hand out all images; raises UserError telling how to get them where they aren't there."""
        raise NotImplementedError

    def available(self) -> bool:
        """Say whether `load` would work now, without a download."""
        return True

    def read(self, path: Path, track: Track = quiet) -> Draft:
        """Look through a file or folder of the user's and say what to import from it; UserError if unfit."""
        raise UserError(f"{self.title or type(self).__name__} isn't imported: {self.how}")


class Imported(Dataset):
    """A dataset that lies in the store under `name` once the user has imported it."""

    name: str

    def load(self) -> FaceImages:
        """Open the imported images as memory maps; UserError telling how to import what isn't there."""
        if not self.available():
            raise UserError(f"dataset {self.name!r} isn't imported: {self.how}")
        return cache.load(self.name)

    def available(self) -> bool:
        """Say whether it was imported."""
        return self.name in cache.stored()


class ByName(Imported):
    """A folder that the user imported under a name of their own."""

    how = "fer-bench data import folder PATH --name NAME"

    def __init__(self, name: str) -> None:
        self.name = name


DATASETS: Registry[type[Dataset]] = Registry("dataset", "fer_bench.datasets")


def find_dataset(name: str) -> Dataset:
    """Find a registered dataset, else one imported under this name; UserError naming the known ones."""
    if name in DATASETS:
        return DATASETS[name]()
    if name in cache.stored():
        return ByName(name)
    known = {*DATASETS, *cache.stored()}
    raise UserError(f"{unknown('dataset', name, known)}; your own: {ByName.how}")


def open_dataset(name: str) -> FaceImages:
    """Open a dataset by name, imported ones as memory maps; UserError if unknown or not imported."""
    return find_dataset(name).load()


def dataset_available(name: str) -> bool:
    """Say whether `open_dataset(name)` would work now; UserError for a name that nobody knows."""
    return find_dataset(name).available()


def known_datasets() -> list[str]:
    """Names of all registered and all imported datasets, sorted."""
    return sorted({*DATASETS, *cache.stored()})
