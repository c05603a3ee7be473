"""Wrong training labels: how many, which, and where they go."""

import numpy as np
import pytest
from noise import noise_images

from fer_bench.data.label_noise import LabelNoise, noisy_labels, targets
from fer_bench.errors import UserError

CLASSES = ("angry", "disgust", "happy")
TRAIN = np.arange(600)  # 200 angry, 20 disgust, 380 happy


def changes(images, labels):
    """How many images of each class (rows) were given another label (columns)."""
    table = np.zeros((3, 3), int)
    np.add.at(table, (images.labels, labels), 1)
    return table * (1 - np.eye(3, dtype=int))


def test_exactly_the_share_of_each_class_is_wrong_and_goes_to_all_others_alike():
    images = noise_images()
    labels = noisy_labels(images, TRAIN, LabelNoise(0.1))
    assert labels.dtype == np.int32
    wrong = changes(images, labels)
    assert wrong.sum(axis=1).tolist() == [20, 2, 38]
    assert np.array_equal(labels[600:], images.labels[600:]), "validation and test"
    many = changes(images, noisy_labels(images, TRAIN, LabelNoise(0.9)))
    assert many.sum(axis=1).tolist() == [180, 18, 342]
    assert many[2, :2] == pytest.approx(171, abs=30)


def test_halves_are_rounded_up():
    assert changes(noise_images(), noisy_labels(noise_images(), TRAIN, LabelNoise(0.125)))[1].sum() == 3


def test_wrong_labels_of_a_smaller_share_are_among_those_of_a_larger_one():
    images = noise_images()
    few, many = (noisy_labels(images, TRAIN, LabelNoise(share)) for share in (0.2, 0.4))
    wrong = few != images.labels
    assert wrong.sum() == 120
    assert np.array_equal(few[wrong], many[wrong])


def test_without_noise_labels_are_as_they_were():
    images = noise_images()
    assert np.array_equal(noisy_labels(images, TRAIN, LabelNoise(0.0)), images.labels)


def test_along_a_confusion_only_its_classes_are_mistaken():
    images = noise_images()
    along = {"happy": {"angry": 3.0, "disgust": 1.0}, "disgust": {"angry": 1.0}}
    wrong = changes(images, noisy_labels(images, TRAIN, LabelNoise(0.5, along)))
    assert wrong.sum(axis=1).tolist() == [0, 10, 190]
    assert wrong[1].tolist() == [10, 0, 0]
    assert wrong[2, 0] / 190 == pytest.approx(0.75, abs=0.1)
    assert targets(LabelNoise(0.5, along), CLASSES)[2].tolist() == [0.75, 0.25, 0]


@pytest.mark.parametrize(
    ("noise", "line"),
    [
        (LabelNoise(1.0), "label_noise 1: expected a share from 0 to below 1"),
        (LabelNoise(-0.1), "label_noise -0.1: expected"),
        (LabelNoise(0.1, {"angy": {"happy": 1}}), "label_noise_along: unknown class 'angy'.*angry"),
        (LabelNoise(0.1, {"angry": {"hapy": 1}}), "label_noise_along: unknown class 'hapy'"),
        (LabelNoise(0.1, {"angry": {"angry": 1}}), "angry is taken for angry; expected other classes"),
    ],
)
def test_what_cant_be_is_said(noise, line):
    with pytest.raises(UserError, match=line):
        targets(noise, CLASSES)
