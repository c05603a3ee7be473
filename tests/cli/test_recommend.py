"""What `fer-bench recommend` says."""

from dataclasses import replace
from pathlib import Path

import pytest
from leaderboard_records import BOARD, example

from fer_bench.cli.recommend import show
from fer_bench.leaderboard.recommend import recommend
from fer_bench.leaderboard.requirements import parse


@pytest.fixture
def said(monkeypatch, capsys):
    def run(*conditions: str, maximize="macro_f1", mlruns="mlruns", columns=200, **changes) -> str:
        monkeypatch.setenv("COLUMNS", str(columns))
        asked = [parse(each) for each in conditions]
        statuses, repeats = ([replace(each, **changes) for each in some] for some in example())
        for found in recommend(statuses, repeats, asked, maximize):
            show(found, asked, maximize, Path(mlruns))
        return " ".join(capsys.readouterr().out.split())

    return run


def test_the_answer_names_cell_rule_chance_and_price(said):
    text = said("accuracy >= 0.6")
    assert "mobilenet_v2/oversampling, decided by" in text and "of draws of images and seeds" in text
    assert "the highest macro_f1, conditions or not" in text
    assert "fer-bench export --study imbalance --cell mobilenet_v2/oversampling --decision" in text


def test_the_command_finds_the_runs_and_names_of_a_bundle_are_printed_as_they_are(said):
    board = BOARD | {"study": "a [/red] b", "dataset": "[/bold]"}
    text = said("accuracy >= 0.6", mlruns="my runs", board=board)
    assert "fer-bench export --study 'a [/red] b' --mlruns 'my runs' --cell mobilenet_v2/" in text
    assert "[/bold]" in text


def test_none_is_an_answer(said):
    text = said("recall/disgust >= 0.9", "recall/disgust <= 0.1", maximize="accuracy")
    assert "None does in 80 % of draws. The nearest is" in text
    assert "meets all in 0 % of draws" in text


def test_eighty_columns_hold_the_titles_of_two_conditions(said):
    text = said("recall/disgust >= 0.6", "balanced_accuracy >= 0.5", columns=80)
    assert "…" not in text and "disgust" in text
