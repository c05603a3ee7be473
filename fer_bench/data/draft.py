"""What there is to import, before anything is decoded: images by name, and what a user says of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import numpy as np

from fer_bench.data.class_choice import ALL_CLASSES, ClassChoice
from fer_bench.errors import UserError

Item = TypeVar("Item")


class Track(Protocol):
    """Passes items on unchanged and may show progress; `total` is how many to expect."""

    def __call__(self, items: Iterable[Item], total: int) -> Iterable[Item]:
        """The same items."""
        ...


def quiet(items: Iterable[Item], total: int) -> Iterable[Item]:
    """The same items; shows nothing."""
    return items


@dataclass(frozen=True)
class ImageRecord:
    """One image to import: its id within the source, the name of its class, one of SUBSETS.

    - group: the person or sequence that it is of, whose images a split keeps on one side; "" where unknown;
    - votes: of raters, a number for each of the draft's classes; () where there are none;
    - attributes: values (age, gender) in the order of the draft's `attributes`; "" where unknown.
    """

    id: str
    label: str
    subset: str
    group: str = ""
    votes: tuple[float, ...] = ()
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImportOptions:
    """What a user says of the images; a reader names those that it heeds in its `options`."""

    classes: ClassChoice = ALL_CLASSES
    """Which classes to keep, and under which names."""
    size: int | None = None
    """Side in pixels to bring all images to."""
    allow_missing: bool = False
    """Whether a class may have no or one image."""


NO_OPTIONS = ImportOptions()


@dataclass(frozen=True)
class Chosen:
    """What a choice of classes makes of records: each as it is now, None for one that is left out.

    `classes` are sorted, and votes in their order; `remarks`: lines about what was left out and renamed.
    """

    records: Sequence[ImageRecord | None]
    classes: tuple[str, ...]
    remarks: tuple[str, ...]


def choose(records: Sequence[ImageRecord], classes: Sequence[str], choice: ClassChoice) -> Chosen:
    """Records of `classes`, the order of their votes, with only the classes of the choice, by its names.

    Votes for a class that is left out are lost, those for merged classes added. Raises UserError as
    ClassChoice.apply does.
    """
    names = choice.apply(classes)
    kept = tuple(sorted(set(names.values())))
    sources = [[k for k, word in enumerate(classes) if names.get(word) == name] for name in kept]

    def chosen(record: ImageRecord) -> ImageRecord | None:
        if record.label not in names:
            return None
        votes = tuple(sum(record.votes[k] for k in columns) for columns in sources) if record.votes else ()
        return replace(record, label=names[record.label], votes=votes)

    lost = Counter(record.label for record in records if record.label not in names)
    renamed = [f"{word} as {name}" for word, name in names.items() if name != word]
    remarks = [
        *([f"named by --classes: {', '.join(renamed)}"] if renamed else []),
        *(
            [f"left out by --classes: {', '.join(f'{n:,} {word}' for word, n in lost.items())}"]
            if lost
            else []
        ),
    ]
    return Chosen([chosen(record) for record in records], kept, tuple(remarks))


@dataclass(frozen=True)
class Draft:
    """What there is to import in a file or folder, and how to get its pixels; nothing is decoded yet.

    - shape: (H, W, C) of every image;
    - records: the images; pixels: called once, gives for each record its (H, W, C) uint8 array, or why it
      can't be read;
    - source: one line, where the images come from; notes: warnings, shown wherever they are used;
    - skipped: "id: reason" for images already found broken; remarks: lines shown at the import;
    - least: images that every class needs, in train where there is one;
    - attributes: names of the records' attributes. Votes, too, have all of the records or none;
    - read_as: name of the dataset that has read them, where the import knows it;
    - augmented: whether there are augmented copies among them, to be looked for within each class.
    """

    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    records: Sequence[ImageRecord]
    pixels: Callable[[], Iterator[np.ndarray | str]]
    source: str
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    least: int = 1
    attributes: tuple[str, ...] = ()
    read_as: str = ""
    augmented: bool = False

    def check(self, records: Sequence[ImageRecord], broken: Sequence[str] = ()) -> None:
        """Raise UserError where a class has too few readable images; `broken`: "id: reason" of the others."""
        unread = [*self.skipped, *broken]
        if not records:
            unreadable = (
                f"none of its {len(unread)} images can be read (first: {unread[0]})" if unread else ""
            )
            raise UserError(f"{self.source}: {unreadable or 'no images'}")
        subset = "train" if any(r.subset == "train" for r in records) else None
        labels = [r.label for r in records if subset in (None, r.subset)]
        few = {name: n for name in self.classes if (n := labels.count(name)) < self.least}
        if few:
            counts = ", ".join(f"{name} {n}" for name, n in few.items())
            if unread:
                counts += f"; {len(unread):,} can't be read, such as {unread[0]}"
            raise UserError(
                f"{self.source}: too few {'training ' if subset else ''}images of a class ({counts}): "
                f"each needs {self.least}; add some, or import a folder with --allow-missing-classes"
            )
