"""Datasets of class folders, `class/` or `split/class/`, in a folder or a zip."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from fer_bench.data.archive import LAYOUTS, FileTree, Place, class_folders, image_places, printable
from fer_bench.data.attributes import TABLE, read_attributes
from fer_bench.data.class_choice import ALL_CLASSES, ClassChoice
from fer_bench.data.draft import NO_OPTIONS, Draft, ImageRecord, ImportOptions, Track, quiet
from fer_bench.data.listed_images import ListedImage, listed_draft
from fer_bench.errors import UserError

NUMBERED = {  # hints for two datasets whose folders are numbers
    frozenset("1234567"): "RAF-DB has 1=surprise,2=fear,3=disgust,4=happy,5=sad,6=angry,7=neutral",
    frozenset(
        "01234567"
    ): "AffectNet has 0=neutral,1=happy,2=sad,3=surprise,4=fear,5=disgust,6=angry,7=contempt",
}


def read_folder(tree: FileTree, options: ImportOptions = NO_OPTIONS, track: Track = quiet) -> Draft:
    """Look through images in class folders, of which the options' `classes` renames or leaves out some.

    All images are brought to the options' `size`, by default to the size that they have in common. Attributes
    are those of the table beside the class folders, if there is one (`read_attributes`). Raises
    UserError for a layout without class folders, numbered folders without a name, two names that differ in
    case only and (unless `allow_missing`) classes of fewer than two images.
    """
    path = tree.path
    places = image_places(tree)
    folders = class_folders(tree, places)
    names = _class_names(folders, options.classes)
    labels = {name: place.folder for name, place in places.items()}
    if len(set(names.values())) < 2:
        raise UserError(
            f"{path}: one class only, {labels[next(iter(labels))]!r}, where two are needed; {LAYOUTS}"
        )
    attributes, values = read_attributes(
        tree, next(iter(places.values())).wrapper, list(_ids(places).values())
    )
    tables = 1 if attributes else 0
    draft = draft_images(tree, places, labels, options.classes, size=options.size, track=track, tables=tables)
    if attributes:
        draft = _with_attributes(draft, attributes, values)
    empty = sorted(set(names.values()) - set(draft.classes))
    if empty and not options.allow_missing:
        raise UserError(
            f"{path}: no image of {', '.join(empty)}; add some, or leave it out with --allow-missing-classes"
        )
    left_out = (f"left out, without an image: {', '.join(empty)}",) if empty else ()
    return replace(draft, remarks=draft.remarks + left_out, least=0 if options.allow_missing else 2)


def draft_images(
    tree: FileTree,
    places: Mapping[str, Place],
    labels: Mapping[str, str],
    choice: ClassChoice = ALL_CLASSES,
    *,
    size: int | None = None,
    grey: bool | None = None,
    track: Track = quiet,
    tables: int = 0,
) -> Draft:
    """Draft of image files whose classes are known (`labels`); subsets are those of their places.

    `tables` are other files of the tree that were read.
    """
    ids = _ids(places)
    listed = [
        ListedImage(name, ImageRecord(ids[name], labels[name], place.subset))
        for name, place in places.items()
    ]
    classes = sorted(set(labels.values()))
    draft = listed_draft(tree, listed, classes, choice, size=size, grey=grey, track=track)
    ignored = len(tree.sizes) - len(places) - tables
    remarks = (f"{ignored:,} other files ignored",) if ignored else ()
    return replace(draft, remarks=draft.remarks + remarks)


def _ids(places: Mapping[str, Place]) -> dict[str, str]:
    """Id of each image by its name: the path below the folder of the class folders, or of the subsets."""
    return {
        name: printable("/".join(name.split("/")[len(place.wrapper) :])) for name, place in places.items()
    }


def _with_attributes(
    draft: Draft, attributes: tuple[str, ...], values: Mapping[str, tuple[str, ...]]
) -> Draft:
    """The draft with the values of each image, and a remark on how many have none."""
    unknown = ("",) * len(attributes)
    records = [replace(record, attributes=values.get(record.id, unknown)) for record in draft.records]
    without = sum(record.id not in values for record in records)
    remark = f"{TABLE}: {', '.join(attributes)}"
    remark += f"; {without:,} of {len(records):,} images have no row" if without else ""
    return replace(draft, records=records, attributes=attributes, remarks=(*draft.remarks, remark))


def _class_names(folders: list[str], choice: ClassChoice) -> dict[str, str]:
    """Class name of each folder that is kept; UserError for a number without one, and an unprintable name."""
    numbered = [folder for folder in folders if re.fullmatch(r"\d+", folder) and folder not in choice.names]
    if numbered:
        example = ",".join(f"{number}=..." for number in numbered)
        hint = NUMBERED.get(frozenset(folders), "their order differs from one data set to the next")
        raise UserError(f'class folders are numbers: say what they mean with --classes "{example}" ({hint})')
    names = choice.apply(folders)
    if unprintable := [name for name in names.values() if not name.isprintable()]:
        raise UserError(f"class folder {unprintable[0]!r}: a name that can't be written; rename it, in UTF-8")
    return names
