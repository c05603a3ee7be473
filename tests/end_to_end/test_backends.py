"""TensorFlow and JAX train alike: the same draws, steps, losses and scores, up to rounding."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

TRIALS = """
import json
from fer_bench.backbones.base import BACKBONES
from fer_bench.datasets.base import open_dataset
from fer_bench.data.splits import split
from fer_bench.training.trainer import Trainer
from fer_bench.study.recipe import Recipe, settings
from fer_bench.strategies.base import STRATEGIES
from fer_bench.data.trial_data import TrialData
from fer_bench.training.trial import run_trial

recipe = Recipe.model_validate({
    "image_size": 32, "batch_size": 32, "weights": "none", "augmentation": None, "schedule": "cosine",
    "weight_decay": 1e-3, "learning_rate": 3e-3, "head": {"l2": 1e-3},
    "phases": [{"trainable": "head", "epochs": 2}, {"trainable": "all", "epochs": 3}],
})
images = open_dataset("synthetic")
data = TrialData.of(images, split(images, "official", 1000, 300, 300))
trainer = Trainer(BACKBONES["compact_cnn"](), recipe, data.pixels, 7, None)
curves = {}
for name in STRATEGIES:
    history = run_trial(trainer, STRATEGIES[name](), settings(recipe), 5, data).history
    curves[name] = [[row["train/objective"], row["val/loss"], row["val/macro_f1"]] for row in history]
curves["traces"] = trainer.traces
print(json.dumps(curves))
"""


def trials(backend: str) -> dict:
    environment = os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", TRIALS], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.skipif(find_spec("jax") is None, reason="jax is not installed: pip install '.[jax]'")
def test_both_backends_give_the_same_curves():
    ours, theirs = trials("tensorflow"), trials("jax")
    assert ours.pop("traces") == theirs.pop("traces")
    for name, curve in ours.items():
        np.testing.assert_allclose(curve, theirs[name], rtol=0.01, err_msg=name)
    assert ours["none"][-1][0] < 0.7 * ours["none"][0][0]
