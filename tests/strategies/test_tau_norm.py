"""Numbers of the formula, worked by hand, and that tau 0 changes nothing."""

import numpy as np

from fer_bench.strategies.base import STRATEGIES
from fer_bench.study.prior import is_no_op
from fer_bench.testing.strategies import IMBALANCED, labels_of

KERNEL, BIAS = np.array([[3.0, 0.0], [4.0, 1.0]]), np.array([10.0, -1.0])


def adjusted(tau, kernel=KERNEL, bias=BIAS):
    return STRATEGIES["tau_norm"](tau).adjust_head(kernel, bias, np.array([9, 1]), lambda: np.zeros((2, 2)))


def test_with_tau_1_kernels_are_as_long_as_their_mean_was():
    # Lengths 5 and 1, of mean 3: factors 3/5 and 3.
    kernel, bias = adjusted(1.0)
    np.testing.assert_allclose(kernel, [[1.8, 0], [2.4, 3]])
    np.testing.assert_allclose(bias, [6, -3])


def test_tau_0_changes_nothing():
    for found, expected in zip(adjusted(0.0), (KERNEL, BIAS), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert is_no_op(STRATEGIES["tau_norm"](0.0), labels_of(IMBALANCED), 7)


def test_decisions_are_those_of_logits_divided_by_a_power_of_the_length():
    random = np.random.default_rng(0)
    kernel, bias, features = random.normal(size=(5, 7)), random.normal(size=7), random.normal(size=(90, 5))
    found, shift = adjusted(0.7, kernel, bias)
    divided = (features @ kernel + bias) / np.linalg.norm(kernel, axis=0) ** 0.7
    np.testing.assert_array_equal((features @ found + shift).argmax(1), divided.argmax(1))


def test_a_kernel_of_zeros_stays_as_it_is():
    kernel, bias = adjusted(1.0, np.array([[0.0, 2.0], [0.0, 0.0]]))
    np.testing.assert_array_equal(kernel, [[0, 1], [0, 0]])
    np.testing.assert_array_equal(bias, [10, -0.5])
    kernel, bias = adjusted(1.0, np.zeros((2, 2)))
    np.testing.assert_array_equal(bias, BIAS)
