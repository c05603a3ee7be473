"""What is stored for a user: imported datasets, memory-mapped, and arrays that take long to compute."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from fer_bench.data.attributes import check_values
from fer_bench.data.augmented_copies import copy_groups
from fer_bench.data.draft import Draft, ImageRecord, Track, quiet
from fer_bench.data.images import SUBSETS, FaceImages, fingerprint, linked, twin_groups
from fer_bench.data.known_images import recognise
from fer_bench.data.near_duplicates import near_groups
from fer_bench.data.thumbnails import thumbnails
from fer_bench.errors import UserError
from fer_bench.files import atomic

EXTRAS = "extras.npz"
ATTRIBUTE = "attribute/"  # before its name, in that file


def home() -> Path:
    """Folder of what fer-bench stores for a user: $FER_BENCH_HOME, else in the user's cache folder."""
    if chosen := os.environ.get("FER_BENCH_HOME"):
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("fer-bench", appauthor=False))


def stored() -> list[str]:
    """Names of the imported datasets, sorted."""
    return sorted(path.parent.name for path in (home() / "datasets").glob("*/meta.json"))


def computed_once(
    name: str, compute: Callable[[], dict[str, np.ndarray]], code: Path
) -> dict[str, np.ndarray]:
    """Read-only arrays that an earlier process stored under `name`; else what `compute` returns, then stored.

    For what takes seconds to compute, as every command and each of its workers may need it. The arrays are
    computed anew where the file of `code` has changed since, or the stored ones are damaged; where nothing
    can be stored, they are computed each time.
    """
    path, digest = home() / f"{name}.npz", hashlib.sha256(code.read_bytes()).hexdigest()
    try:
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["code"]) == digest:
                return _read_only({part: stored[part] for part in stored.files if part != "code"})
    except Exception:  # not there, or damaged: BadZipFile, ValueError, KeyError, ...
        pass
    arrays = compute()
    parts: dict[str, Any] = {"code": np.array(digest), **arrays}
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **parts)
    return _read_only(arrays)


