"""What `fer-bench recommend` says."""

import pytest
from leaderboard_records import example

from fer_bench.cli.recommend import show
from fer_bench.leaderboard.recommend import recommend
from fer_bench.leaderboard.requirements import parse


@pytest.fixture
def said(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")

    def run(*conditions: str, maximize="macro_f1") -> str:
        asked = [parse(each) for each in conditions]
        for found in recommend(*example(), asked, maximize):
            show(found, asked, maximize)
        return " ".join(capsys.readouterr().out.split())

    return run


def test_the_answer_names_cell_rule_chance_and_price(said):
    text = said("accuracy >= 0.6")
    assert "mobilenet_v2/oversampling, decided by" in text and "of draws of images and seeds" in text
    assert "points of macro_f1 below the best without conditions" in text
    assert "fer-bench export --study imbalance --cell mobilenet_v2/oversampling --decision" in text


def test_none_is_an_answer(said):
    text = said("recall/disgust >= 0.9", "recall/disgust <= 0.1", maximize="accuracy")
    assert "None does in 80% of draws. The nearest is" in text
    assert "meets all in 0% of draws" in text
