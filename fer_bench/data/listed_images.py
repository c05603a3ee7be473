"""Image files with what is known of each: the draft that they make."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from fer_bench.data import decode
from fer_bench.data.archive import IMAGE_SUFFIXES, FileTree, printable
from fer_bench.data.class_choice import ALL_CLASSES, ClassChoice
from fer_bench.data.decode import Box
from fer_bench.data.draft import Draft, ImageRecord, ImportOptions, Track, choose, quiet
from fer_bench.errors import UserError

NOT_THERE = "named in the list, but not there"
FARTHEST = 10**6  # pixels that a side of a box may be away: more than any image is wide


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
    under which names. Files that aren't there, and those that can't be read, are left out and named. Raises
    UserError for a size out of range, where none of the files is there, and as ClassChoice.apply does.
    """
    if size is not None and not decode.SMALLEST_SIDE <= size <= decode.LARGEST_SIDE:
        raise UserError(f"--size {size}: expected {decode.SMALLEST_SIDE} to {decode.LARGEST_SIDE} pixels")
    chosen = choose([image.record for image in listed], classes, choice)
    listed = [
        replace(image, record=record)
        for image, record in zip(listed, chosen.records, strict=True)
        if record is not None
    ]
    there = [image for image in listed if image.file in tree.sizes]
    missing = [image for image in listed if image.file not in tree.sizes]
    if listed and not there:
        raise UserError(
            f"{tree.path}: none of the {len(listed):,} images that its list names is there "
            f"(first: {printable(missing[0].file)}): give the folder or archive that holds list and images"
        )
    survey = decode.survey(tree, [(image.file, image.box) for image in there], track)
    readable = [image for place, image in enumerate(there) if place not in survey.broken]
    shape = survey.shape(size, grey)
    broken = {there[place].record.id: why for place, why in survey.broken.items()}
    skipped = broken | {image.record.id: NOT_THERE for image in missing}
    return Draft(
        classes=chosen.classes,
        shape=shape,
        records=[image.record for image in readable],
        pixels=lambda: decode.decoded(tree, [(image.file, image.box) for image in readable], shape),
        source=printable(tree.path.name),
        skipped=tuple(f"{printable(name)}: {why}" for name, why in skipped.items()),
        remarks=chosen.remarks + survey.remarks(shape),
    )


class Listing:
    """Images of a list, taken row by row, of a tree in which they are found by the end of their names.

    - parts: how many parts of its path the list gives of a file, 2 for `1/face.jpg`;
    - folder: of two files of one ending the one that lies in a folder of this name counts, else neither.
    """

    def __init__(self, tree: FileTree, parts: int, folder: str) -> None:
        self._tree, self._files = tree, _by_ending(tree, parts, folder)
        self._images: list[ListedImage] = []
        self._skipped: list[str] = []
        self._rows: dict[str, tuple[str, str]] = {}  # where it was first named, and as what; by id

    def add(
        self, where: str, file: str, record: ImageRecord, box: Sequence[str], sized: bool = False
    ) -> None:
        """Take the image of a row; one that an earlier row has, or without a box, is left out and named.

        `box` is left, top, right and bottom in the list's words, where `sized`, left, top, width and height.
        """
        row, label = self._rows.setdefault(record.id, (where, record.label))
        try:
            if row != where:
                also = "" if label == record.label else f", but as {record.label} instead of {label}"
                raise ValueError(f"the image of {row} again{also}")
            if not (name := self._files.get(file, file)):
                raise ValueError(f"several files are called {file}")
            self._images.append(ListedImage(name, record, _box(box, sized)))
        except ValueError as error:
            self._skipped.append(printable(f"{where}: {error}"))

    def draft(self, options: ImportOptions, track: Track) -> Draft:
        """Draft of the images taken, in the classes that they have; see `listed_draft`."""
        draft = listed_draft(
            self._tree,
            self._images,
            classes_of(self._images),
            options.classes,
            size=options.size,
            track=track,
        )
        return replace(draft, skipped=(*self._skipped, *draft.skipped))


def classes_of(listed: Iterable[ListedImage]) -> tuple[str, ...]:
    """The classes that images have, sorted."""
    return tuple(sorted({image.record.label for image in listed}))


def _by_ending(tree: FileTree, parts: int, folder: str) -> dict[str, str]:
    """Image files of a tree by the last parts of their names; "" for several, see `Listing`."""
    found: dict[str, str] = {}
    for name in tree.sizes:
        path = PurePosixPath(name)
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            continue
        ending = "/".join(path.parts[-parts:])
        other = found.setdefault(ending, name)
        if other != name:
            inside = [one for one in (other, name) if folder in one.split("/")]
            found[ending] = inside[0] if len(inside) == 1 else ""
    return found


def _box(text: Sequence[str], sized: bool) -> Box:
    """A box in whole pixels; ValueError where the text gives none."""
    try:
        left, top, right, bottom = map(float, text)
        if not all(abs(side) <= FARTHEST for side in (left, top, right, bottom)):  # nor NaN
            raise ValueError
    except ValueError:
        raise ValueError(f"its box ({', '.join(text)[:80]}) isn't four numbers of pixels") from None
    if sized:
        right, bottom = left + right, top + bottom
    if left >= right or top >= bottom:
        raise ValueError(f"its box ({', '.join(text)}) is empty")
    return round(left), round(top), round(right), round(bottom)
