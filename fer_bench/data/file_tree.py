"""Files by name, wherever they lie: what folders and archives have in common. Names are not trusted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import IO

from fer_bench.errors import UserError

# Images hardly compress: what unpacks to 50 times the archive, and to more than 2 GiB, is no dataset.
BOMB_RATIO, BOMB_BYTES = 50, 2 * 2**30


class FileTree:
    """Files by name, with / between folders: `sizes` in bytes, and all `folders`, empty ones too."""

    path: Path
    sizes: dict[str, int]
    folders: list[str]

    def open(self, name: str) -> IO[bytes]:
        """Open one file for reading."""
        raise NotImplementedError

    def source(self, name: str) -> str:
        """Where a file lies, for people: `archive.zip: folder/table.csv`."""
        return printable(name if name == self.path.name else f"{self.path.name}: {name}")


def printable(name: str) -> str:
    """A file's name that can be printed: undecodable bytes and control characters as escapes."""
    return name if name.isprintable() else ascii(name)[1:-1]


def visible(name: str) -> bool:
    """Whether no part of a path is hidden or one of the files that macOS adds to zips."""
    return not any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def all_folders(files: Iterable[str], folders: Iterable[str]) -> list[str]:
    """The folders that an archive names, and those that its files lie in, sorted."""
    above = {str(p) for name in files for p in PurePosixPath(name).parents if str(p) != "."}
    return sorted(above | {name.rstrip("/") for name in folders})


def check_member(path: Path, name: str) -> None:
    """Raise UserError for a member of an archive that would be written outside of its folder."""
    if name.startswith("/") or "\\" in name or re.match(r"[A-Za-z]:", name) or ".." in name.split("/"):
        raise UserError(f"{path} holds {name[:200]!r}, a name that leads out of its folder: refused")


def check_unpacked_size(path: Path, unpacked: int, bomb_bytes: int) -> None:
    """Raise UserError for an archive that unpacks to more than `bomb_bytes` and many times its size."""
    if unpacked > bomb_bytes and unpacked > BOMB_RATIO * path.stat().st_size:
        raise UserError(
            f"{path} would unpack to {unpacked / 2**30:,.0f} GiB: refused as a decompression bomb"
        )
