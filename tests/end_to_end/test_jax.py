"""The same on JAX, in a process that can't import TensorFlow."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest

SETUP = """
import sys, json
sys.path[:0] = {paths!r}

class NoTensorFlow:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "tensorflow":
            raise ImportError("no TensorFlow here")

sys.meta_path.insert(0, NoTensorFlow())
import trials as t
"""

CONTRACT = """
import keras
from fer_bench.evaluation.metrics import scores
from fer_bench.training.outcome import TrialFailed
import numpy as np

assert keras.backend.backend() == "jax"
data = t.trial_data()
report = {}
for kind, recipe in t.RECIPES.items():
    trainer = t.build(data, **recipe)
    names = ("none", "class_weights", "focal_loss", "oversampling", t.ACTING[kind])
    outcomes = [t.run(trainer, data, name, 0, test=True) for name in names]
    again = t.run(trainer, data, "none", 0, test=True, dropout=0.5)
    last = t.run(trainer, data, "none", 0, test=True)
    phase = int(last.history[last.best_epoch - 1]["phase"])
    report[kind] = {
        "traces": trainer.traces,
        "phases": len(trainer.recipe.phases),
        "finite": all(bool(np.isfinite(o.val_logits).all()) for o in outcomes),
        "different": len({o.val_logits.tobytes() for o in [*outcomes, again]}),
        "repeatable": t.fingerprint(last) == t.fingerprint(outcomes[0]),
        "restored": bool(np.array_equal(trainer.logits(phase, data.val), last.val_logits)),
        "jit": [bool(trainer._steps.of(phase).jit_compile) for phase in range(2)],
    }
    with np.errstate(all="ignore"):
        try:
            t.run(trainer, data, l2=1e38)
            report[kind]["failed"] = "not at all"
        except TrialFailed as error:
            report[kind]["failed"] = str(error)
    after = t.run(trainer, data, "none", 0, test=True)
    report[kind]["after_a_failure"] = t.fingerprint(after) == t.fingerprint(last)
trainer = t.build(data, phases=[t.ALL], precision="bfloat16")
report["bfloat16"] = bool(np.isfinite(t.run(trainer, data).val_logits).all())
trainer = t.build(data, phases=[{"trainable": "all", "epochs": 12}], learning_rate=1e-2)
outcome = t.run(trainer, data, "oversampling")
report["learned"] = scores(data.labels[data.val], outcome.val_logits, data.classes)["macro_f1"]
report["tensorflow"] = "tensorflow" in sys.modules
print(json.dumps(report))
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed"),
]


def on_jax(script):
    paths = [p for p in sys.path if p]
    done = subprocess.run(
        [sys.executable, "-c", SETUP.format(paths=paths) + script],
        capture_output=True, text=True, check=False, env={**os.environ, "KERAS_BACKEND": "jax"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def report():
    return on_jax(CONTRACT)


@pytest.mark.parametrize("recipe", ["cached", "augmented"])
def test_all_strategies_run_on_one_trace_per_phase_and_again_to_the_bit(report, recipe):
    reported = report[recipe]
    assert reported["phases"] == 2
    assert reported["traces"] == {"cached": 3, "augmented": 2}[recipe], "one more for rows that SMOTE makes"
    assert reported["finite"]
    assert reported["different"] == 6
    assert reported["repeatable"]
    assert reported["restored"]
    assert reported["jit"] == [True, True], "compiled, not run op by op"


@pytest.mark.parametrize("recipe", ["cached", "augmented"])
def test_a_failed_trial_leaves_the_next_whole(report, recipe):
    assert "the loss became" in report[recipe]["failed"]
    assert report[recipe]["after_a_failure"]


def test_it_learns_and_half_precision_runs(report):
    assert report["learned"] > 0.6
    assert report["bfloat16"]
    assert not report["tensorflow"]


@pytest.mark.parametrize("recipe", ["cached", "augmented"])
def test_a_warm_trial_is_bitwise_a_fresh_one(recipe):
    script = """
data = t.trial_data()
trainer = t.build(data, **t.RECIPES[{recipe!r}])
print(json.dumps(t.fingerprints(trainer, data, {recipe!r}, warm={warm})))
"""
    warm, fresh = (on_jax(script.format(recipe=recipe, warm=warm)) for warm in (True, False))
    assert warm == fresh


INTERRUPTED = """
import tempfile
from pathlib import Path
from fer_bench.training.checkpoint import Checkpoint

class InterruptedTraining(Exception):
    pass

def until(epoch):
    rows = []

    def on_epoch(row):
        rows.append(row)
        if len(rows) == epoch:
            raise InterruptedTraining

    return on_epoch

data = t.trial_data()
recipe = t.RECIPES[{recipe!r}] | {{"plateau": {{"patience": 1}}, "early_stopping": 3, "learning_rate": 1e-2}}
trainers = [t.build(data, **recipe) for _ in range(2)]
checkpoint = Checkpoint(Path(tempfile.mkdtemp()) / "trial-000.checkpoint", {{"slot": 0}}, 0.0)
undisturbed = t.run(trainers[0], data, t.ACTING[{recipe!r}], 3, test=True)
for place, epoch in enumerate((3, 4, 5, 9)):
    try:
        options = {{"test": True, "on_epoch": until(epoch), "checkpoint": checkpoint}}
        outcome = t.run(trainers[place % 2], data, t.ACTING[{recipe!r}], 3, **options)
    except InterruptedTraining:
        pass
print(json.dumps([t.fingerprint(undisturbed), t.fingerprint(outcome), len(undisturbed.history)]))
"""


@pytest.mark.parametrize("recipe", ["cached", "augmented"])
def test_an_interrupted_training_goes_on_to_the_bit(recipe):
    undisturbed, in_pieces, epochs = on_jax(INTERRUPTED.format(recipe=recipe))
    assert in_pieces == undisturbed
    assert epochs == 5, "interrupted in each phase and where one ends"
