"""Folders and zips of images: what lies where, opened without trusting names, sizes or contents."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from fer_bench.errors import UserError

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".pgm", ".ppm"}
SUBSET_FOLDERS = {
    **{"train": "train", "training": "train"},
    **{"val": "val", "valid": "val", "validation": "val", "publictest": "val"},
    **{"test": "test", "testing": "test", "privatetest": "test"},
}
LAYOUTS = "expected CLASS/IMAGE or SPLIT/CLASS/IMAGE (train, val, valid, validation or test)"
# Images hardly compress: more than this many times the archive, and more than a few CDs, is no data set.
BOMB_RATIO, BOMB_BYTES = 50, 2 * 2**30


@dataclass(frozen=True)
class Place:
    """Where an image lies: (wrapper/...)/(subset/)class/file; subset is one of images.SUBSETS."""

    wrapper: tuple[str, ...]
    subset: str
    folder: str
    file: str


class Tree:
    """Files of a folder: `sizes` maps their names (with /) to bytes; hidden ones are left out.

    `folders` are all folders, with /, so that an empty class is seen.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folders: list[str] = []
        self.sizes: dict[str, int] = {}
        self._walk()

    def _walk(self) -> None:
        """Look into all folders, linked ones too, each once; UserError for one that can't be read."""
        waiting, seen = [""], set()
        while waiting:
            inside = waiting.pop()
            try:
                about = os.stat(self.path / inside)
                if (about.st_dev, about.st_ino) in seen:  # a link in a circle
                    continue
                seen.add((about.st_dev, about.st_ino))
                with os.scandir(self.path / inside) as entries:
                    for entry in sorted(entries, key=lambda e: e.name):
                        if not visible(entry.name) or not os.path.exists(entry.path):  # a link to nowhere
                            continue
                        name = f"{inside}/{entry.name}".lstrip("/")
                        if entry.is_dir():
                            self.folders.append(name)
                            waiting.append(name)
                        elif entry.is_file():
                            self.sizes[name] = entry.stat().st_size
            except OSError as error:
                raise UserError(
                    f"{printable(_cut(str(self.path / inside)))} can't be read: {error.strerror}"
                ) from error

    def open(self, name: str) -> IO[bytes]:
        """Open one file for reading."""
        return (self.path / name).open("rb")


class ZipTree(Tree):
    """Files of a zip, read in place; UserError if it is cut short, encrypted, a bomb or names `../`."""

    def __init__(self, path: Path, bomb_bytes: int = BOMB_BYTES) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except OSError as error:
            raise UserError(f"{path} can't be read: {error.strerror or error}") from error
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise UserError(
                f"{path} is no whole zip ({error}): was the download cut short? Fetch it again"
            ) from error
        members = self._zip.infolist()
        for member in members:
            _refuse_unsafe(path, member)
        total = sum(member.file_size for member in members)
        if total > bomb_bytes and total > BOMB_RATIO * path.stat().st_size:
            raise UserError(
                f"{path} would unpack to {total / 2**30:,.0f} GiB: refused as a decompression bomb"
            )
        self.folders = sorted(
            {str(p) for m in members for p in PurePosixPath(m.filename).parents if str(p) != "."}
            | {m.filename.rstrip("/") for m in members if m.is_dir()}
        )
        self.sizes = {m.filename: m.file_size for m in members if not m.is_dir() and visible(m.filename)}

    def open(self, name: str) -> IO[bytes]:
        """Open one member for reading; it gives at most the bytes that it declares."""
        return self._zip.open(name)


def open_tree(path: Path) -> Tree:
    """Open a folder or a zip; UserError for anything else."""
    if os.path.isdir(path):
        return Tree(path)
    if not os.path.isfile(path):
        raise UserError(
            f"{printable(str(path))} isn't there: expected a folder or a zip (of FER-2013 also a csv)"
        )
    if path.suffix.lower() in {".gz", ".tgz", ".tar", ".rar", ".7z"}:
        raise UserError(f"{path}: expected a folder or a zip; unpack it and give its folder")
    return ZipTree(path)


def image_places(tree: Tree) -> dict[str, Place]:
    """Where each image of a tree lies, ordered by subset, class and name; UserError for other layouts."""
    places = {
        name: _place(name) for name in tree.sizes if PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES
    }
    if not places:
        raise UserError(f"no images in {tree.path}: {LAYOUTS}")
    astray = [n for n, p in places.items() if not p.folder or p.folder.lower() in SUBSET_FOLDERS]
    if astray:
        raise UserError(f"{tree.path}: {printable(_cut(astray[0]))} lies in no class folder; {LAYOUTS}")
    wrappers = sorted({place.wrapper for place in places.values()})
    if len(wrappers) > 1:
        shown = " and ".join(printable(_cut("/".join(wrapper))) or "the top" for wrapper in wrappers[:2])
        raise UserError(f"{tree.path}: class folders lie at different depths, in {shown}; {LAYOUTS}")
    return dict(sorted(places.items(), key=lambda item: (item[1].subset, item[1].folder, item[1].file)))


def class_folders(tree: Tree, places: Mapping[str, Place]) -> list[str]:
    """Names of all class folders, those without images too: folders that lie where those with images do."""
    wrapper, split = next((place.wrapper, place.subset != "none") for place in places.values())
    found = {place.folder for place in places.values()}
    for name in tree.folders:
        place = _place(f"{name}/x")
        if visible(name) and place.wrapper == wrapper and (place.subset != "none") == split:
            found |= {place.folder} - set(SUBSET_FOLDERS)
    return sorted(found)


def printable(name: str) -> str:
    """A file's name as it can be written anywhere: other encodings and control characters as escapes."""
    return name if name.isprintable() else ascii(name)[1:-1]


def _cut(name: str) -> str:
    return name if len(name) <= 120 else f"{name[:50]} ... {name[-50:]}"


def _place(name: str) -> Place:
    *folders, file = name.split("/")
    folder = folders.pop() if folders else ""
    subset = SUBSET_FOLDERS.get(folders[-1].lower(), "none") if folders else "none"
    if subset != "none":
        folders.pop()
    return Place(tuple(folders), subset, folder, file)


def visible(name: str) -> bool:
    """Whether a path is neither hidden nor what macOS adds to zips."""
    return not any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def _refuse_unsafe(path: Path, member: zipfile.ZipInfo) -> None:
    name = member.filename
    if name.startswith("/") or "\\" in name or re.match(r"[A-Za-z]:", name) or ".." in name.split("/"):
        raise UserError(f"{path} holds {name!r}, a name that leads out of its folder: refused")
    if member.flag_bits & 1:
        raise UserError(f"{path} is encrypted ({name!r}): unpack it and give its folder")
