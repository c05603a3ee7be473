import numpy as np
import pytest
from sklearn import metrics as sk

from fer_bench.evaluation.bootstrap import cross_seeds, image_draws, interval


def every(images):
    """A subset that holds all of these images."""
    return np.ones(len(images), bool)


def crossed_bootstrap(labels, predictions, draws, seed=0):
    """Macro-F1 of a cell under resampled images crossed with resampled seeds."""
    groups = np.arange(len(labels))
    classes = int(labels.max()) + 1
    return cross_seeds(image_draws(labels, predictions, groups, every(labels), classes, draws, seed)[0], seed)


def test_draws_are_macro_f1_of_the_resampled_images():
    rng = np.random.default_rng(1)
    labels, predictions = rng.integers(3, size=30), rng.integers(3, size=(2, 30))
    groups = np.arange(30)
    subset = np.arange(30) % 3 > 0
    got, share = image_draws(labels, predictions, groups, subset, 3, draws=5, seed=3)
    drawn = np.random.default_rng([3, 0]).integers(30, size=(5, 30))
    for draw, images in enumerate(drawn):
        for run in range(2):
            want = sk.f1_score(labels[images], predictions[run][images], average="macro")
            assert got[draw, run] == pytest.approx(want, abs=1e-6)
            kept = images[subset[images]]
            want = sk.f1_score(labels[kept], predictions[run][kept], average="macro")
            assert share[draw, run] == pytest.approx(want, abs=1e-6)


def test_a_subset_of_all_images_is_the_whole_and_one_of_none_has_no_score():
    labels = np.repeat([0, 1, 2], 10)
    predictions = np.random.default_rng(0).integers(3, size=(2, 30))
    whole, share = image_draws(labels, predictions, np.arange(30), every(labels), 3, draws=9)
    np.testing.assert_array_equal(whole, share)
    _, share = image_draws(labels, predictions, np.arange(30), ~every(labels), 3, draws=9)
    assert np.isnan(share).all()


def test_identical_images_are_drawn_together():
    # One group of two images, one right and one wrong: every draw must contain both equally often.
    labels = np.zeros(6, int)
    half = np.array([[0, 1, 0, 1, 0, 1]])
    got, _ = image_draws(labels, half, np.array([7, 7, 9, 9, 4, 4]), every(labels), 2, draws=50)
    np.testing.assert_allclose(got, 2 / 3, rtol=1e-6)


def test_a_class_without_images_in_a_draw_is_left_out():
    labels = np.array([0, 0, 0, 1])
    got, _ = image_draws(labels, labels, np.arange(4), every(labels), 3, draws=200)
    np.testing.assert_allclose(got, 1)


def test_chunks_do_not_change_the_draws():
    rng = np.random.default_rng(0)
    labels, predictions = rng.integers(3, size=50), rng.integers(3, size=(2, 50))
    rest = labels, predictions, np.arange(50), np.arange(50) > 9, 3, 20
    whole = image_draws(*rest)
    np.testing.assert_array_equal(image_draws(*rest, chunk_bytes=4 * 50 * 3, runs_at_once=1), whole)


def test_draws_are_paired():
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=200)
    one = np.where(rng.random((3, 200)) < 0.7, labels, rng.integers(3, size=(3, 200)))
    same = crossed_bootstrap(labels, one, draws=100)
    np.testing.assert_array_equal(same, crossed_bootstrap(labels, one, draws=100))
    better = one.copy()
    better[:, :20] = labels[:20]
    gain = crossed_bootstrap(labels, better, draws=100) - same
    assert gain.std() < 0.5 * same.std()
    assert interval(gain)[0] > 0


def test_seed_noise_has_its_full_variance():
    values = np.tile([0.5, 0.6], (100_000, 1))  # standard error of a mean of two: 0.1 / sqrt(2) / sqrt(2)
    got = cross_seeds(values)
    assert got.mean() == pytest.approx(0.55, abs=1e-3)
    assert got.std() == pytest.approx(0.05, rel=0.01)
    np.testing.assert_array_equal(cross_seeds(values[:, :1]), 0.5)


def test_interval_by_hand():
    assert interval(np.arange(101)) == pytest.approx((2.5, 97.5))
    assert interval(np.arange(101), level=0.5) == pytest.approx((25, 75))


FER2013_PRIVATE_TEST = np.array([491, 55, 528, 879, 626, 594, 416])


def two_equal_strategies(rng, seeds):
    """Labels and predictions of two strategies that differ by chance only; seed SD of macro-F1 about 1 pt."""
    labels = np.repeat(np.arange(7), FER2013_PRIVATE_TEST)
    shape = (len(labels), 7)
    prior = 0.5 * np.log(FER2013_PRIVATE_TEST / FER2013_PRIVATE_TEST.mean())
    image = prior + 2.2 * np.eye(7)[labels] + rng.normal(size=shape)
    strategies = [image + 0.5 * rng.normal(size=shape) for _ in range(2)]
    noise = [
        [0.27 * rng.normal(size=7) + 0.2 * rng.normal(size=shape) for _ in range(seeds)] for _ in range(2)
    ]
    return labels, np.array(
        [[(mean + seed).argmax(1) for seed in every] for mean, every in zip(strategies, noise, strict=True)]
    )


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_coverage_of_a_gain_that_is_not_there(seeds, capsys):
    """pytest -m slow tests/evaluation/test_bootstrap.py -k coverage: about a minute each."""
    rng, excluded, spread = np.random.default_rng([seeds, 7]), 0, []
    for case in range(500):
        labels, predictions = two_equal_strategies(rng, seeds)
        draws = [crossed_bootstrap(labels, each, draws=1000, seed=case) for each in predictions]
        low, high = interval(draws[1] - draws[0])
        excluded += low > 0 or high < 0
        spread.append(np.var([sk.f1_score(labels, p, average="macro") for p in predictions[0]], ddof=1))
    with capsys.disabled():
        sd = 100 * np.mean(spread) ** 0.5
        print(f"{seeds} seeds: seed SD {sd:.2f} pt, excluded {excluded / 5:.1f} %")  # noqa: T201
    assert excluded <= 0.06 * 500
