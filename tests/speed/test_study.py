"""What shared phases save, and that a stage doesn't depend on who trains it."""

import pytest
from contests import ContestHere

from fer_bench.speed.study import Repeats, compare

REPEATS = Repeats(
    "compact_cnn", 24, images=64, validation=32, epochs=(2, 1), strategies=("none", "oversampling"), seeds=2
)


@pytest.mark.slow
def test_both_kinds_train_the_same_repeats_and_stages_are_alike():
    contest = ContestHere()
    saved, stages = compare(REPEATS, contest)
    seconds, digests = contest.results
    assert len(seconds["shared"]) == len(seconds["whole"]) == 4
    assert (saved.value, saved.other) == (sum(seconds["shared"]), sum(seconds["whole"]))
    assert (stages.value, stages.other, stages.met) == (2, 2, True)
    first = digests["first"][0]
    assert set(first) == {0, 1}
    assert first[0] != first[1], "another seed, another stage"


def test_figures_are_sums_and_their_ratio():
    def contest(makers, rounds, warm_up=1):
        if "shared" in makers:
            assert rounds == 4
            return {"shared": [4.0, 1.0, 1.0, 2.0], "whole": [10.0] * 4}
        return {"first": [{0: "a", 1: "b"}], "backwards": [{0: "a", 1: "c"}]}

    saved, stages = compare(REPEATS, contest)
    assert (saved.value, saved.other, saved.ratio, saved.met) == (8.0, 40.0, 5.0, True)
    assert (stages.value, stages.met) == (1, False)
