"""What a dataset is, and how one is found by its name."""

from __future__ import annotations

from typing import ClassVar

from fer_bench.data import cache
from fer_bench.data.archive import FileTree
from fer_bench.data.draft import NO_OPTIONS, Draft, ImportOptions, Track, quiet
from fer_bench.data.images import FaceImages
from fer_bench.errors import UserError
from fer_bench.registry import Registry, unknown


class Dataset:
    """An entry of DATASETS: where labelled face images come from.

    A built-in dataset overrides `load`; one that a user brings derives from `Imported` and overrides
    `recognise` and `read`. A `generic` one is only a form that images of many sets come in, such as class
    folders: what it reads is stored under a name of the user's.
    """

    title: ClassVar[str] = ""
    how: ClassVar[str] = "built in"
    """How to get it: what to type, or that it is built in."""
    honest_ceiling: float | None = None
    """Accuracy, 0..1, above which a single model more likely profits from a leak than from skill."""
    kaggle: ClassVar[str | None] = None
    """Name on Kaggle for `data download`, owner/dataset."""
    generic: ClassVar[bool] = False
    licence: ClassVar[str] = "unclear"
    """What is known of the licence of its images and labels, in a phrase: for model cards."""
    forms: ClassVar[str] = ""
    """What it can be imported from, in a phrase: shown where nothing is recognised."""
    options: ClassVar[tuple[str, ...]] = ()
    """Fields of ImportOptions that `read` heeds; a user who gives another one is told so."""

    def load(self) -> FaceImages:
        """All images; raises UserError with how to get them where they aren't there."""
        raise NotImplementedError

    def available(self) -> bool:
        """Whether `load` would work now, without a download."""
        return True

    def recognise(self, tree: FileTree) -> str:
        """What these files are, in words ("RAF-DB, Kaggle's layout"); "" where they aren't this dataset.

        By names and first lines alone: it is asked of everything that anybody imports.
        """
        return ""

    def read(self, tree: FileTree, options: ImportOptions = NO_OPTIONS, track: Track = quiet) -> Draft:
        """What to import from these files; UserError if they don't hold this dataset."""
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
    """Images that the user imported under a name of their own, perhaps of a dataset that has another."""

    how = "fer-bench data import PATH --name NAME"

    def __init__(self, name: str) -> None:
        self.name = name
        if (kind := cache.read_as(name)) in DATASETS:
            self.honest_ceiling = DATASETS[kind].honest_ceiling
            self.licence = DATASETS[kind].licence  # type: ignore[misc]


DATASETS: Registry[type[Dataset]] = Registry("dataset", "fer_bench.datasets")


def find_dataset(name: str) -> Dataset:
    """A registered dataset, else what was imported under this name; UserError with the known names."""
    if name in DATASETS and not DATASETS[name].generic:
        return DATASETS[name]()
    if name in cache.stored():
        return UserFolder(name)
    known = known_datasets()
    raise UserError(f"{unknown('dataset', name, known)}; your own: {UserFolder.how}")


def open_dataset(name: str) -> FaceImages:
    """Images of a dataset, imported ones as memory maps; UserError if unknown or not imported."""
    return find_dataset(name).load()


def dataset_available(name: str) -> bool:
    """Whether `open_dataset(name)` would work now; UserError for an unknown name."""
    return find_dataset(name).available()


def known_datasets() -> list[str]:
    """Names of all registered and all imported datasets, sorted."""
    return sorted({*(name for name in DATASETS if not DATASETS[name].generic), *cache.stored()})
