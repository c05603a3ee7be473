"""The zip of a bundle. Its names, sizes and contents are not trusted: what no bundle has is refused."""

from __future__ import annotations

import io
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from fer_bench.data.archive import printable
from fer_bench.errors import UserError, phrase
from fer_bench.hashing import bytes_digest

MANIFEST, STUDY = "manifest.json", "study.json"
MEMBER = re.compile(
    r"(manifest|study)\.json|images/\d{4,6}/(labels|groups|(near_)?dedup|ids|val_labels)\.npy"
    r"|runs/\d{4,6}/(predicted|logits)\.npy"
)
# As NumPy writes it, version 1.0 of its format, C order: type and shape of the array.
HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '([<|][a-z]\d)', 'fortran_order': False, "
    rb"'shape': \(([\d, ]{1,40})\), \} *\n",
    re.DOTALL,
)
MOST_MEMBERS = 300_000
MOST_JSON = 256 * 2**20  # bytes; a study of 10,000 runs takes about 90 million
MOST_HEADER = 10_000  # bytes of an array's description
# Results hardly compress: what unpacks to 100 times the file, and to more than 64 MiB, holds none.
BOMB_RATIO, BOMB_BYTES = 100, 64 * 2**20
EARLIEST = (1980, 1, 1, 0, 0, 0)  # date of all members: the same results make the same file


class BundleZip:
    """Members of a zip that has the form of a bundle; UserError in one line for any other file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except OSError as error:
            raise UserError(f"{path} can't be read: {error.strerror or error}") from None
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise self.refusal(f"no whole zip ({phrase(error)})") from None
        self._check(self._zip.infolist())
        self.names = set(self._zip.namelist())
        for needed in (MANIFEST, STUDY):
            if needed not in self.names:
                raise self.refusal(f"it has no {needed}")

    def _check(self, members: list[zipfile.ZipInfo]) -> None:
        """Raise UserError for members that no bundle has."""
        if len(members) > MOST_MEMBERS:
            raise self.refusal(f"it holds {len(members):,} members")
        seen: set[str] = set()
        for member in members:
            shown = repr(printable(member.filename[:80]))
            if member.filename in seen:
                raise self.refusal(f"it holds {shown} twice")
            if not MEMBER.fullmatch(member.filename):
                raise self.refusal(f"it holds {shown}, which is no part of one")
            if member.flag_bits & 1:
                raise self.refusal(f"it is encrypted ({shown})")
            if stat.S_ISLNK(member.external_attr >> 16):
                raise self.refusal(f"{shown} is a link")
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise self.refusal(f"{shown} is compressed by method {member.compress_type}")
            seen.add(member.filename)
        total = sum(member.file_size for member in members)
        if total > BOMB_BYTES and total > BOMB_RATIO * self.path.stat().st_size:
            raise self.refusal(f"it would unpack to {total / 2**30:,.1f} GiB, a decompression bomb")

    def refusal(self, reason: str) -> UserError:
        """What to tell of a file that is refused."""
        return UserError(f"{self.path} is refused as a bundle of results: {reason}; expected a file that "
                         "fer-bench bundle wrote, as it wrote it")  # fmt: skip

    def read(self, name: str, most: int = MOST_JSON) -> bytes:
        """Content of a member; UserError where it is absent, longer than `most` bytes, or damaged."""
        if name not in self.names:
            raise self.refusal(f"{name} is missing")
        if (size := self._zip.getinfo(name).file_size) > most:
            raise self.refusal(f"{name} has {size:,} bytes, of at most {most:,}")
        try:
            return self._zip.read(name)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            NotImplementedError,
            RuntimeError,
        ) as error:
            raise self.refusal(f"{name} is damaged ({phrase(error)})") from None

    def array(self, name: str, content: bytes, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
        """The array that a member's content holds; UserError unless it has this type and shape.

        Its own description is compared, never followed: nothing is evaluated, unpickled or allocated by it.
        """
        found = HEADER.match(content)
        wanted = f"{dtype} {shape}"
        said = f"{found[1].decode()} ({found[2].decode()})" if found else "no array"
        if said != wanted:
            raise self.refusal(f"{name} is {said[:80]}, expected {wanted}")
        begin = 10 + int.from_bytes(content[8:10], "little")
        if len(content) - begin != np.dtype(dtype).itemsize * int(np.prod(shape)):
            raise self.refusal(f"{name} has another length than {wanted}")
        return np.frombuffer(content, dtype, offset=begin).reshape(shape).copy()


def array_bytes(array: np.ndarray) -> bytes:
    """An array as the content of a member."""
    file = io.BytesIO()
    np.lib.format.write_array(file, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
    return file.getvalue()


def most_bytes(dtype: str, shape: tuple[int, ...]) -> int:
    """The most that a member with such an array may hold."""
    return MOST_HEADER + np.dtype(dtype).itemsize * int(np.prod(shape, dtype=object))


def write_zip(
    path: Path, members: Iterable[tuple[str, bytes]], manifest: Callable[[dict[str, str]], bytes]
) -> None:
    """Write members, and last what `manifest` makes of their SHA-256s: always the same bytes."""
    digests: dict[str, str] = {}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:

        def write(name: str, content: bytes) -> None:
            about = zipfile.ZipInfo(name, EARLIEST)
            about.compress_type, about.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            file.writestr(about, content, compresslevel=9)

        for name, content in members:
            write(name, content)
            digests[name] = bytes_digest(content)
        write(MANIFEST, manifest(digests))
