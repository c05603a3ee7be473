"""What the phases of a training are fed with."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from trials import BASE

from fer_bench.data.trial_data import TrialData
from fer_bench.strategies.base import Mixing, Strategy
from fer_bench.study.recipe import Recipe, settings
from fer_bench.training.current_trial import CurrentTrial, class_shares, phase_inputs, row_targets
from fer_bench.training.step import StepVariant

VOTES = np.array([[0.9, 0.1, 0], [0.2, 0.8, 0], [0, 0.5, 0.5], [0.3, 0.3, 0.4]], np.float32)
LABELS = np.array([0, 1, 1, 2], np.int32)
HARD, SOFT = (Recipe(**{**BASE, "labels": labels}) for labels in ("hard", "votes"))


def trial_of(strategy, votes=VOTES):
    data = TrialData(
        pixels=np.zeros((4, 24, 24, 1), np.uint8),
        labels=LABELS,
        ids=np.arange(4).astype(str),
        groups=np.arange(4),
        train=np.arange(4),
        val=np.arange(0),
        test=np.arange(0),
        dedup=np.zeros(0, bool),
        classes=("angry", "happy", "sad"),
        votes=votes,
    )
    variant = StepVariant.of(strategy, data.class_counts)
    return CurrentTrial(strategy, settings(HARD), 0, data, None, range(2), variant)


@dataclass(frozen=True)
class Halves(Strategy):
    """Mixes each image with one of another order, half of each."""

    def mixing(self, class_counts, progress):
        return Mixing(alpha=1e9)


def test_targets_are_labels_or_the_shares_of_votes():
    trial = trial_of(Strategy())
    hard = row_targets(trial, HARD, LABELS)
    np.testing.assert_array_equal(hard, LABELS)
    assert hard.dtype == np.int32
    np.testing.assert_array_equal(row_targets(trial, SOFT, LABELS), VOTES)
    assert row_targets(trial, SOFT, LABELS).dtype == np.float32


def test_a_row_that_is_made_has_its_class_alone():
    found = row_targets(trial_of(Strategy()), SOFT, np.append(LABELS, [2, 0]).astype(np.int32))
    np.testing.assert_array_equal(found[:4], VOTES)
    np.testing.assert_array_equal(found[4:], [[0, 0, 1], [1, 0, 0]])


def test_shares_of_a_stream_are_those_of_its_targets():
    stream = np.array([[0, 1, 1, 3]])
    np.testing.assert_array_equal(class_shares(stream, LABELS, 3), [0.25, 0.5, 0.25])
    expected = (VOTES[0] + 2 * VOTES[1].astype(float) + VOTES[3]) / 4
    np.testing.assert_allclose(class_shares(stream, VOTES, 3), expected)
    one_hot = np.eye(3, dtype="float32")[LABELS]
    np.testing.assert_array_equal(class_shares(stream, one_hot, 3), class_shares(stream, LABELS, 3))


def test_a_stream_brings_its_targets_along():
    stream = np.array([[3, 0], [1, 2]])
    index, targets = phase_inputs(trial_of(Strategy()), SOFT, 0, False, stream, LABELS, first_epoch=1)
    np.testing.assert_array_equal(index, [1, 2])
    np.testing.assert_array_equal(targets, VOTES[[1, 2]])


@pytest.mark.parametrize("recipe", [HARD, SOFT], ids=["hard", "votes"])
def test_mixing_mixes_the_targets(recipe):
    trial = trial_of(Halves())
    (first, second, share, _), targets = phase_inputs(
        trial, recipe, 0, False, np.array([[3, 0, 1, 2]]), LABELS
    )
    np.testing.assert_allclose(share, 0.5, atol=1e-3)
    of_rows = VOTES if recipe is SOFT else np.eye(3)[LABELS]
    np.testing.assert_allclose(targets, (of_rows[first] + of_rows[second]) / 2, atol=1e-3)


def test_votes_are_not_looked_at_where_labels_are_hard():
    trial = trial_of(Strategy(), votes=None)
    np.testing.assert_array_equal(row_targets(trial, HARD, LABELS), LABELS)
    assert replace(trial.data, votes=VOTES).class_counts.tolist() == [1, 2, 1]
