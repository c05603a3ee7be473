import numpy as np
import pytest
from noise import noise_images

from fer_bench.data.images import SUBSETS, FaceImages, imbalance_ratio
from fer_bench.data.splits import SPLITS, available_splits, groups_digest, scored_parts, split
from fer_bench.errors import UserError


@pytest.mark.parametrize("name", SPLITS)
def test_a_split_is_sorted_disjoint_and_always_the_same(name):
    images = noise_images(twins=5)
    first, again = split(images, name), split(noise_images(twins=5), name)
    for part in ("train", "val", "test", "dedup"):
        assert np.array_equal(getattr(first, part), getattr(again, part))
    for part in (first.train, first.val, first.test):
        assert part.dtype == np.int64
        assert (np.diff(part) > 0).all()
    assert first.dedup.shape == first.test.shape
    assert not np.intersect1d(first.train, first.test).size
    assert not np.intersect1d(first.train, first.val).size
    assert first.selects_on_test == np.array_equal(first.val, first.test)
    assert first.selects_on_test == (name in ("random_80_20", "test_as_validation"))


def test_official_and_union_take_the_imported_subsets():
    images = noise_images(twins=5)
    official, union = split(images, "official"), split(images, "union")
    assert [len(official.train), len(official.val), len(official.test)] == [600, 80, 80]
    assert (~official.dedup).sum() == 5
    assert official.val_twins == 0
    assert len(union.test) == 160
    assert images.counts(union.val).tolist() == [20, 2, 38]
    assert len(union.train) + len(union.val) == 600


def test_random_splits_keep_shares_and_the_honest_one_keeps_twins_together():
    images = noise_images(twins=60)
    honest, naive = split(images, "random_80_10_10"), split(images, "random_80_20")
    assert honest.dedup.all()
    assert not naive.dedup.all()
    assert images.counts(naive.test).tolist() == [round(n * 0.2) for n in images.counts()]
    for part, share in ((honest.train, 0.8), (honest.val, 0.1), (honest.test, 0.1)):
        assert images.counts(part) == pytest.approx(images.counts() * share, abs=3)
    kept = [set(images.twins()[part]) for part in (honest.train, honest.val, honest.test)]
    assert not kept[0] & kept[1] | kept[0] & kept[2] | kept[1] & kept[2]


def test_validation_images_that_are_in_train_are_counted_after_sampling():
    pixels = noise_images().pixels.copy()
    pixels[600:607] = pixels[:7]
    images = noise_images(pixels=pixels)
    assert split(images, "official").val_twins == 7
    assert split(images, "official", 60).val_twins == 7, "found before train is sampled"
    sampled = split(images, "official", val_images=30)
    assert sampled.val_twins == np.isin(sampled.val, np.arange(600, 607)).sum() < 7
    assert split(images, "random_80_20").val_twins == 0, "there the note on test says it"


def test_blank_images_are_left_out_of_train_only():
    images = noise_images()
    pixels = images.pixels.copy()
    pixels[[0, 1, 650, 700]] = 9
    images = noise_images(pixels=pixels)
    parts = split(images, "official")
    assert not images.blank()[parts.train].any()
    assert len(parts.train) == 598
    assert images.blank()[parts.val].sum() == 1
    assert images.blank()[parts.test].sum() == 1
    assert (~parts.dedup).sum() == 1


def test_samples_are_stratified_nested_and_keep_every_class():
    images = noise_images()
    small, large = (split(images, "official", n, 20, 10) for n in (60, 120))
    assert [len(small.train), len(small.val), len(small.test)] == [60, 20, 10]
    assert images.counts(small.train).tolist() == [20, 2, 38]
    assert images.counts(small.test).min() == 1
    assert set(small.train) <= set(large.train)
    assert len(split(images, "official", train_images=10**6).train) == 600
    tiny = split(images, "official", train_images=6)
    assert images.counts(tiny.train).tolist() == [2, 2, 2]


def test_sampled_val_and_test_stay_the_same_images_where_they_are_one():
    parts = split(noise_images(twins=5), "test_as_validation", 60, 30, 40)
    assert len(parts.test) == len(parts.dedup) == 40
    assert np.array_equal(parts.val, parts.test)
    assert len(split(noise_images(), "random_80_20", val_images=30).test) == 30


def test_dedup_is_found_before_sampling():
    images = noise_images(twins=20)
    whole, part = split(images, "official"), split(images, "official", train_images=6, test_images=40)
    leaked = set(whole.test[~whole.dedup])
    assert set(part.test[~part.dedup]) == leaked & set(part.test)
    assert (~part.dedup).sum() > 0


def test_sample_too_small_for_its_classes_is_refused():
    with pytest.raises(UserError, match="train_images is 5: at least 6"):
        split(noise_images(), "official", train_images=5)


