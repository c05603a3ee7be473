"""What a repeat is scored by."""

from types import SimpleNamespace

import numpy as np
import pytest
from noise import noise_images

from fer_bench.data.splits import split
from fer_bench.data.trial_data import TrialData
from fer_bench.runner.slot import score
from fer_bench.strategies.none import NoStrategy


@pytest.mark.parametrize("known", [True, False])
def test_test_is_scored_as_it_is_and_without_duplicates(known):
    near = np.arange(760)
    near[690:700] = near[:10]
    images = noise_images(twins=5, near=near if known else None)
    data = TrialData.of(images, split(images, "official"))
    labels = data.labels[data.test]
    wrong = (np.arange(80) >= 10) & (np.arange(80) < 20)  # the ten near-duplicates
    logits = np.eye(3, dtype="float32")[np.where(wrong, (labels + 1) % 3, labels)]
    outcome = SimpleNamespace(
        val_logits=np.eye(3, dtype="float32")[data.labels[data.val]], test_logits=logits
    )
    numbers, arrays, _ = score(data, NoStrategy(), outcome)
    assert numbers["test/accuracy"] == pytest.approx(70 / 80)
    assert numbers["test_dedup/accuracy"] == pytest.approx(65 / 75)
    assert ("test_near_dedup/accuracy" in numbers) == ("test_near_dedup" in arrays) == known
    if known:
        assert numbers["test_near_dedup/accuracy"] == 1
        assert arrays["test_near_dedup"].tolist() == (~wrong).tolist()
