import os
from pathlib import Path

import numpy as np
import pytest
from noise import noise_images

from fer_bench.data.audit import audit, doubtful
from fer_bench.data.images import SUBSETS, FaceImages


def test_every_finding_on_a_set_made_to_have_it():
    pixels = np.random.RandomState(1).randint(0, 256, (60, 5, 5, 1), dtype=np.uint8)
    labels = np.tile([0, 1, 2], 20).astype(np.int32)
    subsets = np.repeat([SUBSETS.index(s) for s in ("train", "val", "test")], [40, 10, 10]).astype(np.uint8)
    pixels[50] = pixels[0]  # train and test, labels 0 and 2
    pixels[[51, 54]] = pixels[3]  # train, test and test, all of label 0
    pixels[[40, 55]] = pixels[41]  # val, val and test
    pixels[[5, 8]] = 77  # blank twins in train
    ids = np.array([f"image {i}" for i in range(60)])
    images = FaceImages(pixels, labels, subsets, ids, ("a", "b", "c"), "made", "x", skipped=("bad.jpg: cut",))
    found = audit(images)
    assert found.images == 60
    assert found.skipped == ("bad.jpg: cut",)
    assert found.blank.tolist() == ["image 5", "image 8"]
    assert (found.groups, found.grouped, found.surplus, found.largest) == (4, 10, 6, 3)
    assert found.across == 3
    assert (found.conflicting, found.conflicting_images) == (2, 5)
    assert (found.leaked, found.held_out) == (3, 20)
    assert found.dedup["official"] == (6, 10)
    assert found.dedup["test_as_validation"] == (17, 20)
    assert found.dedup["random_80_10_10"][0] == found.dedup["random_80_10_10"][1]
    listed = doubtful(images).set_index("image")
    assert listed.loc[[f"image {i}" for i in (0, 50)], "conflicting"].all()
    assert set(listed.index[listed["leak"]]) == {"image 50", "image 51", "image 54"}
    assert set(listed.index[listed["blank"]]) == {"image 5", "image 8"}
    assert listed["identical"].all() and len(listed) == found.grouped
    assert listed.loc["image 50", ["subset", "class"]].tolist() == ["test", "c"]
    assert listed["group"].is_monotonic_increasing and listed["group"].nunique() == found.groups
    assert listed["conflicting"].sum() == found.conflicting_images


def test_dataset_without_a_class_in_train_can_be_audited():
    pixels = np.random.RandomState(1).randint(0, 256, (12, 5, 5, 1), dtype=np.uint8)
    labels = np.array([0] * 6 + [1] * 6, np.int32)
    subsets = np.array([0] * 6 + [2] * 6, np.uint8)
    found = audit(FaceImages(pixels, labels, subsets, labels.astype(str), ("a", "b"), "made", "x"))
    assert list(found.dedup) == ["random_80_10_10", "random_80_20"]
    assert found.groups == found.surplus == found.leaked == 0


def test_near_duplicates_are_counted_and_named():
    near = np.arange(60)
    near[[50, 51]] = near[0]  # test beside train
    near[55] = near[45]  # test beside val
    images = noise_images({"train": (20, 10, 10), "val": (4, 3, 3), "test": (4, 3, 3)}, near=near)
    found = audit(images).near
    assert (found.groups, found.grouped, found.largest, found.leaked) == (2, 5, 3, 2)
    assert found.dedup["official"] == (7, 10)
    assert found.dedup["union"][1] == 20
    listed = doubtful(images)
    assert listed["image"].tolist() == ["0", "50", "51", "45", "55"]
    assert listed["near_group"].tolist() == [0, 0, 0, 45, 45]
    assert listed["near_leak"].tolist() == [False, True, True, False, False]
    assert audit(noise_images()).near is None
    assert "near" not in doubtful(noise_images(twins=2))


@pytest.mark.skipif(
    not os.environ.get("FER_BENCH_TEST_DATA"),
    reason="FER_BENCH_TEST_DATA (folder of fer2013-archive.zip) not set",
)
def test_real_fer2013_has_the_faults_that_are_known_of_it(monkeypatch, tmp_path):
    from fer_bench.data import cache
    from fer_bench.data.archive import open_tree
    from fer_bench.data.splits import split
    from fer_bench.datasets.base import DATASETS, open_dataset

    monkeypatch.setenv("FER_BENCH_HOME", str(tmp_path))
    archive = Path(os.environ["FER_BENCH_TEST_DATA"]) / "fer2013-archive.zip"
    cache.save("fer2013", DATASETS["fer2013"]().read(open_tree(archive)))
    images = open_dataset("fer2013")
    assert images.pixels.shape == (35887, 48, 48, 1)
    assert images.classes == ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
    assert not images.skipped
    known = {
        "train": [3995, 436, 4097, 7215, 4965, 4830, 3171],
        "val": [467, 56, 496, 895, 607, 653, 415],
        "test": [491, 55, 528, 879, 626, 594, 416],
    }
    assert {s: images.counts(images.in_subset(s)).tolist() for s in known} == known
    found = audit(images)
    assert len(found.blank) == 12
    assert (found.groups, found.grouped, found.surplus, found.largest) == (1516, 3369, 1853, 12)
    assert (found.leaked, found.held_out) == (568, 7178)
    assert (found.conflicting, found.conflicting_images) == (57, 160)
    assert found.dedup["official"] == (3275, 3589)
    assert (found.near.groups, found.near.largest, found.near.leaked) == (1809, 19, 723)
    assert len(split(images, "official").train) == 28709 - 11
