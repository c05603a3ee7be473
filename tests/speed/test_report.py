"""The tables of `fer-bench speed`, and which of them are asked for."""

import io

import pytest
from rich.console import Console
from typer.testing import CliRunner

from fer_bench.cli.main import app
from fer_bench.errors import UserError
from fer_bench.speed.report import MEASUREMENTS, Measurement, run, table
from fer_bench.speed.side_by_side import ContestantDied, Figure, limited


def fails() -> list[Figure]:
    raise ContestantDied("ours ended with [-9]")


QUICK = {
    "good": Measurement("Good one", 2, lambda: [limited("a step", 0.2, "s", 1.0)], "Of a step."),
    "broken": Measurement("Broken one", 3, fails, ""),
}


def printed(*names: str) -> str:
    console = Console(file=io.StringIO(), width=120)
    run(names, console, QUICK)
    return console.file.getvalue()


def test_the_table_shows_what_is_wanted_and_whether_it_is_met():
    figures = [
        Figure("step", 1234.5, "images/s", "bare", 2469, 0.5, least=0.9),
        limited("a", 0.2, "s", 1.0),
        Figure("traces", 2, "", "phases", 2, 1.0, 1.0, 1.0),
        Figure("for information", 3, "s", "bare", 1, 3.0),
    ]
    console = Console(file=io.StringIO(), width=120)
    console.print(table(QUICK["good"], figures))
    title, _, *rows, explanation = console.file.getvalue().splitlines()
    assert title.strip() == "Good one" and explanation.strip() == "Of a step."
    assert [" ".join(row.split()) for row in rows] == [
        "step 1,234 images/s bare: 2,469 0.5 >= 0.9 missed",
        "a 0.2 s limit: 1 0.2 <= 1 ok",
        "traces 2 phases: 2 1 1 ok",
        "for information 3 s bare: 1 3",
    ]


def test_only_what_is_named_is_measured_and_by_default_all():
    assert "about 2 min" in printed("good") and "Broken one" not in printed("good")
    assert "about 5 min" in printed() and "Good one" in printed()


def test_a_measurement_that_fails_is_shown_and_the_others_go_on():
    text = printed("broken", "good")
    assert "Broken one: ours ended with [-9]" in text and "a step" in text


def test_a_measurement_that_lacks_something_says_so_and_the_others_go_on(monkeypatch):
    def lacks() -> list[Figure]:
        raise UserError("fetch the pictures [first]")

    monkeypatch.setitem(QUICK, "lacking", Measurement("Lacking one", 1, lacks, ""))
    text = printed("lacking", "good")
    assert "Lacking one: fetch the pictures [first]" in text and "a step" in text


def test_an_unknown_measurement_is_refused():
    result = CliRunner().invoke(app, ["speed", "strat"])
    assert isinstance(result.exception, UserError) and "did you mean 'start'" in str(result.exception)


def test_the_command_names_every_measurement(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert f"{', '.join(MEASUREMENTS)}; by default all" in CliRunner().invoke(app, ["speed", "--help"]).output
    assert all(measurement.title and measurement.explanation for measurement in MEASUREMENTS.values())


def test_unknown_names_are_refused_before_anything_is_measured():
    with pytest.raises(UserError, match="unknown measurement 'better'"):
        printed("good", "better")
