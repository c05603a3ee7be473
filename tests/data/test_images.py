import numpy as np
import pytest
from noise import noise_images

from fer_bench.data.images import FaceImages, fingerprint, linked


def test_twins_share_a_number_and_blank_images_are_found():
    images = noise_images(twins=3)
    pixels = images.pixels.copy()
    pixels[7] = 128
    images = noise_images(twins=3, pixels=pixels)
    twins = images.twins()
    assert twins.dtype == np.int64
    assert (twins[-3:] == twins[:3]).all()
    assert len(np.unique(twins)) == len(images) - 3
    assert np.flatnonzero(images.blank()).tolist() == [7]


def test_constant_colour_is_blank_too():
    pixels = np.zeros((2, 4, 4, 3), np.uint8)
    pixels[0] = (200, 10, 90)
    pixels[1, 0, 0] = 1
    zeros = np.zeros(2)
    images = FaceImages(
        pixels, zeros.astype(np.int32), zeros.astype(np.uint8), zeros.astype(str), ("a",), "x", "y"
    )
    assert images.blank().tolist() == [True, False]


def test_fingerprint_depends_on_pixels_labels_subsets_and_classes_only(tmp_path):
    images = noise_images()
    np.save(tmp_path / "pixels.npy", images.pixels)
    mapped = np.load(tmp_path / "pixels.npy", mmap_mode="r")
    assert noise_images(pixels=mapped, name="another").fingerprint == images.fingerprint
    parts = (images.pixels, images.labels, images.subsets, images.classes)
    seen = {fingerprint(*parts)}
    for index, part in enumerate(parts[:3]):
        other = part.copy()
        other.flat[0] ^= 1
        seen.add(fingerprint(*parts[:index], other, *parts[index + 1 :]))
    seen.add(fingerprint(*parts[:3], ("angry", "disgust", "sad")))
    assert len(seen) == 5
    assert len(images.fingerprint) == 64


@pytest.mark.parametrize(
    "wrong",
    [
        {"pixels": np.zeros((760, 6, 6), np.uint8)},
        {"pixels": np.zeros((760, 6, 6, 1), np.float32)},
        {"labels": np.zeros(3, np.int32)},
        {"labels": np.full(760, 3, np.int32)},
        {"classes": ("happy", "angry", "disgust")},
    ],
)
def test_arrays_that_do_not_fit_are_refused(wrong):
    with pytest.raises(ValueError, match=r"pixels|labels|classes|length"):
        noise_images(**wrong)


def test_linked_are_those_of_one_number_in_any_grouping():
    # The first links 0 and 1, the second 1 and 3; 2 and 4 are alone.
    groups = linked(np.array([5, 5, 6, 7, 8]), np.array([10, 2, 3, 2, 4]))
    assert groups.tolist() == [0, 0, 1, 0, 2]
    assert groups.dtype == np.int64


def test_a_row_of_votes_is_missing():
    with pytest.raises(ValueError, match="a row for each image"):
        noise_images(votes=np.ones((3, 2), np.float32))
