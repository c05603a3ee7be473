"""Image files with what is known of each: the draft that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fer_bench.data import decode
from fer_bench.data.archive import FileTree, printable
from fer_bench.data.class_choice import ALL_CLASSES, ClassChoice
from fer_bench.data.decode import Box
from fer_bench.data.draft import Chosen, Draft, ImageRecord, Track, choose, quiet
from fer_bench.errors import UserError

NOT_THERE = "named in the list, but not there"
TWICE = "named more than once: only the first counts"


@dataclass(frozen=True)
class ListedImage:
    """An image file of a tree, its record, and the part of it that is the face; None is all of it."""

    file: str
    record: ImageRecord
    box: Box | None = None


def listed_draft(
    tree: FileTree,
    listed: Sequence[ListedImage],
    classes: Sequence[str],
    choice: ClassChoice = ALL_CLASSES,
    *,
    size: int | None = None,
    grey: bool | None = None,
    track: Track = quiet,
) -> Draft:
    """Draft of these images, brought to `size` x `size` pixels, by default to the size they have in common.

    `classes` are those of the records, in the order of their votes; `choice` says which of them to keep, and
    under which names. Of one id the first image counts. Files that aren't there, and those that can't be
    read, are left out and named. Raises UserError for a size out of range, where none of the files is there,
    and as ClassChoice.apply does.
    """
    if size is not None and not decode.SMALLEST_SIDE <= size <= decode.LARGEST_SIDE:
        raise UserError(f"--size {size}: expected {decode.SMALLEST_SIDE} to {decode.LARGEST_SIDE} pixels")
    chosen = choose([image.record for image in listed], classes, choice)
    first, again = _first_of_each(listed, chosen)
    there = [image for image in first if image.file in tree.sizes]
    missing = [image for image in first if image.file not in tree.sizes]
    if missing and not there:
        raise UserError(
            f"{tree.path}: none of the {len(missing):,} images that its list names is there "
            f"(first: {printable(missing[0].file)}): give the folder or archive that holds list and images"
        )
    survey = decode.survey(tree, [(image.file, image.box) for image in there], track)
    readable = [image for place, image in enumerate(there) if place not in survey.broken]
    shape = survey.shape(size, grey)
    broken = {there[place].record.id: why for place, why in survey.broken.items()}
    skipped = dict.fromkeys(again, TWICE) | broken | {image.record.id: NOT_THERE for image in missing}
    return Draft(
        classes=chosen.classes,
        shape=shape,
        records=[image.record for image in readable],
        pixels=lambda: decode.decoded(tree, [(image.file, image.box) for image in readable], shape),
        source=printable(tree.path.name),
        skipped=tuple(f"{printable(name)}: {why}" for name, why in skipped.items()),
        remarks=chosen.remarks + survey.remarks(shape),
    )


def _first_of_each(listed: Sequence[ListedImage], chosen: Chosen) -> tuple[list[ListedImage], list[str]]:
    """The images that are chosen, of one id the first, and the ids that come more than once."""
    kept: dict[str, ListedImage] = {}
    again = []
    for image, record in zip(listed, chosen.records, strict=True):
        if record is None:
            continue
        if record.id in kept:
            again.append(record.id)
        else:
            kept[record.id] = replace(image, record=record)
    return list(kept.values()), again
