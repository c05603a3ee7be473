"""Rules worked by hand, and what counts them quickly against counting them one by one."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss

from fer_bench.evaluation.decisions import (
    TAUS,
    best_tau,
    fit_bias,
    fit_ladder,
    fit_tau,
    fit_temperature,
    macro_f1,
    macro_f1_paths,
    shifted,
)

PRIOR = np.log([0.7, 0.2, 0.1])


def drawn(seed, n=400):
    """Logits of three classes that are calibrated, and their labels."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(3, n, p=np.exp(PRIOR))
    return 2 * (2 * np.eye(3)[labels] + rng.normal(size=(n, 3))) + PRIOR, labels


def test_temperature_by_hand():
    # Logits 1 and 0, three of four right: softmax(1 / T) = 3 / 4, so 1 / T = ln 3.
    logits = np.array([[1.0, 0], [1, 0], [1, 0], [1, 0]])
    assert fit_temperature(logits, np.array([0, 0, 0, 1])) == pytest.approx(1 / np.log(3), rel=1e-3)
    assert fit_temperature(logits, np.array([0, 0, 0, 0])) < 0.05, "as cold as matters"


def test_temperature_is_the_one_coefficient_of_a_logistic_regression():
    logits, labels = drawn(0)
    two = labels < 2
    margin, right = (logits[two, 1] - logits[two, 0])[:, None], labels[two]
    fitted = LogisticRegression(C=1e9, fit_intercept=False).fit(margin, right)
    assert fit_temperature(logits[two][:, :2], right) == pytest.approx(1 / fitted.coef_.item(), rel=1e-3)

    def loss(t):
        z = np.exp(logits / t)
        return log_loss(labels, z / z.sum(axis=1, keepdims=True))

    best = minimize_scalar(loss, bounds=(0.1, 10), method="bounded").x
    assert fit_temperature(logits, labels) == pytest.approx(best, rel=1e-3)


def test_shifted_by_hand():
    # Behind by 1: tau times ln 7 of the prior makes up for it from 1 / ln 7 = 0.51 on. The other is ahead by
    # 0.5, which a tau of -1 takes away.
    logits, prior = np.array([[1.0, 0.0], [0.0, 0.5]]), np.log([0.875, 0.125])
    found = shifted(logits, prior, np.array([-1, 0, 0.5, 0.55]))
    np.testing.assert_array_equal(found, [[0, 0], [0, 1], [0, 1], [1, 1]])


def test_there_may_be_more_classes_than_a_byte_holds():
    labels = np.arange(200)
    decisions = shifted(np.eye(200)[labels], np.zeros(200), TAUS)
    np.testing.assert_array_equal(decisions[0], labels)
    np.testing.assert_array_equal(macro_f1_paths(labels, decisions, 200), np.ones((1, len(TAUS))))


def test_of_equal_scores_the_tau_nearest_to_0_is_taken():
    taus = np.array([-1.0, -0.5, 0, 0.5, 1])
    scores = np.array([[0.2, 0.5, 0.4, 0.5, 0.3], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0.1]])
    np.testing.assert_array_equal(taus[best_tau(scores, taus)], [-0.5, 0, 1])


def test_paths_are_the_scores_of_each_tau_on_each_draw():
    logits, labels = drawn(1)
    rng = np.random.default_rng(0)
    weights = rng.poisson(1, size=(3, len(labels))).astype(np.float32)
    decisions = shifted(logits, PRIOR, TAUS)
    np.testing.assert_array_equal(decisions[44], (logits - TAUS[44] * PRIOR).argmax(axis=1))
    found = macro_f1_paths(labels, decisions, 3, weights)
    assert found.shape == (3, len(TAUS))
    for draw in range(3):
        for tau in (0, 30, 55):
            want = f1_score(labels, decisions[tau], average="macro", sample_weight=weights[draw])
            assert found[draw, tau] == pytest.approx(want)
    plain = macro_f1_paths(labels, decisions, 3)[0, 12]
    assert plain == pytest.approx(f1_score(labels, decisions[12], average="macro"))


def test_classes_without_images_are_left_out_of_paths():
    labels, decisions = np.array([0, 0, 1]), np.array([[0, 2, 1], [0, 0, 1]])
    # F1 2 / 3 and 1 of the two classes there are; the second time all is right.
    np.testing.assert_allclose(macro_f1_paths(labels, decisions, 4), [[5 / 6, 1]])
    without = np.array([[1.0, 1, 0]], np.float32)
    np.testing.assert_allclose(macro_f1_paths(labels, decisions, 4, without), [[2 / 3, 1]])


def test_a_flattened_net_is_given_a_negative_tau_and_as_good_decisions():
    logits, labels = drawn(2, 4000)
    plain, _ = fit_tau(logits, labels, PRIOR)
    flat, _ = fit_tau(logits - PRIOR, labels, PRIOR)
    assert TAUS[flat] == pytest.approx(TAUS[plain] - 1)
    np.testing.assert_array_equal(
        shifted(logits, PRIOR, TAUS)[plain], shifted(logits - PRIOR, PRIOR, TAUS)[flat]
    )


def test_drawn_taus_are_those_that_each_draw_would_choose():
    logits, labels = drawn(3)
    weights = np.random.default_rng(1).poisson(1, size=(5, len(labels))).astype(np.float32)
    _, places = fit_tau(logits, labels, PRIOR, weights)
    for place, weight in zip(places, weights, strict=True):
        kept = np.repeat(np.arange(len(labels)), weight.astype(int))
        assert fit_tau(logits[kept], labels[kept], PRIOR)[0] == place


def test_the_ladder_takes_each_rung_from_the_one_before():
    logits, labels = drawn(4)
    ladder = fit_ladder(3 * logits, labels, PRIOR)
    rules = ladder.rules
    assert list(rules) == ["argmax", "temperature", "prior_shift", "tau", "bias"]
    temperature = rules["temperature"].temperature
    assert temperature == pytest.approx(3 * fit_temperature(logits, labels), rel=1e-3)
    np.testing.assert_allclose(rules["prior_shift"].logits(logits), logits / temperature - PRIOR)
    at_tau = rules["tau"].logits(3 * logits)
    np.testing.assert_array_equal(ladder.shifted(3 * logits)[ladder.tau], at_tau.argmax(axis=1))
    assert rules["tau"].parameter == TAUS[ladder.tau]
    bias = rules["bias"].offsets - rules["tau"].offsets
    np.testing.assert_allclose(bias, fit_bias(at_tau, labels) / 2)


def test_no_single_class_has_a_better_step_at_the_end():
    logits, labels = drawn(5)
    offsets = fit_bias(logits, labels)
    reached = f1_score(labels, (logits + offsets).argmax(1), average="macro")
    for c in range(3):
        for step in np.linspace(-1, 1, 21):
            moved = np.where(np.arange(3) == c, step, offsets)
            assert f1_score(labels, (logits + moved).argmax(1), average="macro") <= reached + 1e-9


def test_macro_f1_of_counts_is_scikit_learns():
    random = np.random.default_rng(0)
    labels, decided = random.integers(0, 5, 99), random.integers(0, 6, 99)
    both = np.zeros((6, 6))
    np.add.at(both, (labels, decided), 1)
    found = macro_f1(np.diag(both)[None], both.sum(axis=0)[None], both.sum(axis=1))
    assert found == pytest.approx(f1_score(labels, decided, labels=range(5), average="macro"))
    assert macro_f1(np.zeros((1, 3)), np.zeros((1, 3)), np.zeros(3)) == 0
