"""A command of fer-bench, run in a process of its own or in this one, and how it refuses what can't be."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from soak import site

from fer_bench.cli.main import main
from fer_bench.runner.events import Ended, Event
from fer_bench.study.plan import Plan


def run_process(folder: Path, *words: str, code: int = 0, hurt: str = "") -> str:
    """All output of a command that a shell runs in `folder`, with that exit code; `hurt` as of `start`."""
    environment = os.environ | {"COLUMNS": "160", "CI": "true"}
    if hurt:
        environment["PYTHONPATH"] = site(folder, hurt)
    environment.pop("MLFLOW_TRACKING_URI", None)
    done = subprocess.run(
        [sys.executable, "-m", "fer_bench.cli", *words],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def work_here(plan: Plan, devices: tuple[str | None, ...] = (None,)) -> Iterator[Event]:
    """Takes the place of `processes.run`: one worker, in this process."""
    from fer_bench.runner.worker import work

    plan.results.mkdir(parents=True, exist_ok=True)
    events: list[Event] = []
    failures = work(plan, events.append)
    yield from events
    yield Ended(failures=tuple(failures))


def run_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: object
) -> tuple[int, str]:
    """Exit code and all output of a command, run as a shell would."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "argv", ["fer-bench", *map(str, words)])
    code = 0
    try:
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    out, err = capsys.readouterr()
    return code, out + err


def refusal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: object) -> str:
    """What a command says that is to be refused: exit code 2, a few lines, no word of our insides."""
    code, output = run_command(capsys, monkeypatch, *words)
    assert code == 2, output
    assert output.startswith("error: "), output
    assert len(output.splitlines()) <= 4, output
    assert len(output) < 900, output
    assert not re.search("Traceback|pydantic|sqlalche|validation error", output), output
    return " ".join(output.split())
