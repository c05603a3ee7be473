"""What survives a kill: one file per finished trial or repeat.

A result file is the truth: the databases of Optuna and MLflow can be made anew from it. It is written under a
temporary name and renamed, so that it is whole or not there.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fer_bench.files import atomic

Kind = Literal["trial", "repeat", "stage"]
MOST_ATTEMPTS = 3  # at a slot that is killed each time without having got further
PREDICTIONS = "predictions.npz"  # a run's copy of its result file


@dataclass(frozen=True)
class Result:
    """One finished attempt at a slot of a cell; plain data but for `arrays`, empty where not asked for."""

    cell: str
    kind: Kind
    slot: int
    attempt: int
    seed: int
    parameters: dict[str, float]
    status: Literal["complete", "failed"]
    run_id: str
    started: float
    finished: float = 0.0
    error: str = ""
    scores: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    facts: dict[str, float] = field(default_factory=dict)
    origin: dict[str, str] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    @property
    def value(self) -> float:
        """What selection goes by: validation macro-F1."""
        return self.scores["val/macro_f1"]


class ResultFiles:
    """The files of one cell: attempts that have begun, and results."""

    def __init__(self, folder: Path, cell: str) -> None:
        self.cell = cell
        self.folder = folder / cell

    def tidy(self) -> None:
        """Remove what a kill left: half-written files, weights without a result, checkpoints with one."""
        for path in self.folder.glob(".*.tmp"):
            path.unlink(missing_ok=True)
        for path in self.folder.glob("*.weights.h5"):
            if not (self.folder / path.name.replace(".weights.h5", ".npz")).exists():
                path.unlink(missing_ok=True)
        for path in self.folder.glob("*.checkpoint"):
            written = path.stat().st_mtime_ns
            results = self.folder.glob(f"{path.stem}-*.npz")
            if any(result.stat().st_mtime_ns >= written for result in results):
                path.unlink(missing_ok=True)

    def begin(self, kind: Kind, slot: int) -> int:
        """Note that an attempt at a slot begins; returns its number, from 1."""
        self.folder.mkdir(parents=True, exist_ok=True)
        attempt = 1 + max(map(_attempt, self.folder.glob(f"{kind}-{slot:03}-*")), default=0)
        self._begun(kind, slot, attempt).touch(exist_ok=False)
        return attempt

    def note(self, kind: Kind, slot: int, attempt: int, epochs: int) -> None:
        """Note how many epochs of its training an attempt has finished; a full disk costs the note only."""
        # In place and of one length: a kill finds the number of before or this one.
        with contextlib.suppress(OSError), self._begun(kind, slot, attempt).open("rb+") as file:
            file.write(f"{epochs:6}\n".encode())

    def withdraw(self, kind: Kind, slot: int, attempt: int) -> None:
        """Take back that an attempt began: it was given up in good order, not killed."""
        self._begun(kind, slot, attempt).unlink(missing_ok=True)

    def save(self, result: Result) -> Path:
        """Write a result file, and remove the slot's checkpoint.

        Raises OSError if the disk won't take the result, and then there is none.
        """
        path = self._path(result.kind, result.slot, result.attempt)
        with atomic(path) as temporary:
            write_result(result, temporary)
        with contextlib.suppress(OSError):  # `tidy` removes it as well
            self.checkpoint(result.kind, result.slot).unlink()
        return path

    def adopt(self, path: Path) -> bool:
        """Copy a result file of this cell from elsewhere; returns whether it was one."""
        result = read_result(path)
        if result is None or result.cell != self.cell:
            return False
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic(self._path(result.kind, result.slot, result.attempt)) as temporary:
            temporary.write_bytes(path.read_bytes())
        return True

    def results(self, kind: Kind) -> dict[int, Result]:
        """Finished slots without their arrays, of each the latest attempt; broken files count as absent."""
        latest: dict[int, Result] = {}
        for path in sorted(self.folder.glob(f"{kind}-*.npz")):  # file systems have orders of their own
            result = read_result(path)
            if result and result.cell == self.cell:
                latest[result.slot] = max(result, latest.get(result.slot, result), key=lambda r: r.attempt)
        return latest

    def whole(self, result: Result) -> Result | None:
        """Read a result with its arrays; a file that turns out to be broken is removed, and None returned."""
        path = self._path(result.kind, result.slot, result.attempt)
        whole = read_result(path, arrays=True)
        if whole is None:
            self.remove(result)
        return whole

    def remove(self, result: Result) -> None:
        """Remove a result's file, so that its slot is trained again."""
        self._path(result.kind, result.slot, result.attempt).unlink(missing_ok=True)

    def lost(self, kind: Kind, slot: int) -> int:
        """How many attempts at a slot were killed since its latest result, or since one of them got further.

        One that has finished more epochs than all before it is the first of those that count.
        """
        begun = sorted(map(_attempt, self.folder.glob(f"{kind}-{slot:03}-*.begun")))
        ended = [path for path in self.folder.glob(f"{kind}-{slot:03}-*.npz") if read_result(path)]
        last = max(map(_attempt, ended), default=0)
        lost = furthest = 0
        for attempt in (attempt for attempt in begun if attempt > last):
            epochs = _epochs(self._begun(kind, slot, attempt))
            lost = 1 if epochs > furthest else lost + 1
            furthest = max(furthest, epochs)
        return lost

    def checkpoint(self, kind: Kind, slot: int) -> Path:
        """Where a slot's training is saved until it has a result."""
        return self.folder / f"{kind}-{slot:03}.checkpoint"

    def _begun(self, kind: Kind, slot: int, attempt: int) -> Path:
        return self.folder / f"{kind}-{slot:03}-{attempt}.begun"

    def _path(self, kind: Kind, slot: int, attempt: int) -> Path:
        return self.folder / f"{kind}-{slot:03}-{attempt}.npz"


def _attempt(path: Path) -> int:
    """Number of the attempt in a file's name, such as trial-000-2.npz."""
    return int(path.name.split(".")[0].rsplit("-", 1)[1])


def _epochs(begun: Path) -> int:
    """How many epochs an attempt has finished; 0 where nothing was noted."""
    try:
        return int(begun.read_text())
    except (OSError, ValueError):
        return 0


def write_result(result: Result, path: Path) -> None:
    """Write a result as one npz archive, its plain part as JSON under `result`."""
    content = asdict(result)
    arrays = content.pop("arrays")
    with path.open("wb") as file:
        np.savez_compressed(file, result=np.array(json.dumps(content)), **arrays)


def read_result(path: Path, arrays: bool = False) -> Result | None:
    """Content of a result file, or None where it can't be read."""
    try:
        with np.load(path, allow_pickle=False) as file:
            content: Mapping[str, Any] = json.loads(str(file["result"]))
            wanted = [name for name in file.files if arrays and name != "result"]
            return Result(**content, arrays={name: file[name] for name in wanted})
    except Exception:  # a damaged archive may raise almost anything: BadZipFile, zlib.error, MemoryError
        return None


def best(trials: Mapping[int, Result], slots: int) -> Result | None:
    """Result with the best validation macro-F1 of the first `slots`; the earlier slot where two are equal."""
    complete = [trials[s] for s in sorted(trials) if s < slots and trials[s].status == "complete"]
    return max(complete, key=lambda result: result.value, default=None)
