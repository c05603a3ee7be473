"""The training sets that a study lists, by what is made of them."""

import numpy as np
import pytest
from noise import noise_images

from fer_bench.data.imbalance import Imbalance
from fer_bench.data.label_noise import LabelNoise
from fer_bench.data.splits import split
from fer_bench.errors import UserError
from fer_bench.study.spec import StudySpec
from fer_bench.study.variants import Variant, chosen_by, dose_of, in_words, variants

IMAGES = noise_images()  # to train on: 200 angry, 20 disgust, 380 happy


def spec(**changes):
    content = {
        "backbones": ["compact_cnn"],
        "strategies": ["none"],
        "recipe": {"weights": "none", "batch_size": 32},
    }
    return StudySpec(**content, **changes)


def found(**changes):
    return variants(spec(**changes), IMAGES)


def test_a_study_without_these_keys_has_one_training_set_that_leaves_no_trace():
    (only,) = found()
    assert only == Variant()
    assert (only.key, only.suffix, only.words) == ({}, "", "")
    assert set(only.tags.values()) == {""}
    used = only.use(IMAGES, spec(train_images=60))
    parts, labels = used.parts, used.labels
    assert np.array_equal(parts.train, split(IMAGES, "official", 60).train)
    assert np.array_equal(labels, IMAGES.labels)


def test_at_a_constant_total_all_ratios_have_as_many_images_as_each_can():
    # At 1 there can be 60, at 4 140, at 25 (1 : 1/5 : 1/25, of sum 31/25) 380 x 31/25 = 471.
    assert [v.imbalance for v in found(imbalance_ratio=[1, 4, 25], total="shrink")] == [
        Imbalance(1, "exponential", 60), Imbalance(4, "exponential", 140), Imbalance(25, "exponential", 471)
    ]  # fmt: skip
    assert {v.imbalance.images for v in found(imbalance_ratio=[1, 4, 25])} == {60}
    assert {v.imbalance.images for v in found(imbalance_ratio=[4, 25])} == {140}
    assert {v.imbalance.images for v in found(imbalance_ratio=[4, 25], train_images=100)} == {100}


def test_one_of_the_ratios_has_the_total_of_all_and_another_one_too_if_it_can():
    listed = spec(imbalance_ratio=[4, 25])
    (one,) = variants(listed, IMAGES, imbalance_ratio=25)
    assert one == variants(listed, IMAGES)[1]
    (other,) = variants(listed, IMAGES, imbalance_ratio=9)
    assert other.imbalance == Imbalance(9, "exponential", 140)
    (milder,) = variants(listed, IMAGES, imbalance_ratio=1)
    assert milder.imbalance == Imbalance(1, "exponential", 60)


def test_the_other_key_can_be_had_on_top():
    both = variants(spec(imbalance_ratio=[4, 25]), IMAGES, label_noise=0.2)
    assert [v.words for v in both] == [
        "imbalance ratio 4, label noise 20 %", "imbalance ratio 25, label noise 20 %"
    ]  # fmt: skip
    assert [v.suffix for v in both] == ["ratio_4-noise_0.2", "ratio_25-noise_0.2"]


def test_the_split_is_thinned_first_then_labels_are_disturbed():
    variant = Variant(Imbalance(4, "exponential", 140), LabelNoise(0.1))
    used = variant.use(IMAGES, spec(train_images=10, test_images=20))
    parts, labels = used.parts, used.labels
    assert IMAGES.counts(parts.train).tolist() == [40, 20, 80], "train_images has been heeded before"
    assert len(parts.test) == 20
    wrong = np.flatnonzero(labels != IMAGES.labels)
    assert np.isin(wrong, parts.train).all()
    assert IMAGES.counts(wrong).tolist() == [4, 2, 8]


def test_keys_are_of_what_is_done_and_boards_also_say_that_nothing_is():
    assert Variant(Imbalance(4, "step", 90)).key == {
        "imbalance": {"ratio": 4, "profile": "step", "images": 90}
    }
    assert Variant(noise=LabelNoise(0.1)).key == {"label_noise": {"share": 0.1, "along": {}}}
    without = Variant(noise=LabelNoise(0.0))
    assert without.key == {}, "cells are those of the plain study"
    assert without.tags["label_noise"] == "0"
    assert without.words == "label noise 0 %"


def test_words_say_what_is_not_usual():
    along = {"disgust": {"angry": 1.0}, "fear": {"sad": 0.6, "surprise": 0.4}}
    tags = Variant(Imbalance(16.5, "step", 90), LabelNoise(0.125, along)).tags
    assert tags == {
        "imbalance_ratio": "16.5",
        "imbalance_profile": "step",
        "label_noise": "0.125 (disgust > angry, fear > 0.6 sad + 0.4 surprise)",
    }
    assert in_words(tags) == (
        "imbalance ratio 16.5 (step), label noise 12.5 % (disgust > angry, fear > 0.6 sad + 0.4 surprise)"
    )


def test_a_ratio_below_one_is_refused():
    with pytest.raises(UserError, match=r"imbalance_ratio 0\.5: expected 1"):
        variants(spec(), IMAGES, imbalance_ratio=0.5)


def test_the_number_of_a_tag_is_what_options_choose_by():
    assert (dose_of("16.5"), dose_of("0.2 (fear > sad)"), dose_of("")) == ("16.5", "0.2", "")
    board = {"label_noise": "0.2 (fear > sad)", "split": "union"}
    assert chosen_by(board) == {"imbalance-ratio": "", "label-noise": "0.2"}
