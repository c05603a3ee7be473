import numpy as np
import pytest
from trials import BATCH

from fer_bench.strategies.base import STRATEGIES
from fer_bench.study.recipe import Recipe
from fer_bench.training.outcome import TrialFailed
from fer_bench.training.sampling import PhaseSampler

LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(4), [50, 30, 15, 5])).astype(np.int32)


def stream(strategy="none", epochs=4, seed=0, batch=16, labels=LABELS):
    recipe = Recipe(batch_size=batch, phases=[{"trainable": "head", "epochs": epochs}])
    sampler = PhaseSampler(strategy=STRATEGIES[strategy](), recipe=recipe, phase=0, seed=seed, progress=0.0)
    return sampler.stream(labels, images=100)


@pytest.mark.parametrize("strategy", list(STRATEGIES))
def test_a_stream_is_as_long_for_every_strategy(strategy):
    drawn = stream(strategy)
    assert drawn.shape == (4, 100 // 16 * 16)
    assert 0 <= drawn.min() <= drawn.max() < 100
    np.testing.assert_array_equal(drawn, stream(strategy))
    assert not np.array_equal(drawn, stream(strategy, seed=1))


def test_without_a_strategy_every_image_comes_once_per_pass():
    drawn = stream(epochs=9).ravel()
    for first in range(0, len(drawn) - 99, 100):
        np.testing.assert_array_equal(np.sort(drawn[first : first + 100]), np.arange(100))
    assert not np.array_equal(drawn[:100], drawn[100:200]), "shuffled anew"


def test_the_oversampled_stream_is_flat_and_made_anew_in_every_pass():
    drawn = stream("oversampling", epochs=25).ravel()
    shares = np.bincount(LABELS[drawn]) / len(drawn)
    np.testing.assert_allclose(shares, 0.25, atol=0.01)
    rare = np.flatnonzero(LABELS == 3)
    copies = [np.bincount(drawn[i : i + 200], minlength=100)[rare] for i in (0, 200, 400)]
    assert all(c.sum() == 50 for c in copies)
    assert not np.array_equal(copies[0], copies[1])


def test_synthetic_rows_make_an_epoch_no_longer():
    drawn = stream(labels=np.concatenate([LABELS, np.full(100, 3, np.int32)]))
    assert drawn.shape == (4, 96)
    np.testing.assert_array_equal(np.sort(drawn.ravel()[:200]), np.arange(200))


def test_every_phase_and_every_trial_has_an_order_of_its_own():
    recipe = Recipe(batch_size=BATCH, phases=[{"trainable": "head", "epochs": 1}] * 2)
    orders = {
        PhaseSampler(strategy=STRATEGIES["none"](), recipe=recipe, phase=phase, seed=seed, progress=0.0)
        .stream(LABELS, 100)
        .tobytes()
        for phase in (0, 1)
        for seed in (0, 1)
    }
    assert len(orders) == 4


def test_fewer_images_than_a_batch_fail():
    with pytest.raises(TrialFailed, match="100 training images are fewer than a batch of 128"):
        stream(batch=128)