def test_split_that_the_data_cannot_give_names_those_it_can():
    images = noise_images({"train": (50, 10, 90), "test": (10, 2, 20)})
    assert available_splits(images) == ("union", "random_80_10_10", "random_80_20", "test_as_validation")
    with pytest.raises(UserError, match=r"official.*possible: union, random_80_10_10"):
        split(images, "official")
    assert available_splits(noise_images({"none": (50, 10, 90)})) == ("random_80_10_10", "random_80_20")
    with pytest.raises(UserError, match="did you mean 'official'"):
        split(images, "offical")


def test_class_without_training_images_is_refused_by_name():
    images = noise_images({"train": (50, 0, 90), "val": (5, 2, 5), "test": (5, 2, 5)})
    with pytest.raises(UserError, match="no training image of disgust"):
        split(images, "official")
    assert imbalance_ratio(images.counts(images.in_subset("train"))) == np.inf


def test_rarest_class_of_three_images_is_in_every_part():
    images = noise_images({"none": (50, 3, 90)})
    parts = split(images, "random_80_10_10")
    assert [images.counts(part)[1] for part in (parts.train, parts.val, parts.test)] == [1, 1, 1]
    assert split(noise_images({"none": (50, 1, 90)}), "random_80_20").train.size


def test_near_duplicates_stay_on_one_side_and_are_left_out_of_a_second_score():
    near = np.arange(760)
    near[[680, 690, 700]] = near[[0, 600, 681]]  # test beside train, beside val, beside test
    images = noise_images(near=near)
    official = split(images, "official")
    assert np.flatnonzero(~official.near_dedup).tolist() == [0, 10]
    assert official.dedup.all()
    naive = split(images, "test_as_validation")
    assert naive.test[~naive.near_dedup].tolist() == [680]
    assert split(noise_images(), "official").near_dedup is None
    near = np.arange(760) // 4
    honest = split(noise_images(near=near), "random_80_10_10")
    assert honest.near_dedup.all()
    for one, other in ((honest.train, honest.val), (honest.train, honest.test), (honest.val, honest.test)):
        assert not np.isin(near[one], near[other]).any()


def test_subjects_come_before_near_duplicates():
    near, subjects = np.arange(760) // 2, np.arange(760) // 8
    images = noise_images(near=near, subjects=subjects)
    assert images.groups().tolist() == subjects.tolist()
    parts = split(images, "random_80_10_10")
    assert not np.isin(subjects[parts.train], subjects[parts.test]).any()


def test_groups_are_named_for_keys_where_a_split_keeps_more_than_identical_images():
    near = np.arange(760)
    near[5] = 4
    plain, grouped = noise_images(twins=5), noise_images(twins=5, near=near)
    for name in SPLITS:
        assert groups_digest(plain, name) == ""
        assert (groups_digest(grouped, name) != "") == (name in ("union", "random_80_10_10"))
    same = noise_images(twins=5, near=plain.twins())
    assert groups_digest(same, "union") == ""
    near[7] = 6
    other = noise_images(twins=5, near=near)
    assert groups_digest(other, "union") != groups_digest(grouped, "union")


def test_a_split_that_is_refused_says_why():
    images = noise_images(refused=("official",), notes=("these are 760 of FER-2013's images",))
    assert "official" not in available_splits(images)
    with pytest.raises(UserError, match=r"'official'.*these are 760 of FER-2013's images; possible: union"):
        split(images, "official")


def test_parts_that_test_is_scored_in():
    parts = split(noise_images(twins=5), "official")
    assert {name: int(mask.sum()) for name, mask in scored_parts(parts).items()} == {
        "test": 80,
        "test_dedup": 75,
    }
    near = split(noise_images(twins=5, near=np.arange(760) // 700), "official")
    assert [int(mask.sum()) for mask in scored_parts(near).values()] == [80, 75, 60]


def test_groups_that_are_too_large_to_hold_any_out_are_told():
    images = noise_images(subjects=np.arange(760) % 2)
    with pytest.raises(UserError, match=r"no validation images: all of one person.*too few such groups"):
        split(images, "random_80_10_10")
    assert len(split(images, "official").test) == 80


def test_people_who_show_several_expressions_are_held_out_with_classes_in_their_shares():
    random = np.random.RandomState(5)
    subjects = np.repeat(np.arange(120), 8)
    labels = np.where(np.arange(960) % 8 == 0, 1, random.choice(3, 960, p=(0.08, 0.6, 0.32)))
    pixels = random.randint(0, 256, (960, 4, 4, 1), dtype=np.uint8)
    nothing = np.full(960, SUBSETS.index("none"), np.uint8)
    people = FaceImages(
        pixels, labels.astype(np.int32), nothing, np.arange(960).astype(str), ("a", "b", "c"), "p", "",
        subjects=subjects,
    )  # fmt: skip
    parts = split(people, "random_80_10_10")
    indices = [parts.train, parts.val, parts.test]
    assert sorted(np.concatenate(indices)) == list(range(960))
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not np.isin(subjects[indices[one]], subjects[indices[other]]).any()
    shares = np.array([people.counts(index) for index in indices]) / people.counts()
    np.testing.assert_allclose(shares, np.repeat([[0.8], [0.1], [0.1]], 3, axis=1), atol=0.06)
