"""What survives a kill: a claim on a cell, and one file per finished trial or repeat.

A result file is the truth; the stores of Optuna and MLflow are books that can be brought up to date from it.
It is written under a temporary name and renamed, so that it is whole or not there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from filelock import FileLock, Timeout

from fer_bench.errors import UserError

Kind = Literal["trial", "repeat"]
MOST_ATTEMPTS = 3


@dataclass
class Result:
    """One finished attempt at a slot of a cell; plain data but for `arrays`."""

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


class Ledger:
    """The files of one cell: claim, attempts begun, results."""

    def __init__(self, folder: Path, cell: str) -> None:
        self.cell = cell
        self.folder = folder / cell

    @contextmanager
    def claim(self) -> Iterator[bool]:
        """Whether this process alone may work on the cell now; the claim ends with the block or process."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / "claim.lock", timeout=0)
        try:
            with lock:
                yield True
        except Timeout:
            yield False

    def begin(self, kind: Kind, slot: int) -> int:
        """Note that an attempt at a slot begins; its number, from 1."""
        attempt = 1 + len(list(self.folder.glob(f"{kind}-{slot:03}-*.begun")))
        (self.folder / f"{kind}-{slot:03}-{attempt}.begun").touch(exist_ok=False)
        return attempt

    def withdraw(self, kind: Kind, slot: int, attempt: int) -> None:
        """Take back that an attempt began: it was given up in good order, not killed."""
        (self.folder / f"{kind}-{slot:03}-{attempt}.begun").unlink(missing_ok=True)

    def save(self, result: Result) -> Path:
        """Write a result file; raises OSError if the disk won't take it, and then there is none."""
        path = self.folder / f"{result.kind}-{result.slot:03}-{result.attempt}.npz"
        content = asdict(result)
        arrays = content.pop("arrays")
        with atomic(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, result=np.array(json.dumps(content)), **arrays)
        return path

    def results(self, kind: Kind) -> dict[int, Result]:
        """Finished slots, of each the latest attempt that got to its end. Broken files count as absent."""
        found: dict[int, Result] = {}
        for path in self.folder.glob(f"{kind}-*.npz"):
            result = read_result(path)
            if result and result.cell == self.cell:
                found[result.slot] = max(result, found.get(result.slot, result), key=lambda r: r.attempt)
        return found

    def lost(self, kind: Kind, slot: int) -> int:
        """How many attempts at a slot have begun after its latest result and never ended."""
        begun = [int(path.stem.rsplit("-", 1)[1]) for path in self.folder.glob(f"{kind}-{slot:03}-*.begun")]
        results = map(read_result, self.folder.glob(f"{kind}-{slot:03}-*.npz"))
        last = max((result.attempt for result in results if result), default=0)
        return sum(attempt > last for attempt in begun)


def read_result(path: Path) -> Result | None:
    """Content of a result file, or None where it can't be read."""
    try:
        with np.load(path, allow_pickle=False) as file:
            content: Mapping[str, Any] = json.loads(str(file["result"]))
            return Result(**content, arrays={name: file[name] for name in file.files if name != "result"})
    except Exception:  # a damaged archive may raise almost anything: BadZipFile, zlib.error, MemoryError
        return None


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Temporary path beside `path`; takes its place when the block ends well, and goes when it doesn't."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def writable(folder: Path) -> None:
    """Make a folder for results; raises UserError where that can't be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(
            f"{folder}: can't write results there ({error.strerror}); choose another with --mlruns"
        ) from None
