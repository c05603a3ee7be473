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

    A built-in dataset overrides `load`; one that a user brings derives from `Imported` and overrides `read`.
    """

    title: ClassVar[str] = ""
    how: ClassVar[str] = "built in"
    """How to get it: what to type, or that it is built in."""
    honest_ceiling: ClassVar[float | None] = None
    """Accuracy, 0..1, above which a single model more likely profits from a leak than from skill."""
    kaggle: ClassVar[str | None] = None
    """Name on Kaggle for `data download`, owner/dataset."""

    def load(self) -> FaceImages:
        """All images; raises UserError with how to get them where they aren't there."""
        raise NotImplementedError

    def available(self) -> bool:
        """Whether `load` would work now, without a download."""
        return True

    def read(self, path: Path, track: Track = quiet) -> Draft:
        """What to import from a file or folder of the user's; UserError if it doesn't hold this dataset."""
        raise UserError(f"{self.title or type(self).__name__} isn't imported: {self.how}")


class Imported(Dataset):
    """A dataset that the user imports once; then it lies in the cache under `name`."""

    name: str

    def load(self) -> FaceImages:
        """The imported images as memory maps; UserError with how to import them where they aren't there."""
        if not self.available():
            raise UserError(f"dataset {self.name!r} isn't imported: {self.how}")
        return cache.load(self.name)

    def available(self) -> bool:
        """Whether it was imported."""
        return self.name in cache.stored()


class UserFolder(Imported):
    """A folder that the user imported under a name of their own."""

    how = "fer-bench data import folder PATH --name NAME"

    def __init__(self, name: str) -> None:
        self.name = name


DATASETS: Registry[type[Dataset]] = Registry("dataset", "fer_bench.datasets")


def find_dataset(name: str) -> Dataset:
    """A registered dataset, else a folder imported under this name; UserError with the known names."""
    if name in DATASETS:
        return DATASETS[name]()
    if name in cache.stored():
        return UserFolder(name)
    known = {*DATASETS, *cache.stored()}
    raise UserError(f"{unknown('dataset', name, known)}; your own: {UserFolder.how}")


def open_dataset(name: str) -> FaceImages:
    """Images of a dataset, imported ones as memory maps; UserError if unknown or not imported."""
    return find_dataset(name).load()


def dataset_available(name: str) -> bool:
    """Whether `open_dataset(name)` would work now; UserError for an unknown name."""
    return find_dataset(name).available()


def known_datasets() -> list[str]:
    """Names of all registered and all imported datasets, sorted."""
    return sorted({*DATASETS, *cache.stored()})
