"""Scores of labels and logits, by name and by class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import log_softmax
from sklearn import metrics as sk


def scores(labels: np.ndarray, logits: np.ndarray, classes: Sequence[str]) -> dict[str, float]:
    """Accuracy, macro_f1, balanced_accuracy, loss and f1/<class>, in [0, 1] but for the loss.

    labels (n,) int, logits (n, K) float for the K `classes`. The loss is plain unweighted cross-entropy in
    nats; macro_f1 is the mean of per-class F1 with zero_division 0 (not the F1 of mean precision and
    recall; Opitz and Burst 2019, arXiv:1911.03347); balanced accuracy is mean recall. A class without a
    label is left out of the means and has no f1 key. Raises ValueError where shapes don't fit.
    """
    labels, predicted = _checked(labels, logits, len(classes))
    present = np.unique(labels)
    f1 = sk.f1_score(labels, predicted, labels=present, average=None, zero_division=0)
    recall = sk.recall_score(labels, predicted, labels=present, average=None)
    log_probabilities = log_softmax(np.asarray(logits, np.float64), axis=1)
    return {
        "accuracy": float(sk.accuracy_score(labels, predicted)),
        "macro_f1": float(np.mean(f1)),
        "balanced_accuracy": float(np.mean(recall)),
        "loss": float(-log_probabilities[np.arange(len(labels)), labels].mean()),
        **{f"f1/{classes[k]}": float(value) for k, value in zip(present, f1, strict=True)},
    }


def per_class(labels: np.ndarray, logits: np.ndarray, classes: Sequence[str]) -> list[dict[str, object]]:
    """One row a class: class, f1, precision, recall (None where it has no label), support, predicted.

    labels (n,) int, logits (n, K) float; support and predicted are counts of images.
    """
    labels, predicted = _checked(labels, logits, len(classes))
    every = np.arange(len(classes))
    columns = sk.precision_recall_fscore_support(labels, predicted, labels=every, zero_division=0)
    counts = np.bincount(predicted, minlength=len(classes))
    rows = []
    for name, *rates, support, count in zip(classes, *columns, counts, strict=True):
        # F1 first: it is what MLflow's comparison of these tables opens with.
        precision, recall, f1 = (round(float(rate), 4) if support else None for rate in rates)
        rows.append(
            {"class": name, "f1": f1, "precision": precision, "recall": recall}
            | {"support": int(support), "predicted": int(count)}
        )
    return rows


def confusion_counts(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Images (K, K) int of each true class, by row, that are taken for each class."""
    pairs = np.bincount(labels.astype(np.int64) * classes + predicted, minlength=classes**2)
    return pairs.reshape(classes, classes)


def skew_normalised_f1(labels: np.ndarray, predicted: np.ndarray, classes: int) -> float:
    """Macro-F1 as it would be if all classes were as common; labels and predicted (n,) int.

    Mean over classes of 2 R_cc / (1 + sum_k R_kc), with R the confusion matrix whose rows are shares of the
    true class. So it can be compared between data sets of other skew. Classes without a label are left out.
    Source: Jeni, Cohn and De la Torre 2013, Facing imbalanced data, doi:10.1109/ACII.2013.47.
    """
    counts = confusion_counts(labels, predicted, classes)
    present = counts.sum(axis=1) > 0
    shares = counts[present] / counts[present].sum(axis=1, keepdims=True)
    return float(np.mean((2 * shares[:, present].diagonal()) / (1 + shares[:, present].sum(axis=0))))


def classification_report(labels: np.ndarray, predicted: np.ndarray, classes: Sequence[str]) -> str:
    """scikit-learn's report of precision, recall and F1 as text; labels and predicted are (n,) int."""
    every = np.arange(len(classes))
    return sk.classification_report(
        labels, predicted, labels=every, target_names=list(classes), digits=3, zero_division=0
    )


def collapsed(logits: np.ndarray) -> bool:
    """Whether one class is predicted for every image; logits (n, K) float."""
    predicted = np.argmax(logits, axis=1)
    return len(predicted) > 1 and bool((predicted == predicted[0]).all())


def _checked(labels: np.ndarray, logits: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    labels, logits = np.asarray(labels), np.asarray(logits)
    if not len(labels) or logits.shape != (len(labels), classes):
        raise ValueError(f"{len(labels)} labels of {classes} classes, but logits of shape {logits.shape}")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"labels from {labels.min()} to {labels.max()}, expected 0 to {classes - 1}")
    return labels, logits.argmax(axis=1)
