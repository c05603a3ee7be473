"""`fer-bench report`, and the report at the end of a run."""

import sys

import pytest

from fer_bench.cli.report import report_of_run


def test_what_can_not_be_reported_is_said_in_a_line(refused, workplace):
    assert "report.csv: expected the name of an HTML file" in refused("report", "--out", "report.csv")
    assert "mlruns holds no runs: fer-bench run --study imbalance" in refused("report")
    assert not list(workplace.iterdir())


def test_a_report_that_fails_costs_no_run(workplace, capsys, monkeypatch: pytest.MonkeyPatch):
    assert report_of_run("imbalance", workplace / "mlruns", ()) is None
    assert capsys.readouterr().out.startswith("no report: ")
    monkeypatch.setitem(sys.modules, "fer_bench.report.page", None)
    assert report_of_run("imbalance", workplace / "mlruns", ()) is None
    assert "no report: import of fer_bench.report.page halted" in capsys.readouterr().out
