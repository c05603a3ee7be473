"""Contestants side by side: a process for each, one of them at work at a time, round after round."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from statistics import median
from typing import Any, TypeVar

T = TypeVar("T")
Contestant = Callable[[], Callable[[], T]]


class ContestantDied(Exception):
    """A contestant that raised or was killed; says which and why."""


@dataclass(frozen=True)
class Figure:
    """One line of a measurement: a value, what it is compared with, and their ratio.

    The ratio is wanted to be at least `least` or at most `most`; neither: it is for information.
    """

    what: str
    value: float
    unit: str
    against: str
    other: float
    ratio: float
    least: float | None = None
    most: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the ratio is as wanted; None where nothing is wanted."""
        if self.least is None and self.most is None:
            return None
        return (self.least is None or self.ratio >= self.least) and (
            self.most is None or self.ratio <= self.most
        )


def compared(
    what: str,
    unit: str,
    mine: Sequence[float],
    against: str,
    theirs: Sequence[float],
    least: float | None = None,
) -> Figure:
    """Medians of two contestants' rounds, and the median of the ratios round by round.

    A round's two figures were taken one after the other, so that what slowed the machine down slowed both.
    """
    ratio = median(a / b for a, b in zip(mine, theirs, strict=True))
    return Figure(what, median(mine), unit, against, median(theirs), ratio, least)


def limited(what: str, value: float, unit: str, limit: float, against: str = "limit") -> Figure:
    """A value that is wanted to be at most a limit."""
    return Figure(what, value, unit, against, limit, value / limit, most=1.0)


def contest(makers: Mapping[str, Contestant[T]], rounds: int, warm_up: int = 1) -> dict[str, list[T]]:
    """What each contestant gives in each round after the warm-up.

    A maker is called in a process of its own and gives the function that is a round; both must be picklable
    or come of what is. Raises ContestantDied.
    """
    with contextlib.ExitStack() as stack:
        seats = {name: stack.enter_context(_seat(name, maker)) for name, maker in makers.items()}
        played = [{name: play() for name, play in seats.items()} for _ in range(warm_up + rounds)]
        return {name: [each[name] for each in played[warm_up:]] for name in makers}


@contextlib.contextmanager
def _seat(name: str, maker: Contestant[T]) -> Iterator[Callable[[], T]]:
    """A process that has made its contestant; called, it plays a round."""
    context = multiprocessing.get_context("spawn")
    line, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, maker), daemon=True)
    process.start()
    theirs.close()

    def answer() -> Any:
        try:
            good, content = line.recv()
        except EOFError:
            process.join(timeout=10)
            raise ContestantDied(f"{name} ended with {process.exitcode}") from None
        if not good:
            raise ContestantDied(f"{name}:\n{content}")
        return content

    def play() -> T:
        line.send("play")
        given: T = answer()
        return given

    try:
        answer()
        yield play
    finally:
        line.close()
        process.join(timeout=10)
        if process.is_alive():
            process.terminate()


def _serve(line: Connection, maker: Contestant[Any]) -> None:
    """A contestant's life; what libraries write to standard output and error goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with contextlib.suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        try:
            play = maker()
            line.send((True, None))
            while line.recv():
                line.send((True, play()))
        except EOFError:
            raise
        except Exception:
            line.send((False, traceback.format_exc()))
