"""A command of fer-bench run in this process, and the way in which it refuses what can't be."""

import re
import sys

import pytest

from fer_bench.cli.main import main


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
