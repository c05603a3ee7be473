"""Images and trainers that tests share: a trial sets everything back, so that no test sees another's."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from fer_bench.data.images import FaceImages
from fer_bench.data.trial_data import TrialData

if TYPE_CHECKING:
    from fer_bench.training.trainer import Trainer


@pytest.fixture(scope="session")
def data(faces: FaceImages) -> TrialData:
    """180 images to train on, 60 each for validation and test."""
    from trials import trial_data

    return trial_data(faces)


@pytest.fixture(scope="module")
def trainer_of(data: TrialData) -> Callable[..., Trainer]:
    """A trainer for `BASE` with these changes; the same one for all tests of a module that ask for it."""
    from trials import build

    trainers: dict[str, Trainer] = {}

    def of(**recipe: object) -> Trainer:
        key = json.dumps(recipe, sort_keys=True)
        if key not in trainers:
            trainers[key] = build(data, **recipe)
        return trainers[key]

    return of
