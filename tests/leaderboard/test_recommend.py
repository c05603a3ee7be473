"""What is recommended, how surely, and what is said where nothing does it."""

import numpy as np
import pytest
from leaderboard_records import example, repeat, status

from fer_bench.errors import UserError
from fer_bench.evaluation.comparisons import Comparisons, RepeatedScore
from fer_bench.evaluation.intervals import p_values
from fer_bench.leaderboard.recommend import LIKELY, _draws, recommend
from fer_bench.leaderboard.requirements import parse


def asked(*texts, maximise="macro_f1"):
    (found,) = recommend(*example(), [parse(text) for text in texts], maximise)
    return found


def test_without_a_condition_the_best_is_first_and_costs_nothing():
    found = asked()
    assert (found.candidates["chance"] == 1).all()
    first = found.candidates.iloc[0]
    assert first["price"] == 0 and first["macro_f1"] == found.candidates["macro_f1"].max()


def test_those_that_are_likely_to_meet_it_come_first_and_the_best_of_them_before_the_others():
    found = asked("accuracy >= 0.55")
    likely = found.candidates["chance"] >= LIKELY
    count = likely.sum()
    assert found.met and 0 < count < len(likely)
    assert likely[:count].all() and not likely[count:].any()
    assert found.candidates["macro_f1"][:count].is_monotonic_decreasing
    assert found.candidates["chance"][count:].round(2).is_monotonic_decreasing
    best = found.candidates["macro_f1"].max()
    np.testing.assert_allclose(found.candidates["price"], best - found.candidates["macro_f1"])


def test_where_none_does_the_nearest_is_first():
    found = asked("accuracy >= 0.99")
    assert not found.met
    assert found.candidates["accuracy"].iloc[0] == found.candidates["accuracy"].max()
    contrary = asked("recall/disgust >= 0.9", "recall/disgust <= 0.1")
    assert not contrary.met and (contrary.candidates["chance"] == 0).all()


def test_each_further_condition_can_only_lower_the_chance():
    keys = ["cell", "rule"]
    one = asked("recall/disgust >= 0.5").candidates.set_index(keys)["chance"]
    two = asked("recall/disgust >= 0.5", "accuracy >= 0.6").candidates.set_index(keys)["chance"]
    assert (two <= one[two.index] + 0.02).all()


def test_rules_that_decide_as_the_strategy_does_are_not_said_twice():
    candidates = asked().candidates
    assert "decided" in set(candidates["rule"]) and not candidates.duplicated(["cell", "rule"]).any()
    assert not (candidates["rule"] == "argmax").any(), "these strategies decide by argmax"


def test_a_chance_is_that_of_the_test_of_its_measure():
    rng = np.random.default_rng(0)
    score = RepeatedScore("b", (0, 1, 2), 0.6 + 0.01 * rng.normal(size=3), 0.004 * rng.normal(size=(3, 30)))
    scores = Comparisons([score])
    means, drawn = _draws([scores, scores], 0, np.ones((2, 2)))
    limit = means[0] - 0.02
    effect = scores.score(0)._replace(value=0.02)
    assert (drawn[:, 0] > limit).mean() == pytest.approx(1 - p_values([effect])[0] / 2, abs=0.02)
    np.testing.assert_allclose(drawn[:, 0], drawn[:, 1], atol=1e-6)


def test_unknown_measures_and_single_repeats_are_refused():
    with pytest.raises(UserError, match="unknown measure 'recall/disgusted': did you mean 'recall/disgust'"):
        asked("recall/disgusted >= 0.5")
    with pytest.raises(UserError, match="unknown measure 'f1'"):
        asked(maximise="f1")
    with pytest.raises(UserError, match="no cell has two repeats yet"):
        recommend([status(repeats=1)], [repeat(slot=0)], [parse("accuracy >= 0.5")])
