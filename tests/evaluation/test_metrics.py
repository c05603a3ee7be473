import json
import warnings

import numpy as np
import pytest
from sklearn import metrics as sk

from fer_bench.evaluation.metrics import (
    classification_report,
    collapsed,
    confusion_counts,
    per_class,
    scores,
    skew_normalised_f1,
)

CLASSES = ("angry", "disgust", "happy")


def logits_of(predicted, classes=3, margin=2.0):
    return margin * np.eye(classes, dtype=np.float32)[predicted]


def test_scores_by_hand():
    labels = np.array([0, 0, 0, 0, 1, 2, 2, 2])
    got = scores(labels, logits_of([0, 0, 0, 2, 0, 2, 2, 1]), CLASSES)
    # angry: precision 3/4, recall 3/4; disgust: 0, 0; happy: precision 2/3, recall 2/3
    assert got["f1/angry"] == pytest.approx(3 / 4)
    assert got["f1/disgust"] == 0
    assert got["f1/happy"] == pytest.approx(2 / 3)
    assert got["macro_f1"] == pytest.approx((3 / 4 + 2 / 3) / 3)
    assert got["balanced_accuracy"] == pytest.approx((3 / 4 + 2 / 3) / 3)
    assert got["accuracy"] == pytest.approx(5 / 8)
    right, total = np.exp(2), np.exp(2) + 2
    assert got["loss"] == pytest.approx((5 * -np.log(right / total) + 3 * -np.log(1 / total)) / 8)


def test_scores_agree_with_sklearn():
    rng = np.random.default_rng(0)
    labels, logits = rng.integers(7, size=400), rng.normal(size=(400, 7))
    names = tuple("abcdefg")
    got, predicted = scores(labels, logits, names), logits.argmax(1)
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert got["macro_f1"] == pytest.approx(sk.f1_score(labels, predicted, average="macro"))
    assert got["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(labels, predicted))
    assert got["loss"] == pytest.approx(sk.log_loss(labels, probabilities))


def test_an_absent_class_is_left_out_even_where_it_is_predicted():
    labels, logits = np.array([0, 0, 2, 2]), logits_of([0, 1, 2, 2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got, rows = scores(labels, logits, CLASSES), per_class(labels, logits, CLASSES)
    assert "f1/disgust" not in got
    assert got["macro_f1"] == pytest.approx((2 / 3 + 1) / 2)
    assert got["balanced_accuracy"] == pytest.approx((1 / 2 + 1) / 2)
    assert rows[1] == {
        "class": "disgust", "precision": None, "recall": None, "f1": None, "support": 0, "predicted": 1
    }  # fmt: skip
    assert rows[0]["f1"] == pytest.approx(2 / 3, abs=1e-4)
    json.dumps(rows, allow_nan=False)


def test_a_loss_of_huge_logits_is_not_clipped():
    assert scores([0, 1, 2], logits_of([0, 1, 1], margin=1e4), CLASSES)["loss"] == pytest.approx(1e4 / 3)


@pytest.mark.parametrize("logits", [np.zeros((4, 3)), np.zeros((3, 2)), np.zeros(3)])
def test_shapes_that_do_not_fit_are_refused(logits):
    with pytest.raises(ValueError, match="logits of shape"):
        scores([0, 1, 2], logits, CLASSES)


def test_labels_outside_the_classes_are_refused():
    with pytest.raises(ValueError, match="labels from -1 to 2"):
        scores([-1, 1, 2], np.zeros((3, 3)), CLASSES)


def test_collapse():
    assert collapsed(logits_of([1, 1, 1]))
    assert not collapsed(logits_of([1, 1, 0]))


def test_report_names_every_class():
    report = classification_report([0, 0, 2], [0, 2, 2], CLASSES)
    assert all(name in report for name in (*CLASSES, "macro avg"))


def test_skew_normalised_f1_by_hand():
    # Rows of shares: (3/4, 1/4) and (1/2, 1/2): 2 * 3/4 over 1 + 5/4, and 2 * 1/2 over 1 + 3/4.
    labels, predicted = np.array([0] * 8 + [1] * 2), np.array([0] * 6 + [1] * 2 + [0, 1])
    want = (1.5 / 2.25 + 1 / 1.75) / 2
    assert skew_normalised_f1(labels, predicted, 2) == pytest.approx(want)
    assert skew_normalised_f1(labels, predicted, 5) == pytest.approx(want), "classes without images count not"


def test_skew_normalised_f1_is_macro_f1_with_every_class_weighted_alike():
    rng = np.random.default_rng(3)
    labels, predicted = rng.choice(4, 500, p=[0.6, 0.2, 0.15, 0.05]), rng.integers(4, size=500)
    weights = 1 / np.bincount(labels)[labels]
    want = sk.f1_score(labels, predicted, average="macro", sample_weight=weights)
    assert skew_normalised_f1(labels, predicted, 4) == pytest.approx(want)
    np.testing.assert_array_equal(
        confusion_counts(labels, predicted, 4), sk.confusion_matrix(labels, predicted)
    )
