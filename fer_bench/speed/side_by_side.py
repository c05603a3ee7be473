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
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Contestant = Callable[[], Callable[[], T]]
"""Makes ready what is measured, in a process of its own; gives the function that is a round of it."""


class Contest(Protocol):
    """What lets contestants take turns: `contest`, or what tests put in its place."""

    def __call__(
        self, makers: Mapping[str, Contestant[T]], rounds: int, warm_up: int = 1
    ) -> dict[str, list[T]]:
        """What each contestant gives in each round after the warm-up."""
        ...


class ContestantDied(Exception):
    """A contestant raised or was killed; says which and why."""


@dataclass(frozen=True)
class Figure:
    """One line of a measurement: a value, what it is compared with, and their ratio.

    The ratio should be at least `least` and at most `most`; where both are None it is for information.
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
        """Whether the ratio is as it should be; None where it is for information."""
        if self.least is None and self.most is None:
            return None
        high_enough = self.least is None or self.ratio >= self.least
        return high_enough and (self.most is None or self.ratio <= self.most)


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
    """A value that should be at most a limit."""
    return Figure(what, value, unit, against, limit, value / limit, most=1.0)


def contest(makers: Mapping[str, Contestant[T]], rounds: int, warm_up: int = 1) -> dict[str, list[T]]:
    """What each contestant gives in each round after the warm-up.

    Each works in a process of its own, where only one is at work at a time; makers must be picklable. Raises
    ContestantDied.
    """
    with contextlib.ExitStack() as stack:
        plays = {name: stack.enter_context(_process(name, maker)) for name, maker in makers.items()}
        rows = [{name: play() for name, play in plays.items()} for _ in range(warm_up + rounds)]
        return {name: [row[name] for row in rows[warm_up:]] for name in makers}


@contextlib.contextmanager
def _process(name: str, maker: Contestant[T]) -> Iterator[Callable[[], T]]:
    """Start a process in which a contestant is made; gives the function that lets it play a round."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, maker), daemon=True)
    process.start()
    theirs.close()

    def answer() -> Any:
        try:
            good, content = ours.recv()
        except EOFError:
            process.join(timeout=10)
            raise ContestantDied(f"{name} ended with {process.exitcode}") from None
        if not good:
            raise ContestantDied(f"{name}:\n{content}")
        return content

    def play() -> T:
        ours.send("play")
        result: T = answer()
        return result

    try:
        answer()
        yield play
    finally:
        ours.close()
        process.join(timeout=10)
        if process.is_alive():
            process.terminate()


def _serve(connection: Connection, maker: Contestant[Any]) -> None:
    """Make a contestant, then play a round for each message; nothing of what libraries print is seen."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with contextlib.suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        try:
            play = maker()
            connection.send((True, None))
            while connection.recv():
                connection.send((True, play()))
        except EOFError:
            raise
        except Exception:
            connection.send((False, traceback.format_exc()))
