import numpy as np
from smooth import noisy, smooth_pictures

from fer_bench.data.images import linked, twin_groups
from fer_bench.data.near_duplicates import LEAST, closest, correlations, near_groups


def test_the_groups_are_those_of_all_pairs():
    pictures = smooth_pictures(1100)
    copies = [noisy(pictures[k::40][:25], amount) for k, amount in enumerate((3, 12, 14, 16, 18))]
    small = np.concatenate([pictures, *copies, copies[0][:, :, ::-1]])
    values = small.reshape(len(small), -1) - small.mean(axis=(1, 2))[:, None]
    values = values / np.linalg.norm(values, axis=1, keepdims=True)
    mirrored = values.reshape(small.shape)[:, :, ::-1].reshape(values.shape)
    near = np.maximum(values @ values.T, values @ mirrored.T) >= LEAST
    expected = linked(*(np.where(row, -1, np.arange(len(small))) for row in near if row.sum() > 1))
    found = near_groups(small, twin_groups(small))
    assert found.tolist() == expected.tolist()
    assert 30 < (np.bincount(found) > 1).sum() < 125, "some of the noisier copies, not all"


def test_mirror_images_are_linked_and_chains_are_one_group():
    a, b = smooth_pictures(2).astype(float)
    a, b = a - a.mean(), b - b.mean()
    b -= a * (a * b).sum() / (a * a).sum()
    b *= np.linalg.norm(a) / np.linalg.norm(b)
    turned = [np.cos(angle) * a + np.sin(angle) * b for angle in (0, 0.3, 0.6)]  # cos 0.3 = .955, 0.6 = .825
    small = np.stack([*turned, turned[2][:, ::-1]])
    small = (128 + small * (100 / np.abs(small).max())).astype(np.uint8)
    assert correlations(small[:1], small[2:3], False)[0] < 0.9
    assert near_groups(small, np.arange(4)).tolist() == [0, 0, 0, 0]
    assert near_groups(small[[0, 2]], np.arange(2)).tolist() == [0, 1]


def test_images_without_contrast_are_with_identical_ones_alone():
    small = np.full((5, 48, 48), 90, np.uint8)
    small[3] += np.eye(48, dtype=np.uint8)
    small[4] = 30
    assert near_groups(small, twin_groups(small)).tolist() == [0, 0, 0, 1, 2]


def test_one_large_group_is_found_without_comparing_all_of_its_pairs():
    small = noisy(np.repeat(smooth_pictures(2), 1500, axis=0), 4)
    assert near_groups(small, np.arange(3000)).tolist() == [0] * 1500 + [1] * 1500


def test_the_closest_of_others():
    pictures = smooth_pictures(30)
    others = np.concatenate([smooth_pictures(20, seed=9), pictures[7:8, :, ::-1], noisy(pictures[3:4], 12)])
    others = np.concatenate([others, noisy(pictures[3:4], 2)])
    found = closest(pictures, others)
    assert np.flatnonzero(found.other >= 0).tolist() == [3, 7]
    assert found.other[[3, 7]].tolist() == [22, 20]
    assert found.mirrored.tolist() == [place == 7 for place in range(30)]
    assert found.correlation[7] > 0.9999 > found.correlation[3] > 0.99
    assert found.correlation[0] == 0


def test_none_at_all():
    assert near_groups(np.zeros((0, 48, 48), np.uint8), np.zeros(0, np.int64)).tolist() == []
    assert closest(smooth_pictures(2), np.zeros((0, 48, 48), np.uint8)).other.tolist() == [-1, -1]
