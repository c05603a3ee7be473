"""Options as fields of a dataclass, as Typer shows and reads them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, get_args

import pytest
import typer
from typer.testing import CliRunner

from fer_bench.cli.main import app
from fer_bench.cli.options import SPLIT_NAMES, PlanOptions, RunOptions, takes
from fer_bench.data.split_names import SPLITS, SplitName


@dataclass(frozen=True)
class CountOptions(PlanOptions):
    count: Annotated[int, typer.Option(min=1, help="How many.")] = 3


def invoke(options: type[PlanOptions], *words: str) -> PlanOptions:
    """What a command that takes these options is called with."""
    received = []

    @takes(options)
    def command(values):
        """Do it."""
        received.append(values)

    one_command = typer.Typer()
    one_command.command()(command)
    result = CliRunner().invoke(one_command, words)
    if result.exit_code:
        raise ValueError(result.output)
    return received[0]


def test_without_words_a_command_gets_the_defaults():
    assert invoke(PlanOptions) == PlanOptions()
    assert invoke(RunOptions) == RunOptions()
    assert RunOptions().engine == "local" and not RunOptions().yes and not RunOptions().dry_run


def test_words_become_fields():
    words = "--study mine --trials 2 --mlruns there --keep-weights all --retry-failed --engine ray --yes"
    assert invoke(RunOptions, *words.split()) == RunOptions(
        study="mine", trials=2, mlruns=Path("there"), keep_weights="all", retry_failed=True,
        engine="ray", yes=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--count", "0"], "Invalid value for '--count'"),
        (["--keep-weights", "some"], "Invalid value for '--keep-weights'"),
        (["--engine", "ray"], "No such option"),
    ],
)
def test_a_field_has_its_own_rules_and_those_of_other_classes_are_not_there(words, message):
    with pytest.raises(ValueError, match=message):
        invoke(CountOptions, *words)


@pytest.mark.parametrize(("command", "options"), [("run", RunOptions), ("worker", PlanOptions)])
def test_help_shows_every_field(monkeypatch, command, options):
    monkeypatch.setenv("COLUMNS", "120")
    shown = CliRunner().invoke(app, [command, "--help"]).output
    for name in options.__dataclass_fields__:
        assert f"--{name.replace('_', '-')} " in shown
    assert ("--dry-run" in shown) == (options is RunOptions)
    assert "[default: imbalance]" in shown and "[default: one]" in shown


def test_paragraphs_of_help_fill_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = CliRunner().invoke(app, ["run", "--help"]).output.splitlines()
    first = next(i for i, line in enumerate(lines) if "What is finished is never done again" in line)
    assert all(len(line.rstrip()) > 60 for line in lines[first : first + 2])


def test_split_names_are_those_that_a_study_takes():
    assert tuple(SPLITS) == get_args(SplitName)
    assert SPLIT_NAMES == "official, union, random_80_10_10, random_80_20 or test_as_validation"
