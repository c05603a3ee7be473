"""Contestants that take turns, and the figures made of their rounds."""

import itertools
import os
from functools import partial

import pytest
from contestants import clocked, dies, raises

from fer_bench.speed.side_by_side import ContestantDied, compared, contest, limited


def test_contestants_are_processes_that_take_turns():
    rounds = contest({"a": partial(clocked, 0.05), "b": partial(clocked, 0.02)}, rounds=3)
    assert {name: len(played) for name, played in rounds.items()} == {"a": 3, "b": 3}
    pids = {name: {pid for pid, _, _ in played} for name, played in rounds.items()}
    assert len(pids["a"]) == len(pids["b"]) == 1 and len({os.getpid(), *pids["a"], *pids["b"]}) == 3
    turns = sorted((begun, ended, name) for name, played in rounds.items() for _, begun, ended in played)
    assert [name for _, _, name in turns] == ["a", "b"] * 3
    assert all(ended <= begun for (_, ended, _), (begun, _, _) in itertools.pairwise(turns))


@pytest.mark.parametrize(("maker", "reason"), [(raises, "no more breath"), (dies, "ended with 3")])
def test_a_contestant_that_fails_is_named(maker, reason):
    with pytest.raises(ContestantDied, match="(?s)poor one.*" + reason):
        contest({"poor one": maker}, rounds=1)


def test_a_ratio_is_the_median_of_the_rounds_own():
    figure = compared("step", "images/s", [10, 30, 100], "other", [10, 20, 25], least=1.5)
    assert (figure.value, figure.other, figure.ratio) == (30, 20, 1.5)
    assert figure.met is True
    assert compared("step", "", [1.0], "other", [2.0], least=0.6).met is False
    assert compared("step", "", [1.0], "other", [2.0]).met is None
    assert limited("start", 0.4, "s", 0.5).met is True and limited("start", 0.6, "s", 0.5).met is False
