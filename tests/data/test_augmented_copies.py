import numpy as np
import pytest
from PIL import Image
from smooth import smooth_pictures

from fer_bench.data.augmented_copies import Changes, copy_groups
from fer_bench.data.near_duplicates import near_groups

PICTURES = smooth_pictures(40, side=48)


def changed(picture, turn=0.0, zoom=1.0, right=0.0, down=0.0, mirrored=False):
    """A picture (48, 48) uint8 as an augmentation leaves it; its edge goes on where nothing is."""
    large = np.pad(picture, 24, mode="edge")
    angle = np.deg2rad(turn)
    cos, sin = np.cos(angle) / zoom, np.sin(angle) / zoom
    places = (cos, -sin, 48 - 48 * cos + 48 * sin + right, sin, cos, 48 - 48 * sin - 48 * cos + down)
    middle = Image.fromarray(large).transform(
        (96, 96), Image.Transform.AFFINE, places, Image.Resampling.BILINEAR
    )
    found = np.asarray(middle)[24:72, 24:72]
    return found[:, ::-1] if mirrored else found


CHANGES = [
    {"turn": 14},
    {"turn": -9, "mirrored": True},
    {"zoom": 1.1, "right": 3},
    {"zoom": 0.92, "down": -4},
    {"turn": 8, "zoom": 1.05, "right": -4, "down": 4, "mirrored": True},
]


def test_copies_are_found_that_near_duplicates_miss():
    copies = [changed(PICTURES[place], **change) for place, change in enumerate(CHANGES)]
    small = np.concatenate([PICTURES, copies])
    found = copy_groups(small, np.zeros(len(small), int))
    assert found.tolist() == [*range(40), *range(5)]
    assert near_groups(small, np.arange(len(small))).max() >= 43, "of these near-duplicates see one at most"


def test_only_within_a_class():
    small = np.stack([PICTURES[0], changed(PICTURES[0], turn=10), PICTURES[1]])
    assert copy_groups(small, np.array([0, 0, 0])).tolist() == [0, 0, 1]
    assert copy_groups(small, np.array([0, 1, 0])).tolist() == [0, 1, 2]


def test_copies_of_copies_are_one_group():
    one = changed(PICTURES[0], turn=14)
    small = np.stack([PICTURES[0], one, changed(PICTURES[0], turn=-14), PICTURES[3]])
    assert copy_groups(small, np.zeros(4, int)).tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("small", [np.full((3, 48, 48), 7, np.uint8), np.zeros((0, 48, 48), np.uint8)])
def test_nothing_to_see(small):
    assert copy_groups(small, np.zeros(len(small), int)).tolist() == list(range(len(small)))


def test_the_middle_of_an_unchanged_image_is_its_middle():
    tried = Changes.tried()
    assert len(tried.numbers) == 271
    shown = sum(PICTURES[0][row, column] * weight for column, row, weight in tried[np.array([0])].sampled())
    np.testing.assert_allclose(shown.reshape(32, 32), PICTURES[0][8:40, 8:40], atol=1e-3)
