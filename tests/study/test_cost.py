import os
from dataclasses import replace

import pytest

from fer_bench.study.cost import estimate_hours
from fer_bench.study.recipe import Recipe
from fer_bench.study.spec import Cell

WHOLE = Cell("mobilenet_v2", "none", Recipe(weights="none"), {})
SIZES = {"train": 28_709, "val": 3589, "test": 3589}


def hours(cell=WHOLE, trials=1, repeats=2, **sizes):
    return estimate_hours(cell, **{**SIZES, **sizes}, trials=trials, repeats=repeats)


def with_recipe(**changes):
    return replace(WHOLE, recipe=Recipe(weights="none", **changes))


def test_cost_grows_with_trainings_images_and_pixels():
    assert hours(trials=4, repeats=2) > 1.9 * hours(trials=1, repeats=2)
    assert hours(train=57_418) > 1.5 * hours()
    assert hours(with_recipe(image_size=192)) == pytest.approx(4 * hours(), rel=1e-6)


def test_images_that_are_made_cost_an_autoencoder_once_for_all_trials_and_once_a_repeat():
    made = replace(WHOLE, strategy="deep_smote")
    first = hours(made, trials=1, repeats=2) - hours(trials=1, repeats=2)
    assert hours(made, trials=9, repeats=2) - hours(trials=9, repeats=2) == pytest.approx(first)
    assert hours(made, trials=0, repeats=1) - hours(trials=0, repeats=1) == pytest.approx(first / 3)
    assert hours(made, pixels=96 * 96) - hours() == pytest.approx(4 * first)
    assert first > 0


def test_a_heavier_backbone_costs_more_by_its_seconds_per_megapixel():
    assert hours(replace(WHOLE, backbone="vgg16")) == pytest.approx(8.5 / 0.55 * hours(), rel=1e-6)


def test_a_frozen_trunk_costs_less_and_cached_features_hardly_anything():
    head = [{"trainable": "head", "epochs": 10}]
    frozen, cached = with_recipe(phases=head), with_recipe(phases=head, augmentation=None)
    assert hours(cached) < 0.2 * hours(frozen) < 0.2 * hours()


def test_a_random_trunk_costs_its_features_once_for_all_trials_which_share_a_seed():
    cached = with_recipe(phases=[{"trainable": "head", "epochs": 10}], augmentation=None)
    rows = hours(cached, trials=3) - hours(cached, trials=2)
    assert hours(cached, trials=1) - hours(cached, trials=0) > 5 * rows


def test_test_views_cost_predictions_and_their_features_are_computed_once():
    """Ten views of validation for each trial and repeat, and of test for each repeat."""
    ten = with_recipe(test_views="ten")
    image = 0.55 * 96**2 / 1e6 * 0.3 * 2 / max(os.cpu_count() or 2, 1) / 3600
    expected = 10 * (4 * SIZES["val"] + 3 * SIZES["test"]) * image
    assert hours(ten, trials=1, repeats=3) - hours(trials=1, repeats=3) == pytest.approx(expected)
    head = {"phases": [{"trainable": "head", "epochs": 10}], "augmentation": None}
    frozen, viewed = with_recipe(**head), with_recipe(**head, test_views="flip")
    assert hours(viewed, 5, 3) - hours(frozen, 5, 3) == pytest.approx(2 * 2 * 3589 * image)
