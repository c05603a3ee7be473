"""Logits averaged over views, from pixels and from kept features."""

import numpy as np
import pytest
from trials import ALL, HEAD, build, run

from fer_bench.study.views import views


def by_hand(trainer, index, kind="ten"):
    """Means of the whole net's logits over views of images, (n, K)."""
    images = np.asarray(trainer.pixel_bank(trainer.pixel_bank.inputs(index)))
    logits = []
    for view in views(kind, images.shape[1]):
        rows, columns = view.places(images.shape[1])
        logits.append(np.asarray(trainer.net.whole(images[:, rows][:, :, columns])))
    return np.mean(logits, axis=0)


@pytest.mark.parametrize(("phases", "strategy"), [([HEAD], "none"), ([ALL], "ldam"), ([HEAD, ALL], "none")])
def test_a_training_ends_with_the_means_over_its_views(data, phases, strategy):
    trainer = build(data, phases=phases, test_views="ten")
    outcome = run(trainer, data, strategy, test=True)
    assert outcome.views_seconds > 0
    if strategy == "none":
        np.testing.assert_allclose(outcome.val_logits, by_hand(trainer, data.val), atol=1e-4)
        np.testing.assert_allclose(outcome.test_logits, by_hand(trainer, data.test), atol=1e-4)
    still = run(build(data, phases=phases), data, strategy, test=True)
    assert still.views_seconds == 0
    assert still.history[-1]["val/macro_f1"] == outcome.history[-1]["val/macro_f1"], "epochs are scored still"
    assert np.abs(still.test_logits - outcome.test_logits).max() > 1e-3


def test_features_of_a_frozen_trunk_are_computed_once_and_dropped_where_they_are_too_many(data):
    trainer = build(data, phases=[HEAD], test_views="flip")
    run(trainer, data, test=True)
    viewed, seen = trainer._viewed, []
    compute = viewed._seen
    viewed._seen = lambda view, kind, index: seen.append(kind) or compute(view, kind, index)
    expected = run(trainer, data, "class_weights", test=True)
    assert seen == []
    viewed._limit = 1
    viewed._features.clear()
    outcome = run(trainer, data, "class_weights", test=True)
    again = run(trainer, data, "class_weights", test=True)
    assert len(seen) == 2 * 4, "two views of validation and of test, anew in each training"
    np.testing.assert_array_equal(outcome.test_logits, expected.test_logits)
    np.testing.assert_array_equal(again.test_logits, expected.test_logits)


def test_kept_features_go_through_the_head_in_batches(data, monkeypatch):
    trainer = build(data, phases=[HEAD], test_views="flip")
    expected = run(trainer, data, test=True)
    monkeypatch.setattr("fer_bench.training.viewed_logits.PREDICTION_BATCH", 7)
    sizes = []
    head = trainer.net.part("linear", of_pixels=False)
    head.compile(run_eagerly=True)
    call = head.call
    head.call = lambda features, *args, **kwargs: (
        sizes.append(len(features)) or call(features, *args, **kwargs)
    )
    logits = trainer._viewed.of_features("linear", data.test, trainer._features.trunk)
    assert max(sizes) == 7
    assert sum(sizes) == 2 * len(data.test)
    np.testing.assert_allclose(logits, expected.test_logits, atol=1e-5)
