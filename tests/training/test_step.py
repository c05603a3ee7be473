from dataclasses import replace

import numpy as np
import pytest
from trials import AUGMENTATION, BASE, BATCH, settings_of

from fer_bench.backbones.base import BACKBONES
from fer_bench.strategies.base import STRATEGIES
from fer_bench.study.recipe import Recipe
from fer_bench.training.feature_cache import FeatureCache
from fer_bench.training.net import Net
from fer_bench.training.pixels import PixelBank
from fer_bench.training.step import CompiledStep, PhaseSteps


def test_phases_on_cached_features_are_those_before_the_trunk_changes():
    def cached(*trainable, limit=300 * 128 * 4, **changes):
        phases = [{"trainable": t, "epochs": 1} for t in trainable]
        features = FeatureCache(300, (128,), lambda index: pytest.fail("nothing is computed"), limit)
        steps = PhaseSteps(
            Recipe(**{**BASE, "phases": phases, **changes}), None, None, lambda variant: None, features
        )
        return [steps.cached(phase) for phase in range(len(trainable))]

    assert cached("head", "all") == [True, False]
    assert cached("head", "head") == [True, True]
    assert cached("all", "head") == [False, False], "its features are of a trunk that has changed"
    assert cached("head", augmentation=AUGMENTATION) == [False]
    assert cached("head", limit=300 * 128 * 4 - 1) == [False], "they don't fit"


def test_l2_pulls_the_heads_kernels_by_twice_its_factor(trainer_of, data):
    # One step of plain gradient descent: d/dw (l2 w^2) = 2 l2 w, here 2 * 0.01 * 0.5, times the rate 0.1.
    phases = [{"trainable": "head", "epochs": 1}]
    trainer = trainer_of(phases=phases, optimizer="sgd", momentum=0.0, learning_rate=0.1)
    (kernel,) = trainer.net.dense_kernels()

    def stepped(l2):
        one_batch = replace(data, train=data.train[:BATCH])
        trainer.begin_trial(STRATEGIES["none"](), settings_of(trainer, l2=l2), 0, one_batch)
        kernel.assign(np.full(kernel.shape, 0.5, "float32"))
        trainer.train_phase(0)
        return trainer.state()

    plain, pulled = stepped(0.0), stepped(0.01)
    assert trainer.traces == 1
    assert [before.shape for before in plain if before.ndim == 2] == [(128, 5)]
    for before, after in zip(plain, pulled, strict=True):
        np.testing.assert_allclose(after - before, -0.001 if after.ndim == 2 else 0.0, atol=1e-6)


def test_images_of_255_pixels_reach_the_logits(data):
    recipe = Recipe(**{**BASE, "image_size": 255})
    net = Net(BACKBONES["compact_cnn"](), recipe, 1, 5, None)
    net.reset(0)
    logits = CompiledStep(PixelBank(data.pixels, 255, None), net.whole).predict_rows(np.arange(3))
    assert logits.shape == (3, 5)
    assert np.isfinite(logits).all()
