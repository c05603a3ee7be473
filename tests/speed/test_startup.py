"""Commands that train nothing: whole processes that end as they should, and the limit of their time."""

import pytest

from fer_bench.speed.side_by_side import ContestantDied
from fer_bench.speed.startup import BARE, COMMANDS, compare, play_round


def test_every_command_ends_with_the_code_that_is_expected():
    assert list(play_round()) == [BARE, *COMMANDS]


def test_another_code_is_said_with_what_the_command_printed():
    with pytest.raises(
        ContestantDied, match=r"(?s)run --study imbalanse ended with 2:.*did you mean 'imbalance'"
    ):
        play_round({"run --study imbalanse": 0})


@pytest.mark.parametrize(
    ("bare", "limit", "met"),
    [(0.01, 0.5, [True, False]), (0.02, 0.8, [True, True])],
)
def test_the_limit_goes_by_the_bare_interpreter_where_that_is_slow(bare, limit, met):
    rounds = [{BARE: bare, "list": 0.4, "run": seconds} for seconds in (0.1, 0.7, 0.9)]
    figures = compare(rounds)
    assert [(figure.what, figure.value) for figure in figures] == [
        ("fer-bench list", 0.4), ("fer-bench run", 0.7),
    ]  # fmt: skip
    assert {figure.other for figure in figures} == {limit}
    assert [figure.met for figure in figures] == met
