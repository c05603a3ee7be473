"""Conditions as they are written, and what is none."""

import numpy as np
import pytest
from sklearn import metrics as sk

from fer_bench.errors import UserError
from fer_bench.leaderboard.requirements import Requirement, check_measure, measures, parse


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("recall/disgust >= 0.6", Requirement("recall/disgust", True, 0.6)),
        (" accuracy>=65% ", Requirement("accuracy", True, 0.65)),
        ("f1/happy <= 1e-1", Requirement("f1/happy", False, 0.1)),
        ("recall/no face >= 0.6", Requirement("recall/no face", True, 0.6)),
    ],
)
def test_conditions(text, found):
    assert parse(text) == found


@pytest.mark.parametrize(
    "text", ["", "recall/disgust", "accuracy > 0.5", "accuracy >= high", "accuracy >= -"]
)
def test_what_is_no_condition_is_said_with_an_example(text):
    with pytest.raises(UserError, match="expected MEASURE >= NUMBER or MEASURE <= NUMBER, as in"):
        parse(text)


def test_a_limit_is_a_share():
    with pytest.raises(UserError, match="shares from 0 to 1; write"):
        parse("accuracy >= 65")


def test_an_unknown_measure_names_those_that_are_known():
    with pytest.raises(UserError, match=r"did you mean 'recall/sad'\? known: accuracy, "):
        check_measure("recal/sad", ["recall/sad", "accuracy"])


def test_margins_by_hand():
    np.testing.assert_allclose(parse("accuracy >= 0.5").margin(np.array([0.4, 0.7])), [-0.1, 0.2])
    np.testing.assert_allclose(parse("accuracy <= 0.5").margin(np.array([0.4, 0.7])), [0.1, -0.2])


def test_measures_are_scikit_learns():
    rng = np.random.default_rng(0)
    labels, runs = rng.integers(3, size=60), rng.integers(3, size=(2, 60))
    found = {name: score(labels, runs)[0][1] for name, score in measures("abc", [0, 1, 2]).items()}
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(labels, runs[1]))
    assert found["macro_f1"] == pytest.approx(sk.f1_score(labels, runs[1], average="macro"))
    assert found["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(labels, runs[1]))
    assert found["precision/c"] == pytest.approx(sk.precision_score(labels, runs[1], average=None)[2])
    assert len(found) == 3 + 9
    assert list(measures("abc", [0, 2]))[3:] == [
        f"{m}/{c}" for m in ("recall", "precision", "f1") for c in "ac"
    ]
