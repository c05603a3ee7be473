"""Tar archives, as they are or compressed by gzip. What is in them is not trusted."""

from __future__ import annotations

import gzip
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import IO, cast

from fer_bench.data.file_tree import (
    BOMB_BYTES,
    FileTree,
    all_folders,
    check_member,
    check_unpacked_size,
    visible,
)
from fer_bench.errors import UserError

GZIP = b"\x1f\x8b"
LONGEST_HEADER = 2**20


class TarTree(FileTree):
    """Files of a tar; hidden ones are left out.

    A compressed one is unpacked into a temporary file without a name, because its members can't be reached
    but one after the other. No member is ever written by its name. Raises UserError for an archive that is
    cut short, holds links, devices or names such as `../`, or unpacks to more than `bomb_bytes` and many
    times its size.
    """

    def __init__(self, path: Path, bomb_bytes: int = BOMB_BYTES) -> None:
        self.path = path
        try:
            file = _HeadersOnly(_unpacked(path, bomb_bytes))
            self._tar = tarfile.TarFile(fileobj=cast(IO[bytes], file))
            members = self._tar.getmembers()
            file.seek(self._tar.offset)
            if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise tarfile.ReadError("its end is missing")
        except UserError:
            raise
        except (EOFError, zlib.error, tarfile.TarError, gzip.BadGzipFile, ValueError) as error:
            raise UserError(
                f"{path} is no whole tar ({error}): was the download cut short? Fetch it again"
            ) from error
        except OSError as error:
            raise UserError(f"{path} can't be read: {error.strerror or error}") from error
        for member in members:
            _check_kind(path, member)
        file.limit = -1
        names = {member.name.removeprefix("./"): member for member in members if member.name != "."}
        self._members = {name: m for name, m in names.items() if m.isreg() and visible(name)}
        self.sizes = {name: member.size for name, member in self._members.items()}
        self.folders = all_folders(names, (name for name, member in names.items() if member.isdir()))

    def open(self, name: str) -> IO[bytes]:
        """Open one member for reading."""
        return cast(IO[bytes], self._tar.extractfile(self._members[name]))


class _HeadersOnly:
    """A file that gives at most `limit` bytes at once, as headers may declare any length; -1 for no limit."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.limit = file, LONGEST_HEADER
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int) -> bytes:
        if size > self.limit >= 0:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        return self._file.read(size)


def _unpacked(path: Path, bomb_bytes: int) -> IO[bytes]:
    """The tar itself, or what a compressed one unpacks to, in a temporary file that ends with the process."""
    file = path.open("rb")
    compressed = file.read(len(GZIP)) == GZIP
    file.seek(0)
    if not compressed:
        return file
    whole = cast(IO[bytes], tempfile.TemporaryFile())  # noqa: SIM115  as long as the tree is there
    try:
        with file, gzip.open(file) as packed:
            while block := packed.read(2**20):
                check_unpacked_size(path, whole.tell() + len(block), bomb_bytes)
                whole.write(block)
        whole.seek(0)
    except gzip.BadGzipFile:
        raise
    except OSError as error:
        raise UserError(
            f"{path} can't be unpacked in {tempfile.gettempdir()}: {error.strerror}; make room there, or set "
            "TMPDIR to another folder"
        ) from error
    return whole


def _check_kind(path: Path, member: tarfile.TarInfo) -> None:
    """Raise UserError for a member that is neither a plain file nor a folder, or lies outside."""
    check_member(path, member.name)
    if member.isdir() or (member.isreg() and not member.issparse()):
        return
    kind = "link" if member.issym() or member.islnk() else "sparse file" if member.isreg() else "device"
    raise UserError(
        f"{path} holds {member.name[:200]!r}, a {kind}: refused; pack the file itself, or give its folder"
    )
