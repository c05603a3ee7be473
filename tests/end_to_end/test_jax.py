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
import test_trial as t
"""

CONTRACT = """
import keras
from fer_bench.training.outcome import TrialFailed
import numpy as np

assert keras.backend.backend() == "jax"
data = t.data_of(t.draw_faces())
found = {}
for kind, recipe in t.RECIPES.items():
    trainer = t.build(data, **recipe)
    names = ("none", "class_weights", "focal_loss", "oversampling", t.ACTING[kind])
    outcomes = [t.run(trainer, data, name, 0, test=True) for name in names]
    again = t.run(trainer, data, "none", 0, test=True, dropout=0.5)
    last = t.run(trainer, data, "none", 0, test=True)
    phase = int(last.history[last.best_epoch - 1]["phase"])
    found[kind] = {
        "traces": trainer.traces,
        "phases": len(recipe["phases"]),
        "finite": all(bool(np.isfinite(o.val_logits).all()) for o in outcomes),
        "different": len({o.val_logits.tobytes() for o in [*outcomes, again]}),
        "repeatable": t.fingerprint(last) == t.fingerprint(outcomes[0]),
        "restored": bool(np.array_equal(trainer.logits(phase, data.val), last.val_logits)),
        "jit": [bool(m.jit_compile) for m in trainer._steps.values()],
    }
    with np.errstate(all="ignore"):
        try:
            t.run(trainer, data, l2=1e38)
            found[kind]["failed"] = "not at all"
        except TrialFailed as error:
            found[kind]["failed"] = str(error)
    after = t.run(trainer, data, "none", 0, test=True)
    found[kind]["after_a_failure"] = t.fingerprint(after) == t.fingerprint(last)
made = t.build(data, **{**t.BASE, "phases": [{"trainable": "all", "epochs": 2}], "precision": "bfloat16"})
found["bfloat16"] = bool(np.isfinite(t.run(made, data).val_logits).all())
made = t.build(data, **{**t.BASE, "phases": [{"trainable": "all", "epochs": 12}], "learning_rate": 1e-2})
outcome = t.run(made, data, "oversampling")
found["learned"] = t.scores(data.labels[data.val], outcome.val_logits, data.classes)["macro_f1"]
found["tensorflow"] = "tensorflow" in sys.modules
print(json.dumps(found))
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed"),
]


def on_jax(script):
    paths = [os.path.dirname(__file__), *(p for p in sys.path if p)]
    done = subprocess.run(
        [sys.executable, "-c", SETUP.format(paths=paths) + script],
        capture_output=True, text=True, check=False, env={**os.environ, "KERAS_BACKEND": "jax"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def found():
    return on_jax(CONTRACT)


@pytest.mark.parametrize("recipe", ["cached", "augmented"])
def test_all_strategies_run_on_one_trace_per_phase_and_again_to_the_bit(found, recipe):
    told = found[recipe]
    assert told["phases"] == 2
    assert told["traces"] == {"cached": 3, "augmented": 2}[recipe], "one more for rows that SMOTE makes"
    assert told["finite"]
    assert told["different"] == 6
    assert told["repeatable"]
    assert told["restored"]
    assert told["jit"] == [True, True], "compiled, not run op by op"


@pytest.mark.parametrize("recipe", ["cached", "augmented"])
def test_a_failed_trial_leaves_the_next_whole(found, recipe):
    assert "the loss became" in found[recipe]["failed"]
    assert found[recipe]["after_a_failure"]


def test_it_learns_and_half_precision_runs(found):
    assert found["learned"] > 0.6
    assert found["bfloat16"]
    assert not found["tensorflow"]


@pytest.mark.parametrize("recipe", ["cached", "augmented"])
def test_a_warm_trial_is_bitwise_a_fresh_one(recipe):
    script = "print(json.dumps(t.wanted({which!r}, {recipe!r})))"
    warm, fresh = (on_jax(script.format(which=which, recipe=recipe)) for which in ("warm", "fresh"))
    assert warm == fresh
