from fer_bench.study.recipe import Recipe, settings


def test_what_a_search_may_change_is_named_by_the_recipe():
    recipe = Recipe(head={"dropout": 0.2, "l2": 1e-4}, augmentation={"strength": 0.5}, label_smoothing=0.1)
    found = settings(recipe).model_dump()
    assert found == {
        "learning_rate": 1e-3, "weight_decay": 0.0, "label_smoothing": 0.1, "dropout": 0.2, "l2": 1e-4,
        "augmentation_strength": 0.5,
    }  # fmt: skip
    assert settings(Recipe(augmentation="none")).augmentation_strength == 0
