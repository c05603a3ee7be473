"""Rows of Parquet files, a few at a time; their images as files of a tree, which are read as any others.

What is in the files is not trusted. PyArrow is imported where a file is opened: it takes long, and few need
it.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from fer_bench.data.file_tree import BOMB_BYTES, BOMB_RATIO, FileTree, printable
from fer_bench.errors import UserError

ROWS = 64  # held at a time
POINTER = b"version https://git-lfs"  # begins what is there instead of a file that Git LFS hasn't fetched
ROW = ", row "


@dataclass(frozen=True)
class Column:
    """A column: its `kind` is image (a structure with bytes), bytes, number, text, or another type's name.

    `names` are what its numbers mean, where the file says it as Hugging Face's do.
    """

    kind: str
    names: tuple[str, ...] = ()


def parquet_columns(tree: FileTree, file: str) -> tuple[dict[str, Column], int]:
    """Columns of a Parquet file by name, and its number of rows; UserError where it can't be read."""
    with _opened(tree, file) as parquet:
        schema = parquet.schema_arrow
        names = _label_names(schema.metadata or {})
        columns = {field.name: Column(_kind(field.type), names.get(field.name, ())) for field in schema}
        return columns, parquet.metadata.num_rows


class ParquetRows(FileTree):
    """The images in the rows of a tree's Parquet files, as files called `train.parquet, row 3`."""

    def __init__(self, tree: FileTree, image: str, in_structure: bool) -> None:
        """`image` is the column that holds them, in the bytes of a structure or as they are."""
        self.path, self.sizes, self.folders = tree.path, {}, []
        self._tree, self._column = tree, f"{image}.bytes" if in_structure else image
        self._file, self._start = "", 0  # what is held: rows of this file from this one on
        self._images: list[bytes | None] = []
        self._following: Iterator[list[list[Any]]] = iter(())

    def labels(self, file: str, label: str) -> Iterator[tuple[str, Any]]:
        """Name and label of each row of a file, whose image is a file of this tree from then on.

        Raises UserError where the file can't be read.
        """
        row = 0
        for images, values in _batches(self._tree, file, (self._column, label)):
            for image, value in zip(images, values, strict=True):
                row += 1
                name = f"{file}{ROW}{row}"
                self.sizes[name] = len(image or b"")
                yield name, value

    def open(self, name: str) -> IO[bytes]:
        """Open the image of a row; going back begins the file anew."""
        file, _, number = name.rpartition(ROW)
        row = int(number) - 1
        if file != self._file or row < self._start:
            self._file, self._start, self._images = file, 0, []
            self._following = _batches(self._tree, file, (self._column,))
        while row >= self._start + len(self._images):
            self._start += len(self._images)
            [self._images] = next(self._following)
        return io.BytesIO(self._images[row - self._start] or b"")


@contextlib.contextmanager
def _opened(tree: FileTree, file: str) -> Iterator[Any]:
    """A file as pyarrow.parquet.ParquetFile; UserError for what can't be read, then and in the block."""
    from pyarrow.parquet import ParquetFile

    source = tree.source(file)
    try:
        with tree.open(file) as raw:
            if raw.read(len(POINTER)) == POINTER:
                raise UserError(f"{source} is a pointer of Git LFS, not the file itself: download that")
            raw.seek(0)
            # Without these two, a whole column of a file's row group would be held.
            with ParquetFile(raw, pre_buffer=False, buffer_size=2**20) as parquet:
                _check_size(source, parquet.metadata, tree.sizes[file])
                yield parquet
    except UserError:
        raise
    except Exception as error:  # Arrow raises many kinds on a broken file
        why = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise UserError(f"{source} can't be read as a Parquet file: {printable(why)}") from error


def _check_size(source: str, about: Any, size: int) -> None:
    """Raise UserError for a file that would unpack to very much more than it has."""
    unpacked = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
    if unpacked > BOMB_BYTES and unpacked > BOMB_RATIO * size:
        raise UserError(
            f"{source} would unpack to {unpacked / 2**30:,.0f} GiB: refused as a decompression bomb"
        )


def _batches(tree: FileTree, file: str, columns: Sequence[str]) -> Iterator[list[list[Any]]]:
    """Values of columns, some rows at a time; `image.bytes` are the bytes in the structures of `image`."""
    import pyarrow.compute as pc

    with _opened(tree, file) as parquet:
        for batch in parquet.iter_batches(ROWS, columns=list(columns), use_threads=False):
            values = (batch.column(name.removesuffix(".bytes")) for name in columns)
            yield [
                (pc.struct_field(column, "bytes") if name.endswith(".bytes") else column).to_pylist()
                for name, column in zip(columns, values, strict=True)
            ]


def _kind(kind: Any) -> str:
    """What a column of an Arrow type is good for: see Column."""
    import pyarrow.types as is_a

    if is_a.is_struct(kind) and any(f.name == "bytes" and _kind(f.type) == "bytes" for f in kind):
        return "image"
    if is_a.is_dictionary(kind):
        kind = kind.value_type
    if is_a.is_binary(kind) or is_a.is_large_binary(kind):
        return "bytes"
    if is_a.is_string(kind) or is_a.is_large_string(kind):
        return "text"
    return "number" if is_a.is_integer(kind) else str(kind)


def _label_names(about: Mapping[bytes, bytes]) -> dict[str, tuple[str, ...]]:
    """Names of the numbers in each column, as Hugging Face writes them into the description of a schema."""
    try:
        features = json.loads(about.get(b"huggingface", b"{}"))["info"]["features"]
        return {name: tuple(map(str, f["names"])) for name, f in features.items() if f.get("names")}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
