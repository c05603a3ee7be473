"""Where imported images lie: decoded once, memory-mapped, replaced only by an import that came to its end."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from fer_bench.data.images import SUBSETS, FaceImages, fingerprint
from fer_bench.errors import UserError

Track = Callable[[Iterable[Any], int], Iterable[Any]]
"""Passes items on unchanged and may show progress; the number is how many to expect."""


def quiet(items: Iterable[Any], total: int) -> Iterable[Any]:
    """Pass items on without a sign."""
    return items


@dataclass(frozen=True)
class ImageRecord:
    """One image to import: its id within the source, the name of its class, one of SUBSETS."""

    id: str
    label: str
    subset: str


@dataclass(frozen=True)
class Draft:
    """What a reader found in a source and how to get its pixels; nothing is decoded yet.

    - shape: (H, W, C) of every image;
    - pixels: called once, gives for each record its (H, W, C) uint8 array, or why it can't be read;
    - skipped: "id: reason" for images already found broken; remarks: lines to be said at the import;
    - least: images that every class needs, in train where there is one.
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

    def but(self, **changes: Any) -> Draft:
        """Give the same draft with some fields changed."""
        return dataclasses.replace(self, **changes)

    def check(self, records: Sequence[ImageRecord], broken: Sequence[str] = ()) -> None:
        """Refuse with a UserError records that are too few of a class to learn from.

        `broken` are those dropped since, "id: reason".
        """
        unread = [*self.skipped, *broken]
        if not records:
            why = (
                f"none of its {len(unread)} images can be read (first: {unread[0]})"
                if unread
                else "no images"
            )
            raise UserError(f"{self.source}: {why}")
        subset = "train" if any(r.subset == "train" for r in records) else None
        mine = [r.label for r in records if subset in (None, r.subset)]
        few = {name: n for name in self.classes if (n := mine.count(name)) < self.least}
        if few:
            found = ", ".join(f"{name} {n}" for name, n in few.items())
            if unread:
                found += f"; {len(unread):,} can't be read, such as {unread[0]}"
            raise UserError(
                f"{self.source}: too few {'training ' if subset else ''}images of a class ({found}): "
                f"each needs {self.least}; add some, or import a folder with --allow-missing-classes"
            )


def home() -> Path:
    """Folder of all that fer-bench keeps for the user: $FER_BENCH_HOME, else the user's cache folder."""
    if chosen := os.environ.get("FER_BENCH_HOME"):
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("fer-bench", appauthor=False))


def stored() -> list[str]:
    """Names of the imported datasets, sorted."""
    return sorted(path.parent.name for path in (home() / "datasets").glob("*/meta.json"))


def meta(name: str) -> dict[str, Any]:
    """What the import of a dataset wrote down beside its arrays; UserError where it can't be read."""
    try:
        return json.loads((home() / "datasets" / name / "meta.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(name, error) from error


def load(name: str) -> FaceImages:
    """Open an imported dataset, pixels as a read-only memory map; UserError where its files are damaged."""
    about = meta(name)
    try:
        folder = home() / "datasets" / name / about["version"]
        pixels = np.load(folder / "pixels.npy", mmap_mode="r")
        labels, subsets, ids = (np.load(folder / f"{part}.npy") for part in ("labels", "subsets", "ids"))
        given = {key: tuple(about[key]) for key in ("classes", "notes", "skipped")}
        return FaceImages(
            pixels,
            labels,
            subsets,
            ids,
            name=name,
            source=about["source"],
            fingerprint=about["fingerprint"],
            **given,
        )
    except Exception as error:  # NumPy's reader raises nearly anything on a broken file
        raise _damaged(name, error) from error


def save(name: str, draft: Draft, track: Track = quiet) -> FaceImages:
    """Decode a draft into the store under `name`, in place of what was there only once all of it is read.

    Raises UserError for an unfit name, an import already running, a full disk and whatever the draft refuses;
    then everything is as before.
    """
    import filelock

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise UserError(f"name {name!r}: expected letters, digits, '-', '_' and '.' only")
    draft.check(draft.records)
    shelf = home() / "datasets" / name
    try:
        shelf.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(shelf / ".lock", timeout=0):
            version = _build(shelf, name, draft, track)
            for old in shelf.iterdir():
                if old.is_dir() and old.name != version:
                    shutil.rmtree(old, ignore_errors=True)
    except filelock.Timeout as error:
        raise UserError(f"another import of {name!r} is running: wait for it to end") from error
    except OSError as error:
        raise UserError(f"can't write the import to {shelf}: {error.strerror or error}") from error
    return load(name)


def _build(shelf: Path, name: str, draft: Draft, track: Track) -> str:
    """Write all arrays into a new folder, then name it in meta.json in one step; give its name."""
    folder = Path(tempfile.mkdtemp(prefix="v", dir=shelf))
    try:
        kept, broken = _decode(folder / "pixels.npy", draft, track)
        draft.check(kept, broken)
        labels = np.array([draft.classes.index(r.label) for r in kept], np.int32)
        subsets = np.array([SUBSETS.index(r.subset) for r in kept], np.uint8)
        for part, values in (
            ("labels", labels),
            ("subsets", subsets),
            ("ids", np.array([r.id for r in kept], str)),
        ):
            np.save(folder / f"{part}.npy", values)
        print_ = fingerprint(np.load(folder / "pixels.npy", mmap_mode="r"), labels, subsets, draft.classes)
        about = {
            "version": folder.name, "classes": draft.classes, "images": len(kept), "shape": draft.shape,
            "source": draft.source, "notes": draft.notes, "remarks": draft.remarks,
            "skipped": [*draft.skipped, *broken], "fingerprint": print_,
        }  # fmt: skip
        (folder / "meta.json").write_text(json.dumps(about, indent=1), "utf-8")
        os.replace(folder / "meta.json", shelf / "meta.json")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder.name


def _decode(path: Path, draft: Draft, track: Track) -> tuple[list[ImageRecord], list[str]]:
    """Write the readable images to one .npy file; give their records, and "id: reason" of the others."""
    kept: list[ImageRecord] = []
    broken: list[str] = []
    total = len(draft.records)
    # Not a memory map: on a full disk, writing to one ends the process with SIGBUS.
    with path.open("wb") as file:
        _header(file, (total, *draft.shape))
        for record, image in track(zip(draft.records, draft.pixels(), strict=True), total):
            if isinstance(image, str):
                broken.append(f"{record.id}: {image}")
            else:
                file.write(image.astype(np.uint8, copy=False).reshape(draft.shape).tobytes())
                kept.append(record)
        file.seek(0)
        _header(file, (len(kept), *draft.shape))
    return kept, broken


def _header(file: IO[bytes], shape: tuple[int, ...]) -> None:
    """Write the header of an .npy file of uint8; NumPy pads it, so that its length is that of any number."""
    about = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, about)


def _damaged(name: str, error: Exception) -> UserError:
    return UserError(f"the imported copy of {name!r} in {home()} can't be read ({error}): import it again")
