import pytest
from pydantic import ValidationError

from fer_bench.study.recipe import Head, Recipe, settings


def test_what_a_search_may_change_is_named_by_the_recipe():
    recipe = Recipe(head={"dropout": 0.2, "l2": 1e-4}, augmentation={"strength": 0.5}, label_smoothing=0.1)
    found = settings(recipe).model_dump()
    assert found == {
        "learning_rate": 1e-3, "weight_decay": 0.0, "label_smoothing": 0.1, "dropout": 0.2, "l2": 1e-4,
        "augmentation_strength": 0.5,
    }  # fmt: skip
    assert settings(Recipe(augmentation="none")).augmentation_strength == 0


def test_attention_of_the_head_is_named_where_there_is_one():
    """A recipe without any has the key that it had before there was attention."""
    assert "attention" not in Head(attention="none").model_dump()
    assert Head(attention="cbam").model_dump()["attention"] == "cbam"
    with pytest.raises(ValidationError, match="'cbam' or 'se'"):
        Head(attention="bam")


def test_hard_labels_leave_the_key_that_a_recipe_had_before_there_were_votes():
    assert "labels" not in Recipe().model_dump()
    assert Recipe(labels="votes").model_dump()["labels"] == "votes"


def test_without_averages_views_and_erasing_a_recipe_has_the_key_that_it_had_before_there_were_any():
    plain = Recipe().model_dump()
    assert not {"ema", "test_views"} & plain.keys() and "erase" not in plain["augmentation"]
    changed = Recipe(ema=0.999, test_views="ten", augmentation={"erase": 0.25}).model_dump()
    assert (changed["ema"], changed["test_views"], changed["augmentation"]["erase"]) == (0.999, "ten", 0.25)
    assert Recipe(ema="none", test_views="none") == Recipe()


@pytest.mark.parametrize(
    ("key", "value"), [("ema", 1.0), ("ema", 0.0), ("ema", True), ("test_views", "five")]
)
def test_decays_and_views_that_are_none_are_refused(key, value):
    with pytest.raises(ValidationError, match=key):
        Recipe(**{key: value})
