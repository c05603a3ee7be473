"""What a model from elsewhere says of a dataset's test images: a file of probabilities, matched by name."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from fer_bench.errors import UserError, phrase

ID_COLUMNS = ("id", "image", "image_id", "ids", "file", "filename", "path")
POSITION_COLUMNS = ("position", "positions")
LEFT_OUT = ("expression", "probability", "faces", "notes", "label", "predicted")  # as `predict --csv` writes
SYNONYMS = (
    {"angry", "anger"},
    {"disgust", "disgusted"},
    {"fear", "fearful", "afraid"},
    {"happy", "happiness", "joy"},
    {"sad", "sadness"},
    {"surprise", "surprised"},
    {"contempt", "contemptuous"},
)
FORMS = (
    "expected a CSV with a column per class and a column id or position, or an npz with probabilities or "
    "logits (n, K), classes (K,) and ids or positions (n,)"
)
SUM = 0.01  # by which the probabilities of an image may miss 1
LEAST = 1e-12  # that a probability counts as: a logarithm of 0 is none
LARGEST = 2**30  # bytes that an npz may unpack to


@dataclass(frozen=True, eq=False)
class ModelOutputs:
    """Logits (n, K) float32 of the n test images in their order, and what was assumed, each a phrase."""

    logits: np.ndarray
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Table:
    """Rows as they stand in the file: keys (N,), values (N, C) float64 of C named columns."""

    keys: np.ndarray
    by_position: bool
    columns: tuple[str, ...]
    values: np.ndarray
    logits: bool = False


def read_outputs(path: Path, classes: Sequence[str], ids: np.ndarray, test: np.ndarray) -> ModelOutputs:
    """What a file says of the images `test`, numbers into the `ids` (N,) of a dataset with these classes.

    Columns are matched with classes by name, rows with images by id (or the end of it that is a file's name)
    or by position among the test images, from 0. Raises UserError in one line for what doesn't fit.
    """
    table = _from_npz(path) if path.suffix.lower() == ".npz" else _from_csv(path, classes)
    order, notes = _class_columns(path, table.columns, classes)
    if table.by_position:
        rows = _rows_by_position(path, table.keys, len(test))
    else:
        rows, others = _rows_by_id(path, table.keys, ids, test)
        notes += [f"{others:,} rows of images that aren't test images left out"] if others else []
    values = table.values[:, order][rows]
    if not np.isfinite(values).all():
        image, k = np.argwhere(~np.isfinite(values))[0]
        raise UserError(
            f"{path}: image {table.keys[rows[image]]} has no number for {classes[k]}; expected one"
        )
    logits, assumed = _as_logits(path, values, table.keys[rows], table.logits)
    return ModelOutputs(logits.astype("float32"), tuple(notes + assumed))


def _from_csv(path: Path, classes: Sequence[str]) -> _Table:
    header, rows = _csv_rows(path)
    lower = [name.strip().lower() for name in header]
    keys = [name for name in (*ID_COLUMNS, *POSITION_COLUMNS) if name in lower and name not in classes]
    if not keys:
        mark = next((mark for mark in (";", "\t") if len(header) == 1 and mark in header[0]), "")
        why = f" (its fields are separated by {mark!r}: write commas)" if mark else ""
        raise UserError(f"{path} has no column that names the images{why}; {FORMS}")
    left_out = {*ID_COLUMNS, *POSITION_COLUMNS, *LEFT_OUT} - set(classes)
    columns = [place for place, name in enumerate(lower) if name not in left_out]
    values = np.array([[_number(row[place]) for place in columns] for row in rows], "float64")
    return _Table(
        keys=np.array([row[lower.index(keys[0])].strip() for row in rows], dtype=str),
        by_position=keys[0] in POSITION_COLUMNS,
        columns=tuple(header[place] for place in columns),
        values=values.reshape(len(rows), len(columns)),
    )


def _csv_rows(path: Path) -> tuple[list[str], list[list[str]]]:
    """First line of a CSV, and the others, each with as many fields."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [line for line in csv.reader(file) if line]
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror or error}") from None
    except (ValueError, csv.Error) as error:
        raise UserError(f"{path} is no CSV ({phrase(error)}); {FORMS}") from None
    if not lines:
        raise UserError(f"{path} is empty; {FORMS}")
    header, *rows = lines
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise UserError(
                f"{path}: row {number} has {len(row)} fields, expected {len(header)} as the first line"
            )
    return header, rows


def _number(text: str) -> float:
    """The number of a field; NaN where it is none."""
    try:
        return float(text)
    except ValueError:
        return np.nan


def _from_npz(path: Path) -> _Table:
    try:
        with np.load(path, allow_pickle=False) as file:
            if sum(member.file_size for member in file.zip.infolist()) > LARGEST:
                raise UserError(f"{path} would unpack to more than {LARGEST:,} bytes: refused")
            kinds = [name for name in ("probabilities", "logits") if name in file]
            keys = [name for name in ("ids", "positions") if name in file]
            if len(kinds) != 1 or len(keys) != 1 or "classes" not in file:
                raise UserError(f"{path} holds {', '.join(file.files) or 'nothing'}; {FORMS}")
            values, classes = file[kinds[0]].astype("float64"), file["classes"]
            table = _Table(
                file[keys[0]], keys[0] == "positions", tuple(map(str, classes)), values, kinds == ["logits"]
            )
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror or error}") from None
    except (ValueError, EOFError, zipfile.BadZipFile, TypeError, AttributeError) as error:
        raise UserError(f"{path} is no npz of plain arrays ({phrase(error)}); {FORMS}") from None
    if table.keys.ndim != 1 or classes.ndim != 1 or values.shape != (len(table.keys), len(classes)):
        raise UserError(f"{path}: {kinds[0]} {values.shape}, classes {classes.shape} and {keys[0]} "
                        f"{table.keys.shape} don't fit one another; {FORMS}")  # fmt: skip
    return table


