"""The one loss: its identities, its numerics, and a second implementation in NumPy."""

import keras
import numpy as np
import pytest
from numpy_loss import losses

from fer_bench.strategies.base import EXPERTS, STRATEGIES
from fer_bench.training.loss import LossVariables, loss

K = 5
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 2, (64, K)).astype(np.float32)
LABELS = RNG.integers(0, K, 64).astype(np.int32)


def evaluate(logits, labels=LABELS, **terms):
    """Losses (B,) and the gradient (B, K) of their sum, from a `LossVariables` set to these terms."""
    variables = LossVariables(np.shape(logits)[-1])
    variables.set(**terms)
    return value_and_gradient(lambda z: loss(labels, z, variables), np.asarray(logits, np.float32))


def value_and_gradient(function, logits):
    """Values (B,) of a function of the logits and the gradient (B, K) of their sum, on any backend."""
    if keras.backend.backend() == "jax":
        import jax

        gradient = jax.grad(lambda z: function(z).sum())(logits)
        return np.array(function(logits)), np.array(gradient)
    import tensorflow as tf

    z = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(z)
        values = function(z)
        total = tf.reduce_sum(values)
    return values.numpy(), tape.gradient(total, z).numpy()


def by_numpy(logits, labels, weights, gamma, margins, scale, shift, smoothing, box_cox=0.0):
    """The formula, in float64; `labels` (B,) int, or (B, K) shares."""
    truth = np.eye(K)[labels] if labels.ndim == 1 else labels.astype(float)
    z = scale * (logits.astype(float) - margins * truth) + shift
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    share = truth @ smoothing
    t = truth * (1 - share[:, None]) + share[:, None] / K
    phi = (1 - p**box_cox) / box_cox if box_cox else -np.log(p)
    return (t * weights * (1 - p) ** gamma * phi).sum(1)


def keras_cross_entropy(logits, smoothing=0.0):
    def cross_entropy(z):
        targets = np.eye(K, dtype=np.float32)[LABELS]
        return keras.losses.categorical_crossentropy(targets, z, from_logits=True, label_smoothing=smoothing)

    return value_and_gradient(cross_entropy, logits)


@pytest.mark.parametrize(
    "terms",
    [
        {},
        {"gamma": 0.0},
        {"weights": np.ones(K)},
        {"weights": np.array([3.0, 1, 2, 9, 4]) ** 0},
        {"shift": 7.0},
    ],
    ids=repr,
)
def test_neutral_terms_make_cross_entropy_and_its_gradient(terms):
    found, expected = evaluate(LOGITS, **terms), keras_cross_entropy(LOGITS)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-4, atol=1e-6)


def test_class_weights_of_power_0_are_cross_entropy():
    terms = STRATEGIES["class_weights"](0.0).loss_terms(np.array([40, 3, 9, 21, 100]), 0.0)
    found = evaluate(LOGITS, weights=terms.weights, gamma=terms.gamma)
    np.testing.assert_allclose(found[0], keras_cross_entropy(LOGITS)[0], rtol=1e-5, atol=1e-6)


def test_smoothing_is_keras_label_smoothing():
    found, expected = evaluate(LOGITS, smoothing=0.1), keras_cross_entropy(LOGITS, 0.1)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-4, atol=1e-6)


def test_focal_loss_by_hand():
    # p = 1/4 each of four: (1 - 1/4)^2 * ln 4 = 0.5625 * 1.386294 = 0.779791.
    value, _ = evaluate(np.zeros((1, 4)), labels=np.array([2]), gamma=2.0)
    assert value[0] == pytest.approx(0.779791, abs=1e-6)
    # p = 0.9 of two: 0.1^2 * ln(1/0.9) = 0.01 * 0.1053605.
    value, _ = evaluate([[np.log(9.0), 0.0]], labels=np.array([0]), gamma=2.0)
    assert value[0] == pytest.approx(0.001053605, rel=1e-4)


def test_a_weight_counts_by_the_true_class():
    weights = np.array([1.0, 2, 3, 4, 5])
    found = evaluate(LOGITS, weights=weights)[0]
    np.testing.assert_allclose(found, weights[LABELS] * keras_cross_entropy(LOGITS)[0], rtol=1e-5, atol=1e-6)


