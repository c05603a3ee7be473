"""How long the commands that need no training take to answer."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from statistics import median

from fer_bench.speed.side_by_side import ContestantDied, Figure, limited

SECONDS, INTERPRETERS = 0.5, 40.0  # the limit: so long, or as long as so many bare interpreters take
COMMANDS = {"--help": 0, "list": 0, "run --study imbalanse": 2}  # with the exit code expected
BARE = "bare interpreter"


def measure(rounds: int = 7) -> list[Figure]:
    """Wall time of whole processes, in turn with a bare interpreter's; files are in memory after round 0."""
    return compare([play_round() for _ in range(rounds + 1)][1:])


def play_round(commands: Mapping[str, int] = COMMANDS) -> dict[str, float]:
    """Seconds of a bare interpreter and of each command; ContestantDied for an exit code not expected."""
    seconds = {BARE: _seconds(["-c", "pass"], 0)}
    for command, expected in commands.items():
        seconds[command] = _seconds(["-m", "fer_bench.cli", *command.split()], expected)
    return seconds


def compare(rounds: Sequence[Mapping[str, float]]) -> list[Figure]:
    """Median seconds of each command beside the limit, which goes by the bare interpreter's."""
    medians = {name: median(each[name] for each in rounds) for name in rounds[0]}
    bare = medians.pop(BARE)
    limit = max(SECONDS, INTERPRETERS * bare)
    against = f"limit ({BARE} {bare:.3f} s)"
    return [
        limited(f"fer-bench {command}", seconds, "s", limit, against) for command, seconds in medians.items()
    ]


def _seconds(arguments: list[str], expected: int) -> float:
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begun
    if done.returncode != expected:
        raise ContestantDied(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")
    return seconds