def _class_columns(path: Path, columns: Sequence[str], classes: Sequence[str]) -> tuple[list[int], list[str]]:
    """Column of each class, and what was taken for what."""
    found: dict[str, int] = {}
    notes = []
    for number, column in enumerate(columns):
        name = _class_named(column, classes)
        if name is None:
            raise UserError(f"{path}: column {column[:60]!r} is no class; expected {', '.join(classes)}")
        if name in found:
            raise UserError(
                f"{path}: columns {columns[found[name]]!r} and {column!r} are both {name}; leave one"
            )
        found[name] = number
        if column.strip().lower() != name.lower():
            notes.append(f"{column} taken for {name}")
    if missing := [name for name in classes if name not in found]:
        raise UserError(f"{path} has no column for {', '.join(missing)}; expected {', '.join(classes)}")
    return [found[name] for name in classes], notes


def _class_named(column: str, classes: Sequence[str]) -> str | None:
    """The class that a column names: by its own name, else by a synonym that only one class has."""
    word = column.strip().lower()
    same = [name for name in classes if name.lower() == word]
    if not same:
        same = [name for name in classes for each in SYNONYMS if word in each and name.lower() in each]
    return same[0] if len(same) == 1 else None


def _rows_by_position(path: Path, keys: np.ndarray, count: int) -> np.ndarray:
    """Row of each of `count` test images, from their positions (N,)."""
    try:
        positions = keys.astype("int64")
        if (positions.astype("float64") != keys.astype("float64")).any():
            raise ValueError
    except (ValueError, OverflowError):
        raise UserError(f"{path}: positions aren't whole numbers; expected 0 to {count - 1:,}") from None
    values, times = np.unique(positions, return_counts=True)
    if (times > 1).any():
        raise UserError(
            f"{path}: position {values[times > 1][0]} is there {times.max()} times; expected each once"
        )
    outside = values[(values < 0) | (values >= count)]
    if len(outside):
        hint = " (they begin with 1: subtract it)" if values[0] == 1 and values[-1] == count else ""
        raise UserError(
            f"{path}: position {outside[0]} is none of the {count:,} test images, 0 to {count - 1:,}{hint}"
        )
    if len(values) < count:
        absent = np.setdiff1d(np.arange(count), values)
        raise UserError(
            f"{path}: {len(absent):,} of {count:,} test images are missing, such as position {absent[0]}"
        )
    return np.argsort(positions)


def _rows_by_id(path: Path, keys: np.ndarray, ids: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, int]:
    """Row of each test image, and how many rows are of other images of the dataset."""
    known = _known(ids)
    found = np.array([_image(str(key), known) for key in keys])
    if (unknown := np.flatnonzero(found < 0)).size:
        raise UserError(
            f"{path}: {len(unknown):,} of {len(keys):,} ids are of no image of the dataset, such as "
            f"{str(keys[unknown[0]])[:80]!r}; there they look like {str(ids[test[0]])!r}"
        )
    is_test = np.isin(found, test)
    images, rows, times = np.unique(found[is_test], return_index=True, return_counts=True)
    if (times > 1).any():
        twice = ids[images[times > 1][0]]
        raise UserError(f"{path}: image {twice} is there {times.max()} times; expected each once")
    if len(images) < len(test):
        absent = np.setdiff1d(test, images)
        raise UserError(
            f"{path}: {len(absent):,} of {len(test):,} test images are missing, such as {ids[absent[0]]}"
        )
    rows = np.flatnonzero(is_test)[rows]
    return rows[np.searchsorted(images, test)], int((~is_test).sum())


def _known(ids: np.ndarray) -> dict[str, int]:
    """Number of each image by its id and, where only one image has it, by its file's name; -1: several."""
    known: dict[str, int] = {}
    for number, each in enumerate(ids.tolist()):
        name = PurePosixPath(each).name
        known[name] = -1 if name in known else number
    return known | {each: number for number, each in enumerate(ids.tolist())}


def _image(key: str, known: Mapping[str, int]) -> int:
    """Number of the image that a key names; -1 where it names none, or several."""
    return known.get(key, known.get(PurePosixPath(key.replace("\\", "/")).name, -1))


def _as_logits(
    path: Path, values: np.ndarray, keys: np.ndarray, are_logits: bool
) -> tuple[np.ndarray, list[str]]:
    """Logits (n, K) of probabilities or logits (n, K), and what they were taken for.

    Where most images have probabilities, all must; else values beyond 0 and 1 can only be logits.
    """
    if are_logits:
        return values, []
    inside = ((values >= 0) & (values <= 1 + SUM)).all(axis=1)
    probable = inside & (np.abs(values.sum(axis=1) - 1) <= SUM)
    if probable.all():
        return np.log(np.maximum(values, LEAST)), []
    if probable.mean() > 0.5 or inside.all():
        first = np.flatnonzero(~probable)[0]
        raise UserError(
            f"{path}: {np.count_nonzero(~probable):,} of {len(values):,} images have values that are no "
            f"probabilities: those of {keys[first]} sum to {values[first].sum():.3g}, expected 1"
        )
    if (values >= 0).all() and (np.abs(values.sum(axis=1) - 100) <= 100 * SUM).all():
        raise UserError(f"{path}: the values of an image sum to 100: divide percentages by 100")
    return values, ["values taken for logits, as they are no probabilities"]