def random_terms(seed):
    rng = np.random.default_rng(seed)
    return dict(
        weights=rng.uniform(0.2, 5, K),
        gamma=rng.uniform(0, 4),
        margins=rng.uniform(0, 1, K),
        scale=rng.uniform(0.5, 3, K),
        shift=rng.normal(size=K),
        smoothing=rng.uniform(0, 0.3, K),
        box_cox=seed % 4 / 4,
    )


@pytest.mark.parametrize("seed", range(8))
def test_all_terms_together_agree_with_the_formula(seed):
    terms = random_terms(seed)
    found, _ = evaluate(LOGITS, **terms)
    np.testing.assert_allclose(found, by_numpy(LOGITS, LABELS, **terms), rtol=2e-4, atol=1e-6)


def test_the_gradient_agrees_with_finite_differences():
    terms, step = random_terms(3), 1e-5
    _, gradient = evaluate(LOGITS, **terms)
    for c in range(K):
        move = step * np.eye(K)[c]
        wide = LOGITS.astype(float)
        slope = (by_numpy(wide + move, LABELS, **terms) - by_numpy(wide - move, LABELS, **terms)) / (2 * step)
        np.testing.assert_allclose(gradient[:, c], slope, rtol=1e-3, atol=1e-4)


def test_the_order_of_classes_does_not_matter():
    terms, order = random_terms(5), np.random.default_rng(1).permutation(K)
    place = np.argsort(order)
    permuted = {name: value[order] if np.ndim(value) else value for name, value in terms.items()}
    plain, swapped = evaluate(LOGITS, **terms), evaluate(LOGITS[:, order], labels=place[LABELS], **permuted)
    np.testing.assert_allclose(swapped[0], plain[0], rtol=1e-5)
    np.testing.assert_allclose(swapped[1], plain[1][:, order], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("size", [20.0, 1e4])
@pytest.mark.parametrize("label", [0, 1], ids=["right", "wrong"])
def test_loss_and_gradient_are_finite_at_the_extremes(size, gamma, label, smoothing):
    for logits in (
        [size, -size, -size, 0, 0],
        [size, 0, 0, 0, 0],
        [-size, size, size, -size, size],
        [size] * 5,
    ):
        value, gradient = evaluate([logits], labels=np.array([label]), gamma=gamma, smoothing=smoothing)
        assert np.isfinite(value).all(), (logits, value)
        assert np.isfinite(gradient).all(), (logits, gradient)
        assert value[0] >= 0


def test_a_right_answer_beyond_doubt_costs_nothing_and_a_wrong_one_pulls():
    logits = [[1e4, -1e4, 0, 0, 0]]
    for gamma in (0.0, 2.0):
        right, wrong = (evaluate(logits, labels=np.array([c]), gamma=gamma) for c in (0, 1))
        assert right[0][0] == 0
        assert not right[1].any()
        assert wrong[0][0] == pytest.approx(2e4)
        np.testing.assert_allclose(wrong[1][0], [1, -1, 0, 0, 0], atol=1e-6)


def test_a_number_is_given_to_all_classes_and_a_wrong_length_is_refused():
    variables = LossVariables(3)
    variables.set(weights=2.0, margins=[1, 2, 3], gamma=0.5, l2=1e-4)
    np.testing.assert_array_equal(variables.class_weights, [2, 2, 2])
    np.testing.assert_array_equal(variables.margins, [1, 2, 3])
    with pytest.raises(ValueError, match="broadcast"):
        variables.set(weights=[1, 2])


def test_generalised_cross_entropy_by_hand():
    # p = 1/4: (1 - (1/4)^0.5) / 0.5 = 1, and 1 - p = 3/4 for the exponent 1.
    for exponent, expected in ((0.5, 1.0), (1.0, 0.75)):
        value, _ = evaluate(np.zeros((1, 4)), labels=np.array([2]), box_cox=exponent)
        assert value[0] == pytest.approx(expected, abs=1e-6)


def test_mixed_labels_share_the_target():
    terms, rng = random_terms(4), np.random.default_rng(7)
    shares = rng.dirichlet(np.ones(K), len(LOGITS)).astype(np.float32)
    variables = LossVariables(K)
    variables.set(**terms)
    found, _ = value_and_gradient(lambda z: loss(keras.ops.convert_to_tensor(shares), z, variables), LOGITS)
    np.testing.assert_allclose(found, by_numpy(LOGITS, shares, **terms), rtol=2e-4, atol=1e-6)


def test_votes_by_hand():
    """7 of 10 for the first class and 3 for the second, of probabilities 1/2, 1/4 and 1/4.

    - 0.7 log 1/2 - 0.3 log 1/4 = 1.3 log 2; with weights 1, 3 and 5 it is (0.7 + 2 * 0.9) log 2, and with
    the exponent 1 of focal loss 0.7 / 2 log 2 + 2 * 0.3 * 3 / 4 log 2.
    """
    logits, shares = np.log(np.float32([[2, 1, 1]])), np.float32([[0.7, 0.3, 0]])
    for terms, expected in (({}, 1.3), ({"weights": [1, 3, 5]}, 2.5), ({"gamma": 1.0}, 0.8)):
        found, gradient = evaluate(logits, shares, **terms)
        np.testing.assert_allclose(found, [expected * np.log(2)], rtol=1e-6)
    _, gradient = evaluate(logits, shares)
    np.testing.assert_allclose(gradient, [[0.5 - 0.7, 0.25 - 0.3, 0.25]], atol=1e-6)


def test_the_losses_of_experts_are_averaged_each_with_its_shift():
    shifts = np.random.default_rng(8).normal(size=(3, K))
    variables = LossVariables(K)
    variables.set(shift=shifts)
    logits = np.stack([LOGITS, 2 * LOGITS, LOGITS[::-1]], axis=1)
    found = keras.ops.convert_to_numpy(loss(LABELS, keras.ops.convert_to_tensor(logits), variables))
    each = [evaluate(logits[:, e], shift=shifts[e])[0] for e in range(3)]
    np.testing.assert_allclose(found, np.mean(each, axis=0), rtol=1e-5)


def test_a_suppressed_class_is_left_out_of_the_softmax_of_others_alone():
    # Of three equal logits one is left out: ln 2; the suppressed class itself counts all three: ln 3.
    variables = LossVariables(3)
    variables.set(suppression=[1.0, 0.0, 0.0])
    found = loss(np.array([0, 1, 2]), keras.ops.zeros((3, 3)), variables, suppressed=True)
    np.testing.assert_allclose(found, np.log([3.0, 2, 2]), rtol=1e-6)
    variables.set(suppression=0.0)
    plain = loss(LABELS[:3] % 3, keras.ops.zeros((3, 3)), variables, suppressed=True)
    np.testing.assert_allclose(plain, np.log(3.0), rtol=1e-6)


def test_influence_divides_a_loss_by_error_and_features_with_mean_1():
    # p = 3/4 of the first class: errors |p - e|_1 = 1/2 and 3/2; |h|_1 = 2 each. Losses are 2:6 apart then.
    variables = LossVariables(2)
    logits = keras.ops.convert_to_tensor(np.array([[np.log(3.0), 0], [np.log(3.0), 0]], np.float32))
    features, labels = keras.ops.ones((2, 2)), np.array([0, 1])
    plain = np.array(loss(labels, logits, variables, features=features))
    np.testing.assert_allclose(plain, np.log([4 / 3, 4]), rtol=1e-5)
    variables.set(influence=1.0)
    factors = np.array(loss(labels, logits, variables, features=features)) / plain
    np.testing.assert_allclose(factors, [1.5, 0.5], rtol=2e-3)


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_the_terms_of_every_strategy_are_taken_and_mean_the_same_in_numpy(name):
    counts, strategy = np.array([40, 3, 9, 21, 100]), STRATEGIES[name]()
    terms, variables = vars(strategy.loss_terms(counts, 1.0)), LossVariables(K)
    variables.set(**{**terms, "smoothing": 0.0 if terms["smoothing"] is None else terms["smoothing"]})
    logits = np.tanh(LOGITS) if strategy.head == "cosine" else LOGITS
    given = np.stack([logits] * EXPERTS, axis=1) if strategy.head == "experts" else logits
    found = keras.ops.convert_to_numpy(loss(LABELS, keras.ops.convert_to_tensor(given), variables))
    np.testing.assert_allclose(found, losses(strategy, logits, LABELS, counts), rtol=2e-4, atol=1e-5)
