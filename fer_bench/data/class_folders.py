"""Datasets of class folders, `class/` or `split/class/`, in a folder or a zip."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from fer_bench.data import decode
from fer_bench.data.archive import LAYOUTS, FileTree, Place, class_folders, image_places, printable
from fer_bench.data.attributes import TABLE, read_attributes
from fer_bench.data.draft import NO_OPTIONS, Draft, ImageRecord, ImportOptions, Track, quiet
from fer_bench.errors import UserError

NUMBERED = {  # hints for two datasets whose folders are numbers
    frozenset("1234567"): "RAF-DB has 1=surprise,2=fear,3=disgust,4=happy,5=sad,6=angry,7=neutral",
    frozenset(
        "01234567"
    ): "AffectNet has 0=neutral,1=happy,2=sad,3=surprise,4=fear,5=disgust,6=angry,7=contempt",
}


def read_folder(tree: FileTree, options: ImportOptions = NO_OPTIONS, track: Track = quiet) -> Draft:
    """Look through images in class folders; the options' `classes` renames folders.

    All images are brought to the options' `size`, by default to the size that they have in common. Attributes
    are those of the table beside the class folders, if there is one (`read_attributes`). Raises
    UserError for a layout without class folders, numbered folders without `classes`, two names that differ in
    case only and (unless `allow_missing`) classes of fewer than two images.
    """
    size, path = options.size, tree.path
    if size is not None and not decode.SMALLEST_SIDE <= size <= decode.LARGEST_SIDE:
        raise UserError(f"--size {size}: expected {decode.SMALLEST_SIDE} to {decode.LARGEST_SIDE} pixels")
    places = image_places(tree)
    names = _class_names(class_folders(tree, places), options.classes)
    labels = {name: names[place.folder] for name, place in places.items()}
    if len(set(names.values())) < 2:
        raise UserError(
            f"{path}: one class only, {labels[next(iter(labels))]!r}, where two are needed; {LAYOUTS}"
        )
    attributes, values = read_attributes(
        tree, next(iter(places.values())).wrapper, list(_ids(places).values())
    )
    draft = draft_images(tree, places, labels, size=size, track=track, tables=1 if attributes else 0)
    if attributes:
        draft = _with_attributes(draft, attributes, values)
    empty = sorted(set(names.values()) - set(labels.values()))
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
    *,
    size: int | None = None,
    grey: bool | None = None,
    track: Track = quiet,
    tables: int = 0,
) -> Draft:
    """Draft of image files whose class names are known (`labels`); subsets are those of their places.

    `tables` are other files of the tree that were read.
    """
    survey = decode.survey(tree, list(places), track)
    names = [name for name in places if name not in survey.broken]
    shape = survey.shape(size, grey)
    ids = _ids(places)
    ignored = len(tree.sizes) - len(places) - tables
    return Draft(
        classes=tuple(sorted(set(labels.values()))),
        shape=shape,
        records=[ImageRecord(ids[name], labels[name], places[name].subset) for name in names],
        pixels=lambda: decode.decoded(tree, names, shape),
        source=printable(tree.path.name),
        skipped=tuple(f"{ids[name]}: {why}" for name, why in survey.broken.items()),
        remarks=survey.remarks(shape) + ((f"{ignored:,} other files ignored",) if ignored else ()),
    )


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


def parse_classes(text: str) -> dict[str, str]:
    """Read "1=surprise,2=fear" as folder to class name; UserError where it is no such list."""
    pairs = [part.split("=") for part in text.split(",") if part.strip()]
    if not pairs or any(len(pair) != 2 or not all(map(str.strip, pair)) for pair in pairs):
        raise UserError(f'--classes {text!r}: expected FOLDER=CLASS pairs, as in "1=surprise,2=fear"')
    names = {folder.strip(): name.strip() for folder, name in pairs}
    if len(names) < len(pairs):
        raise UserError(f"--classes {text!r} names a folder twice: keep one")
    return names


def _class_names(folders: list[str], classes: Mapping[str, str]) -> dict[str, str]:
    """Class name of each folder; UserError for a number, an unprintable name and two alike but for case."""
    if unknown := sorted(set(classes) - set(folders)):
        raise UserError(f"--classes names {', '.join(unknown)}: the class folders are {', '.join(folders)}")
    numbered = [folder for folder in folders if re.fullmatch(r"\d+", folder) and folder not in classes]
    if numbered:
        example = ",".join(f"{number}=..." for number in numbered)
        hint = NUMBERED.get(frozenset(folders), "their order differs from one data set to the next")
        raise UserError(f'class folders are numbers: say what they mean with --classes "{example}" ({hint})')
    names = {folder: classes.get(folder, folder.strip()) for folder in folders}
    spellings: dict[str, str] = {}
    for name in names.values():
        if not name.isprintable():
            raise UserError(f"class folder {name!r}: a name that can't be written; rename it, in UTF-8")
        if (other := spellings.setdefault(name.casefold(), name)) != name:
            raise UserError(
                f'classes {other!r} and {name!r} differ in case only: say --classes "{other}={name}"'
            )
    return names
