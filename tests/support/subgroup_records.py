"""Records of runs that never were, whose test images have attributes: men are recognised worse than women."""

from dataclasses import replace

import numpy as np
from leaderboard_records import N, example, outputs

from fer_bench.data.attributes import Attributes
from fer_bench.storage.records import Predictions

_RNG = np.random.default_rng(3)
GENDER = _RNG.choice(["female", "male", ""], N, p=[0.45, 0.45, 0.1])
AGE = _RNG.choice(
    ["0-9", "10-19", "20-29", "30-39", "40-59", "60+"], N, p=[0.04, 0.15, 0.35, 0.25, 0.16, 0.05]
)
ATTRIBUTES = Attributes.of({"gender": GENDER, "age": AGE}, np.arange(N))


def with_attributes(repeat, attributes=ATTRIBUTES, unfair=0.35):
    """A repeat whose images have attributes, and a share `unfair` of men taken for anything."""
    found, noise = repeat.predictions(), np.random.default_rng(repeat.slot)
    predicted = found.predicted.copy()
    wrong = (GENDER == "male") & (noise.random(N) < unfair) & (np.ptp(predicted) > 0)
    predicted[wrong] = noise.integers(7, size=wrong.sum())
    changed = Predictions(replace(found.images, attributes=attributes), predicted)
    return replace(repeat, predictions=lambda: changed, outputs=lambda: outputs(changed, repeat.slot))


def example_with_attributes():
    """The example's records with attributes."""
    statuses, repeats = example()
    return statuses, [with_attributes(repeat) for repeat in repeats]
