"""Lists of images as data sets have them: found by the end of their names, with boxes in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from fer_bench.data.archive import IMAGE_SUFFIXES, FileTree, printable
from fer_bench.data.decode import Box
from fer_bench.data.draft import Draft, ImageRecord, ImportOptions, Track
from fer_bench.data.listed_images import ListedImage, listed_draft

FARTHEST = 10**6  # pixels that a side of a box may be away: more than any image is wide


class Listing:
    """Images of a list, taken row by row, of a tree in which they are found by the end of their names.

    - parts: how many parts of its path the list gives of a file, 2 for `1/face.jpg`;
    - folder: of two files of one ending the one that lies in a folder of this name counts, else neither.
    """

    def __init__(self, tree: FileTree, parts: int, folder: str) -> None:
        self._tree, self._files = tree, _by_ending(tree, parts, folder)
        self._images: list[ListedImage] = []
        self._skipped: list[str] = []

    def add(
        self, where: str, file: str, record: ImageRecord, box: Sequence[str], sized: bool = False
    ) -> None:
        """Take the image of a row; one without a box is left out and named.

        `box` is left, top, right and bottom in the list's words, where `sized`, left, top, width and height.
        """
        try:
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


def four_numbers(text: Sequence[str]) -> tuple[float, float, float, float]:
    """The four numbers of a box, none too large for an image; ValueError where the text gives no such."""
    try:
        one, two, three, four = map(float, text)
        if not all(abs(number) <= FARTHEST for number in (one, two, three, four)):  # nor NaN
            raise ValueError
    except ValueError:
        raise ValueError(f"its box ({', '.join(text)[:80]}) isn't four numbers of pixels") from None
    return one, two, three, four


def _box(text: Sequence[str], sized: bool) -> Box:
    """A box in whole pixels; ValueError where the text gives none."""
    left, top, right, bottom = four_numbers(text)
    if sized:
        right, bottom = left + right, top + bottom
    if left >= right or top >= bottom:
        raise ValueError(f"its box ({', '.join(text)}) is empty")
    return round(left), round(top), round(right), round(bottom)
