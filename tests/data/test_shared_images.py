import numpy as np
from noise import noise_images
from smooth import noisy, smooth_pictures

from fer_bench.data.shared_images import shared_counts, shared_images

COUNTS = {"train": (4, 4, 4), "test": (2, 2, 2)}


def test_each_shared_image_is_named_beside_the_nearest():
    pictures = smooth_pictures(18)
    first = noise_images(COUNTS, pixels=pictures[..., None], name="first")
    others = smooth_pictures(18, seed=4)
    others[0] = pictures[0]
    others[1] = noisy(pictures[0:1], 2)[0]
    others[14] = noisy(pictures[5:6], 2)[0]
    others[15] = pictures[13, :, ::-1]
    second = noise_images(COUNTS, pixels=others[..., None], name="second")
    found = shared_images(first, second)
    assert found["image"].tolist() == ["0", "5", "13"]
    assert found["other_image"].tolist() == ["0", "14", "15"]
    assert found["kind"].tolist() == ["identical", "near", "mirrored"]
    assert found["other_subset"].tolist() == ["train", "test", "test"]
    assert found["class"].tolist() == ["angry", "disgust", "angry"]
    assert found["correlation"][0] == 1 > found["correlation"][1] > 0.99
    counts = shared_counts(found)
    assert counts.loc[("train", "train")].tolist() == [1, 0, 0]
    assert counts.loc[("train", "test")].tolist() == [0, 1, 0]
    assert counts.loc[("test", "test")].tolist() == [0, 0, 1]


def test_images_of_another_size_are_near():
    pictures = smooth_pictures(18)
    large = np.repeat(np.repeat(pictures, 2, axis=1), 2, axis=2)
    found = shared_images(
        noise_images(COUNTS, pixels=pictures[..., None]),
        noise_images(COUNTS, pixels=np.repeat(large[..., None], 3, axis=3)),
    )
    assert found["kind"].tolist() == ["near"] * 18
    assert found["image"].tolist() == found["other_image"].tolist()


def test_nothing_in_common():
    found = shared_images(
        noise_images(COUNTS, pixels=smooth_pictures(18)[..., None]),
        noise_images(COUNTS, pixels=smooth_pictures(18, seed=3)[..., None]),
    )
    assert found.empty
    assert shared_counts(found).empty
