import numpy as np
import pytest
from scipy import stats

from fer_bench.evaluation.intervals import (
    PRIOR_DF,
    Effect,
    Prior,
    cell_prior,
    effect,
    effect_of_images,
    gain_prior,
    holm,
    intervals,
    p_values,
)


def test_effect_by_hand():
    # Two seeds, 0.5 and 0.7: variance 0.02. Influences differ by 0.1 in one of two groups: they explain
    # 0.1**2 / 2 = 0.005, so the ratio is 4 from one degree of freedom. The prior adds a ratio of 1 from
    # three: (3 * 1 + 1 * 4) / 4. Images: (0.15**2 + 0.2**2), the squares of the mean influence.
    found = effect(np.array([0.5, 0.7]), np.array([[0.1, 0.2], [0.2, 0.2]]), Prior(1.0, 4.0))
    assert found == pytest.approx(Effect(0.6, 0.0625, 0.0025, 1.75, 4))
    alone = effect(np.array([0.5, 0.7]), np.array([[0.1, 0.2], [0.2, 0.2]]), Prior())
    assert (alone.ratio, alone.df) == pytest.approx((4, 1))


def test_effect_of_one_net_by_hand():
    # Influences of two groups of images on it: 0.1**2 + 0.2**2, and nothing of seeds.
    one = effect_of_images(np.array([0.6]), np.array([[0.1, -0.2]]))
    low, high = intervals([one])
    assert (low[0], high[0]) == pytest.approx((0.6 - 1.959964 * 0.05**0.5, 0.6 + 1.959964 * 0.05**0.5))


def test_a_prior_counts_at_most_as_much_as_it_knows():
    scores, influence = np.array([0.5, 0.7, 0.6]), np.random.default_rng(0).normal(size=(3, 5))
    assert effect(scores, influence, Prior(1, 100)).df == 2 + PRIOR_DF
    assert effect(scores, influence, Prior(1, 3)).df == 3
    assert effect(scores, influence, Prior(1, 1)).df == 2


def test_images_alone_give_a_normal_interval():
    known = [Effect(0.1, 0.04, 0.0, 1.0, 1.0)]
    low, high = intervals(known)
    assert (low[0], high[0]) == pytest.approx((0.1 - 1.959964 * 0.2, 0.1 + 1.959964 * 0.2), abs=1e-6)
    assert p_values(known)[0] == pytest.approx(2 * stats.norm.sf(0.5))


@pytest.mark.parametrize("df", [1, 4, 9])
def test_seeds_alone_give_students_t(df):
    # Nothing but seed noise of standard error 1: of a unit so small that the ratio's floor doesn't matter.
    only_seeds = [Effect(0.0, 1e-9, 1e-9, 1e9, df)]
    for level in (0.5, 0.95):
        assert intervals(only_seeds, level)[1][0] == pytest.approx(stats.t.ppf((1 + level) / 2, df), rel=0.02)
    assert p_values([only_seeds[0]._replace(value=2.0)])[0] == pytest.approx(2 * stats.t.sf(2, df), rel=0.02)


def test_interval_and_p_value_agree():
    found = Effect(0.03, 1e-4, 5e-5, 3.0, 5.0)
    p = p_values([found])[0]
    low, high = intervals([found], 1 - p)
    assert low[0] == pytest.approx(0, abs=1e-6) and high[0] == pytest.approx(0.06, abs=1e-6)


def test_one_seed_has_no_interval_and_cells_that_predict_alike_a_certain_one():
    one = effect(np.array([0.5]), np.ones((1, 4)), Prior())
    same = effect(np.zeros(3), np.zeros((3, 4)), Prior(2.0, 9.0))
    low, high = intervals([one, same])
    assert np.isnan([low[0], high[0], p_values([one])[0]]).all() and one.value == 0.5
    assert (low[1], high[1], p_values([same])[0]) == (0, 0, 1)
    assert intervals([])[0].shape == p_values([]).shape == (0,)


def test_gains_know_nothing_of_what_a_seed_does_to_all_cells_alike():
    rng = np.random.default_rng(3)
    influence = rng.normal(size=(3, 4, 6))
    scores = rng.normal(size=(3, 4))
    shifted = scores + 10 * rng.normal(size=4)
    assert gain_prior([(shifted, influence)]) == pytest.approx(gain_prior([(scores, influence)]))
    assert gain_prior([(scores, influence)]).df == 2 * 3
    # Two cells: half the variance of their differences is the mean square.
    pair = np.array([[0.1, 0.4, 0.2], [0.3, 0.2, 0.5]])
    explained = np.var(influence[0, :3] - influence[1, :3], axis=0, ddof=1).sum()
    want = np.var(pair[0] - pair[1], ddof=1) / explained
    assert gain_prior([(pair, influence[:2, :3])]) == pytest.approx((want, 2))


def test_cells_that_share_their_seeds_noise_count_as_one():
    influence = np.random.default_rng(3).normal(size=(5, 3, 6))
    together = np.tile([0.1, 0.4, 0.2], (5, 1)) + np.arange(5)[:, None]
    assert cell_prior([(together, influence)]).df == pytest.approx(2)
    apart = np.random.default_rng(0).normal(size=(5, 3))
    assert 2 < cell_prior([(apart, influence)]).df <= 10
    variance = np.mean([np.var(each, ddof=1) for each in apart])
    explained = np.mean([np.var(each, axis=0, ddof=1).sum() for each in influence])
    assert cell_prior([(apart, influence)]).ratio == pytest.approx(variance / explained)


def test_nothing_to_learn_from_is_no_prior():
    assert gain_prior([]) == cell_prior([]) == Prior()
    one = np.ones((1, 3)), np.ones((1, 3, 4))
    assert gain_prior([one]) == Prior()


def test_holm_by_hand():
    # 0.01 x 3, 0.02 x 2 and 0.03 x 1, none below the one before it.
    assert holm(np.array([0.03, 0.01, 0.02])) == pytest.approx([0.04, 0.03, 0.04])
    assert holm(np.array([0.9, 0.8])) == pytest.approx([1, 1])
    np.testing.assert_allclose(holm(np.array([np.nan, 0.02])), [np.nan, 0.02])
