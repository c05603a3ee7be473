"""What is kept of a training."""

import numpy as np
import pytest
from faces import draw_faces
from noise import noise_images

from fer_bench.data.splits import Split, split
from fer_bench.data.trial_data import TrialData
from fer_bench.runner.slot import score
from fer_bench.strategies.base import STRATEGIES
from fer_bench.training.outcome import Outcome


@pytest.fixture
def data():
    faces = draw_faces()
    train, val = (np.flatnonzero(faces.in_subset(name)) for name in ("train", "val"))
    return TrialData.of(faces, Split("made", train, val[:60], val[60:], np.ones(60, bool), False))


def outcome_of(data, **made):
    right = np.eye(5, dtype="float32")[data.labels]
    return Outcome(val_logits=right[data.val], test_logits=right[data.test], **made)


def test_images_that_a_training_made_are_kept_with_its_predictions(data):
    strategy, sheet = STRATEGIES["deep_smote"](), np.ones((5, 2, 6, 8, 8, 1), np.uint8)
    numbers, arrays, alarms = score(data, strategy, outcome_of(data, made_images=sheet))
    assert arrays["made_images"] is sheet
    assert numbers["test/accuracy"] == 1
    assert not alarms
    assert "made_images" not in score(data, strategy, outcome_of(data))[1]


@pytest.mark.parametrize("known", [True, False])
def test_test_is_scored_as_it_is_and_without_duplicates(known):
    near = np.arange(760)
    near[690:700] = near[:10]
    images = noise_images(twins=5, near=near if known else None)
    data = TrialData.of(images, split(images, "official"))
    labels = data.labels[data.test]
    wrong = (np.arange(80) >= 10) & (np.arange(80) < 20)  # the ten near-duplicates
    logits = np.eye(3, dtype="float32")[np.where(wrong, (labels + 1) % 3, labels)]
    outcome = Outcome(val_logits=np.eye(3, dtype="float32")[data.labels[data.val]], test_logits=logits)
    numbers, arrays, _ = score(data, STRATEGIES["none"](), outcome)
    assert numbers["test/accuracy"] == pytest.approx(70 / 80)
    assert numbers["test_dedup/accuracy"] == pytest.approx(65 / 75)
    assert ("test_near_dedup/accuracy" in numbers) == ("test_near_dedup" in arrays) == known
    if known:
        assert numbers["test_near_dedup/accuracy"] == 1
        assert arrays["test_near_dedup"].tolist() == (~wrong).tolist()
