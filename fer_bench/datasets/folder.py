"""Images of any set in folders named like their classes."""

from __future__ import annotations

from fer_bench.data.archive import FileTree, image_places
from fer_bench.data.class_folders import read_folder
from fer_bench.data.draft import NO_OPTIONS, Draft, ImportOptions, Track, quiet
from fer_bench.data.images import SUBSETS
from fer_bench.datasets.base import DATASETS, Dataset
from fer_bench.errors import UserError


@DATASETS.register("folder")
class ClassFolders(Dataset):
    """`CLASS/IMAGE` or `SPLIT/CLASS/IMAGE`."""

    title = "images in class folders"
    how = "fer-bench data import folder PATH --name NAME"
    generic = True
    forms = "class folders, CLASS/IMAGE or SPLIT/CLASS/IMAGE"
    options = ("classes", "size", "allow_missing")

    def recognise(self, tree: FileTree) -> str:
        """By images that all lie in folders of one depth."""
        try:
            places = image_places(tree)
        except UserError:
            return ""
        there = {place.subset for place in places.values()} - {"none"}
        subsets = [subset for subset in SUBSETS if subset in there]
        return f"class folders, {' and '.join(subsets) or 'without a split'}"

    def read(self, tree: FileTree, options: ImportOptions = NO_OPTIONS, track: Track = quiet) -> Draft:
        """Look through the class folders; UserError for other layouts."""
        return read_folder(tree, options, track)
