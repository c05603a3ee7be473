"""Folders and zips of images: what lies where. Names, sizes and contents are not trusted."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from fer_bench.data.file_tree import (
    BOMB_BYTES,
    FileTree,
    all_folders,
    check_member,
    check_unpacked_size,
    printable,
    visible,
)
from fer_bench.data.tar_tree import TarTree
from fer_bench.errors import UserError

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".pgm", ".ppm"}
TABLE_SUFFIXES = {".csv", ".tsv", ".txt", ".lst", ".parquet"}
TAR_SUFFIXES = {".tar", ".gz", ".tgz"}
OTHER_ARCHIVES = {".rar", ".7z", ".bz2", ".xz", ".zst"}
ARCHIVES = {".zip", *TAR_SUFFIXES, *OTHER_ARCHIVES}
ABOUT = {"readme", "license", "licence"}  # names of files that say something about others
SOURCES = "expected a folder, an archive (zip, tar, tar.gz) or a table (csv, parquet)"
SUBSET_FOLDERS = {
    **{"train": "train", "training": "train"},
    **{"val": "val", "valid": "val", "validation": "val", "publictest": "val"},
    **{"test": "test", "testing": "test", "privatetest": "test"},
}
LAYOUTS = "expected CLASS/IMAGE or SPLIT/CLASS/IMAGE (train, val, valid, validation or test)"


@dataclass(frozen=True)
class Place:
    """Where an image lies: (wrapper/...)/(subset/)folder/file; subset is one of images.SUBSETS."""

    wrapper: tuple[str, ...]
    subset: str
    folder: str
    file: str


class FolderTree(FileTree):
    """Files of a folder and, through links, of others; hidden ones are left out."""

    def __init__(self, path: Path) -> None:
        self.path, self.sizes, self.folders = path, {}, []
        waiting: list[str] = [""]
        visited: set[tuple[int, int]] = set()
        while waiting:
            folder = waiting.pop()
            try:
                about = os.stat(path / folder)
                if (about.st_dev, about.st_ino) not in visited:  # else a link in a circle
                    visited.add((about.st_dev, about.st_ino))
                    waiting += self._list(folder)
            except OSError as error:
                raise UserError(
                    f"{printable(_shortened(str(path / folder)))} can't be read: {error.strerror}"
                ) from error

    def _list(self, folder: str) -> list[str]:
        """Enter the files and folders that lie in a folder; returns the folders."""
        listed = len(self.folders)
        with os.scandir(self.path / folder) as entries:
            for entry in sorted(entries, key=lambda e: e.name):
                if not visible(entry.name) or not os.path.exists(entry.path):  # a link to nowhere
                    continue
                name = f"{folder}/{entry.name}".lstrip("/")
                if entry.is_dir():
                    self.folders.append(name)
                elif entry.is_file():
                    self.sizes[name] = entry.stat().st_size
        return self.folders[listed:]

    def open(self, name: str) -> IO[bytes]:
        """Open one file for reading."""
        return (self.path / name).open("rb")


class ZipTree(FileTree):
    """Files of a zip, read in place; hidden ones are left out.

    Raises UserError for a zip that is cut short, encrypted, names `../`, or would unpack to more than
    `bomb_bytes` and many times its size.
    """

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
            check_member(path, member.filename)
            _check_encryption(path, member)
        check_unpacked_size(path, sum(member.file_size for member in members), bomb_bytes)
        self.folders = all_folders((m.filename for m in members), (m.filename for m in members if m.is_dir()))
        self.sizes = {m.filename: m.file_size for m in members if not m.is_dir() and visible(m.filename)}

    def open(self, name: str) -> IO[bytes]:
        """Open one member for reading; it gives at most the bytes that it declares."""
        return self._zip.open(name)


class FileAlone(FileTree):
    """One file that is no archive, such as a table."""

    def __init__(self, path: Path) -> None:
        self.path, self.folders = path, []
        try:
            self.sizes = {path.name: path.stat().st_size}
        except OSError as error:
            raise UserError(f"{path} can't be read: {error.strerror}") from error

    def open(self, name: str) -> IO[bytes]:
        """Open the file for reading."""
        return self.path.open("rb")


def open_tree(path: Path) -> FileTree:
    """Open a folder, a zip, a tar, or a table as a tree of one file; UserError for anything else.

    A folder that holds an archive and nothing else, but for a read-me, is this archive.
    """
    if os.path.isdir(path):
        tree = FolderTree(path)
        files = [name for name in tree.sizes if PurePosixPath(name).stem.lower() not in ABOUT]
        packed = len(files) == 1 and PurePosixPath(files[0]).suffix.lower() in ARCHIVES
        return open_tree(path / files[0]) if packed else tree
    if not os.path.isfile(path):
        raise UserError(f"{printable(str(path))} isn't there: {SOURCES}")
    if path.suffix.lower() in TABLE_SUFFIXES:
        return FileAlone(path)
    if path.suffix.lower() in TAR_SUFFIXES:
        return TarTree(path)
    if path.suffix.lower() in OTHER_ARCHIVES:
        raise UserError(f"{path}: expected a folder, a zip or a tar.gz; unpack it and give its folder")
    if path.suffix.lower() in IMAGE_SUFFIXES:
        raise UserError(f"{path} is a single image: {SOURCES}; to classify it: fer-bench predict")
    if path.suffix.lower() not in ("", ".zip") and not zipfile.is_zipfile(path):
        raise UserError(f"{printable(str(path))}: {SOURCES}")
    return ZipTree(path)


def image_places(tree: FileTree) -> dict[str, Place]:
    """Where each image of a tree lies, ordered by subset, class and name; UserError for other layouts."""
    places = {
        name: _place(name) for name in tree.sizes if PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES
    }
    if not places:
        raise UserError(f"no images in {tree.path}: {LAYOUTS}")
    without_class = [n for n, p in places.items() if not p.folder or p.folder.lower() in SUBSET_FOLDERS]
    if without_class:
        raise UserError(
            f"{tree.path}: {printable(_shortened(without_class[0]))} lies in no class folder; {LAYOUTS}"
        )
    wrappers = sorted({place.wrapper for place in places.values()})
    if len(wrappers) > 1:
        shown = " and ".join(
            printable(_shortened("/".join(wrapper))) or "the top" for wrapper in wrappers[:2]
        )
        example = printable(_shortened(max(sorted(places), key=lambda name: name.count("/"))))
        raise UserError(
            f"{tree.path}: class folders lie in different places, in {shown} (such as {example}): of several "
            f"data sets give one; {LAYOUTS}"
        )
    return dict(sorted(places.items(), key=lambda item: (item[1].subset, item[1].folder, item[1].file)))


def class_folders(tree: FileTree, places: Mapping[str, Place]) -> list[str]:
    """Names of all class folders, also of empty ones: those that lie where the ones with images do."""
    wrapper, has_subsets = next((place.wrapper, place.subset != "none") for place in places.values())
    names = {place.folder for place in places.values()}
    for name in tree.folders:
        place = _place(f"{name}/x")
        if visible(name) and place.wrapper == wrapper and (place.subset != "none") == has_subsets:
            names |= {place.folder} - set(SUBSET_FOLDERS)
    return sorted(names)


def _shortened(name: str) -> str:
    return name if len(name) <= 120 else f"{name[:50]} ... {name[-50:]}"


def _place(name: str) -> Place:
    """Read a file's place from its name; without a class folder, `folder` is empty."""
    *folders, file = name.split("/")
    folder = folders.pop() if folders else ""
    subset = SUBSET_FOLDERS.get(folders[-1].lower(), "none") if folders else "none"
    if subset != "none":
        folders.pop()
    return Place(tuple(folders), subset, folder, file)


def _check_encryption(path: Path, member: zipfile.ZipInfo) -> None:
    """Raise UserError for a member that is encrypted."""
    if member.flag_bits & 1:
        raise UserError(f"{path} is encrypted ({member.filename!r}): unpack it and give its folder")