def _read_only(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same arrays, which all of a process share."""
    for array in arrays.values():
        array.setflags(write=False)
    return arrays


def _read_meta(name: str) -> dict[str, Any]:
    """What the import of a dataset wrote about its arrays; UserError where it can't be read."""
    try:
        return json.loads((home() / "datasets" / name / "meta.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(name, error) from error


def read_as(name: str) -> str:
    """Name of the dataset that read the images stored under another; "" where that isn't known."""
    try:
        return str(_read_meta(name)["read_as"])
    except (UserError, KeyError, TypeError):  # of an older import, or damaged
        return ""


def load(name: str) -> FaceImages:
    """Images of an imported dataset, pixels as a read-only memory map; UserError where files are damaged."""
    about = _read_meta(name)
    try:
        folder = home() / "datasets" / name / about["version"]
        pixels = np.load(folder / "pixels.npy", mmap_mode="r")
        labels, subsets, ids = (np.load(folder / f"{part}.npy") for part in ("labels", "subsets", "ids"))
        extras = _load_extras(folder / EXTRAS, about.get("extras", ""))
        lists: dict[str, Any] = {key: tuple(about[key]) for key in ("classes", "notes", "skipped")}
        return FaceImages(
            pixels,
            labels,
            subsets,
            ids,
            name=name,
            source=about["source"],
            fingerprint=about["fingerprint"],
            refused=tuple(about.get("refused", ())),
            **lists,
            **extras,
        )
    except Exception as error:  # NumPy's reader raises nearly anything on a broken file
        raise _damaged(name, error) from error


def save(name: str, draft: Draft, track: Track = quiet, comparing: Track = quiet) -> FaceImages:
    """Decode a draft and store it under `name`; an earlier import is replaced once this one is complete.

    Its images are compared with one another, in steps that `comparing` follows.

    Raises UserError for an unfit name, an import already running, a full disk, and too few readable images;
    then an earlier import is as before.
    """
    import filelock

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise UserError(f"name {name!r}: expected letters, digits, '-', '_' and '.' only")
    draft.check(draft.records)
    values = [
        (record.attributes[place] for record in draft.records) for place in range(len(draft.attributes))
    ]
    check_values(draft.attributes, values, draft.source)
    folder = home() / "datasets" / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / ".lock", timeout=0):
            version = _build(folder, draft, track, comparing)
            for old in folder.iterdir():
                if old.is_dir() and old.name != version:
                    shutil.rmtree(old, ignore_errors=True)
    except filelock.Timeout as error:
        raise UserError(f"another import of {name!r} is running: wait for it to end") from error
    except OSError as error:
        raise UserError(
            f"can't write the import to {folder}: {error.strerror or error}; expected room and the "
            "right to write there, or another folder in FER_BENCH_HOME"
        ) from error
    return load(name)


def _build(dataset: Path, draft: Draft, track: Track, comparing: Track) -> str:
    """Write all arrays into a new folder, then name it in meta.json in one step; returns its name."""
    folder = Path(tempfile.mkdtemp(prefix="v", dir=dataset))
    try:
        records, broken = _decode(folder / "pixels.npy", draft, track)
        draft.check(records, broken)
        labels = np.array([draft.classes.index(r.label) for r in records], np.int32)
        subsets = np.array([SUBSETS.index(r.subset) for r in records], np.uint8)
        ids = np.array([r.id for r in records], str)
        arrays: dict[str, np.ndarray] = {"labels": labels, "subsets": subsets, "ids": ids}
        for part, values in arrays.items():
            np.save(folder / f"{part}.npy", values)
        pixels = np.load(folder / "pixels.npy", mmap_mode="r")
        small = thumbnails(pixels)
        near = near_groups(small, twin_groups(pixels), comparing)
        if draft.augmented:
            near = linked(near, copy_groups(small, labels, comparing))
        known = recognise(small, subsets)
        extras = _save_extras(folder / EXTRAS, draft, records, near)
        digest = fingerprint(pixels, labels, subsets, draft.classes)
        about = {
            "version": folder.name, "classes": draft.classes, "images": len(records), "shape": draft.shape,
            "source": draft.source, "notes": draft.notes + known.notes, "remarks": draft.remarks,
            "skipped": [*draft.skipped, *broken], "fingerprint": digest,
            "extras": extras, "read_as": draft.read_as, "refused": known.refused,
        }  # fmt: skip
        (folder / "meta.json").write_text(json.dumps(about, indent=1), "utf-8")
        os.replace(folder / "meta.json", dataset / "meta.json")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder.name


def _save_extras(path: Path, draft: Draft, records: Sequence[ImageRecord], near: np.ndarray) -> str:
    """Write what is known of images beside labels and subsets; returns the file's SHA-256."""
    extras: dict[str, Any] = {"near": near}
    if any(record.group for record in records):
        numbers: dict[str, int] = {}
        names = (record.group or f"\0{i}" for i, record in enumerate(records))  # of nobody else
        extras["subjects"] = np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)
    if any(record.votes for record in records):
        votes = np.array([record.votes for record in records], float)
        extras["votes"] = (votes / votes.sum(axis=1, keepdims=True)).astype(np.float32)
    for place, name in enumerate(draft.attributes):
        extras[ATTRIBUTE + name] = np.array([record.attributes[place] for record in records], str)
    np.savez(path, **extras)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _load_extras(path: Path, digest: str) -> dict[str, Any]:
    """Fields of FaceImages that `_save_extras` wrote; ValueError where they are no longer the same."""
    if not digest:
        return {}
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise ValueError(f"{path.name} has changed")
    with np.load(io.BytesIO(content), allow_pickle=False) as extras:
        arrays = {name: extras[name] for name in extras.files}
    attributes = {
        name.removeprefix(ATTRIBUTE): arrays.pop(name) for name in list(arrays) if name.startswith(ATTRIBUTE)
    }
    return {**arrays, "attributes": attributes}


def _decode(path: Path, draft: Draft, track: Track) -> tuple[list[ImageRecord], list[str]]:
    """Write the readable images to one .npy file; returns their records, and "id: reason" of the others."""
    readable: list[ImageRecord] = []
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
                readable.append(record)
        file.seek(0)
        _header(file, (len(readable), *draft.shape))
    return readable, broken


def _header(file: IO[bytes], shape: tuple[int, ...]) -> None:
    """Write the header of an .npy file of uint8; NumPy pads it, so that its length is that of any number."""
    about = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, about)


def _damaged(name: str, error: Exception) -> UserError:
    return UserError(f"the imported copy of {name!r} in {home()} can't be read ({error}): import it again")
