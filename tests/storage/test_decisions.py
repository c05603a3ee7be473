from dataclasses import replace

import numpy as np
from small_results import outputs

from fer_bench.storage.decisions import adjusted, strategy_as_used, without_loss


def test_logits_less_their_greatest_keep_near_ties_apart_in_16_bits():
    """10.001 and 10 are one number in 16 bits; 0 and -0.001 are two."""
    found = outputs()
    logits = found.logits.copy()
    logits[0] = (10, 10.001, -3)
    assert logits[0].astype("float16").argmax() == 0
    near = replace(found, logits=logits, predicted=logits.argmax(axis=1))
    short = without_loss(near, "none")
    assert short.dtype == np.float16
    assert short[len(found.val_logits)].argmax() == 1
    assert (short.argmax(axis=1)[len(found.val_logits) :] == near.predicted).all()


def test_logits_beyond_16_bits_keep_32():
    found = outputs()
    logits = found.logits.copy()
    logits[0] = (1e5, 0, -1e5)
    far = replace(found, logits=logits, predicted=logits.argmax(axis=1))
    assert without_loss(far, "none").dtype == np.float32


def test_an_untuned_strategy_decides_as_the_tuned_one_does():
    assert strategy_as_used("none (defaults)", {}) == strategy_as_used("none", {}) is not None


def test_what_a_run_decides_by_is_its_strategy_as_used_and_its_offsets():
    found = replace(outputs("posthoc_adjustment"), parameters={"learning_rate": 1.0})
    decided = adjusted(found, "posthoc_adjustment", found.logits)
    assert np.array_equal(decided, found.logits + found.decision_offset)
    cosines = replace(outputs(), parameters={"ldam.scale": 20.0, "ldam.max_margin": 0.3, "dropout": 0.1})
    assert np.array_equal(adjusted(cosines, "ldam", cosines.logits), 20 * cosines.logits)


def test_a_strategy_that_is_unknown_or_has_other_parameters_is_none():
    assert strategy_as_used("of_a_plug_in", {}) is None
    assert strategy_as_used("ldam", {"ldam.width": 1.0}) is None
    assert adjusted(outputs(), "of_a_plug_in", outputs().logits) is None


def test_an_untuned_cell_decides_as_its_strategy_does():
    found = outputs()
    assert np.array_equal(adjusted(found, "none (defaults)", found.logits), found.logits)


def test_a_model_from_elsewhere_decides_by_its_logits():
    found = outputs()
    assert np.array_equal(adjusted(found, "unknown", found.logits), found.logits)
