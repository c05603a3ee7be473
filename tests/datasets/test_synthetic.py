import numpy as np
import pytest

from fer_bench.data.images import FaceImages
from fer_bench.data.splits import split
from fer_bench.datasets import synthetic
from fer_bench.datasets.base import dataset_available, open_dataset


@pytest.fixture(scope="module")
def faces() -> FaceImages:
    return open_dataset("synthetic")


def test_is_found_by_name_drawn_once_and_warns(faces):
    assert dataset_available("synthetic")
    assert open_dataset("synthetic") is faces
    assert faces.pixels.dtype == np.uint8
    assert faces.pixels.shape == (9800, 48, 48, 1)
    assert not faces.pixels.flags.writeable, "everybody in the process shares them"
    assert faces.classes == ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
    assert "stand-in" in faces.notes[0]
    assert len(set(faces.ids)) == len(faces)


@pytest.mark.parametrize(
    ("subset", "counts"),
    [
        ("train", [779, 85, 799, 1407, 969, 942, 619]),
        ("val", [195, 21, 200, 352, 242, 235, 155]),
        ("test", [390, 42, 400, 704, 484, 471, 309]),
    ],
)
def test_every_subset_has_the_shares_of_fer2013(faces, subset, counts):
    assert faces.counts(faces.in_subset(subset)).tolist() == counts
    shares = np.array(list(synthetic.FER2013.values())) / 28_709
    np.testing.assert_allclose(np.array(counts) / sum(counts), shares, atol=0.5 / sum(counts) + 1e-4)


def test_no_image_is_blank_or_there_twice(faces):
    assert not faces.blank().any()
    assert len(np.unique(faces.twins())) == len(faces)
    assert split(faces, "official").dedup.all()


def test_a_seed_gives_the_same_faces_bit_by_bit(faces):
    labels = np.arange(200) % 7
    first, again = (synthetic.draw(labels, np.random.RandomState(3)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (first != synthetic.draw(labels, np.random.RandomState(4))).mean() > 0.5


def test_every_machine_draws_the_same_pixels(faces):
    # Whoever changes a pixel changes this, and with it the boards that old results are ranked on.
    assert faces.fingerprint == "5f7262f31eaaad7041108b5dbce7af9abee2013011b0151ebe41e1c6e7c0f1fa"


def test_faces_fill_the_grey_scale(faces):
    assert 90 < faces.pixels.mean() < 165
    assert np.median(faces.pixels.std(axis=(1, 2, 3))) > 35
    assert (faces.pixels.max(axis=(1, 2, 3)) > 190).mean() > 0.9
    clipped = np.isin(faces.pixels, (0, 255)).mean()
    assert clipped < 0.05


def test_random_stream_is_the_one_numpy_keeps():
    noise = synthetic._bell((100_000,), np.random.RandomState(0))
    assert noise.dtype == np.float32
    assert abs(noise.mean()) < 0.02
    assert abs(noise.std() - 1) < 0.02
    assert np.rint(noise[:5] * 147.8).tolist() == [-131, -67, -22, 204, -254]


def test_classes_differ_yet_overlap(faces):
    official = split(faces, "official")
    pixels, labels = faces.pixels.reshape(len(faces), -1) / np.float32(255), faces.labels
    means = np.stack([pixels[official.train][labels[official.train] == k].mean(0) for k in range(7)])
    test = pixels[official.test]
    guess = ((means**2).sum(1) - 2 * test @ means.T).argmin(1)
    recall = [(guess[labels[official.test] == k] == k).mean() for k in range(7)]
    assert 2 / 7 < np.mean(recall) < 0.95


def test_movements_overlap_so_that_no_model_reaches_all():
    # What a model could know at best, the movements themselves, still leaves neighbours mixed up.
    labels = np.arange(7000) % 7
    drawn = synthetic._movements(labels, np.random.RandomState(1))
    moves = np.stack([drawn[name].ravel() for name in synthetic.MOVEMENTS], axis=1)
    means = np.stack([moves[labels == k].mean(0) for k in range(7)])
    guess = ((moves[:, None] - means) ** 2).sum(-1).argmin(1)
    right = guess == labels
    assert 0.75 < right.mean() < 0.95
    mixed = np.zeros((7, 7), int)
    np.add.at(mixed, (labels[~right], guess[~right]), 1)
    row = {
        name: dict(zip(synthetic.CLASSES, mixed[k], strict=True)) for k, name in enumerate(synthetic.CLASSES)
    }
    assert row["disgust"]["angry"] > row["disgust"]["fear"]
    assert row["surprise"]["fear"] > row["surprise"]["sad"]
    assert max(row["sad"], key=row["sad"].get) == "neutral"
