"""How long the commands that need no training take to answer."""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median

from fer_bench.speed.side_by_side import ContestantDied, Figure, limited

SECONDS, INTERPRETERS = 0.5, 40.0
COMMANDS = {"--help": 0, "list": 0, "run --study imbalanse": 2}  # with the exit code expected


def measure(rounds: int = 7) -> list[Figure]:
    """Wall time of whole processes, in turn with a bare interpreter's; files are in memory after round 0."""
    words = {command: ["-m", "fer_bench.cli", *command.split()] for command in COMMANDS}
    played = [
        {name: _seconds(line, COMMANDS.get(name, 0)) for name, line in {"": ["-c", "pass"], **words}.items()}
        for _ in range(rounds + 1)
    ][1:]
    bare = median(each[""] for each in played)
    limit = max(SECONDS, INTERPRETERS * bare)
    against = f"limit (bare interpreter {bare:.3f} s)"
    return [
        limited(f"fer-bench {command}", median(each[command] for each in played), "s", limit, against)
        for command in COMMANDS
    ]


def _seconds(line: list[str], expected: int) -> float:
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, *line], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begun
    if done.returncode != expected:
        raise ContestantDied(f"{' '.join(line)} ended with {done.returncode}:\n{done.stderr}")
    return seconds
