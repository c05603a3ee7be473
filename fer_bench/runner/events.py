"""What a worker tells while it works: one frozen dataclass per kind of news."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from fer_bench.storage.result_files import Kind


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that the worker with this number tells."""

    worker: int = 0


@dataclass(frozen=True, kw_only=True)
class Loading(Event):
    """Keras is being loaded and the databases opened."""


@dataclass(frozen=True, kw_only=True)
class CellBegun(Event):
    """A worker turns to a cell, BACKBONE/STRATEGY, or to a stage of a BACKBONE."""

    cell: str
    stage: bool = False


@dataclass(frozen=True, kw_only=True)
class CellEnded(Event):
    """All slots of a cell, or of the stage with the key `task`, are filled."""

    cell: str
    task: str = ""


@dataclass(frozen=True, kw_only=True)
class Waiting(Event):
    """Nothing is left but cells that other workers have."""

    cells: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SlotBegun(Event):
    """A trial or a repeat of a cell begins."""

    cell: str
    kind: Kind
    slot: int


@dataclass(frozen=True, kw_only=True)
class EpochEnded(Event):
    """An epoch of the slot is over: its number from 1, validation macro-F1, training images per second."""

    epoch: int
    epochs: int
    macro_f1: float
    images_per_second: float


@dataclass(frozen=True, kw_only=True)
class SlotEnded(Event):
    """A trial or a repeat has its result; `scores` are those named `val/...` and `test/...`."""

    cell: str
    kind: Kind
    slot: int
    status: Literal["complete", "failed"]
    seconds: float
    error: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class WorkerRefused(Event):
    """The worker met an error that is the user's to mend; ends the run."""

    message: str


@dataclass(frozen=True, kw_only=True)
class WorkerDied(Event):
    """The worker was killed or failed; the others go on."""

    message: str


@dataclass(frozen=True, kw_only=True)
class Ended(Event):
    """A worker, or with the last event all of them, has nothing left to do; what failed, a line each."""

    failures: tuple[str, ...] = ()


Report = Callable[[Event], None]
