"""Studies as people write them, rightly and wrongly."""

from pathlib import Path

import pytest
import yaml

from fer_bench.errors import UserError
from fer_bench.study.file import read_study
from fer_bench.study.recipe import Recipe
from fer_bench.study.resolve import recipe_names, resolve

EXPERIMENTS = sorted((Path(__file__).parents[2] / "experiments").glob("*.yaml"))


SMALL = {
    "backbones": ["compact_cnn"],
    "strategies": ["none", "focal_loss"],
    "recipe": {"weights": "none", "image_size": 48},
}


def budgets():
    for path in EXPERIMENTS:
        content = yaml.safe_load(path.read_text())
        for budget in (None, *(content.get("budgets") or {})):
            for recipe in recipe_names(content):
                yield pytest.param(path, budget, recipe, id=f"{path.stem}-{recipe}-{budget}")


@pytest.mark.parametrize(("path", "budget", "recipe"), list(budgets()))
def test_every_study_resolves_with_each_of_its_recipes_and_budgets(path, budget, recipe):
    name, content = read_study(str(path))
    spec = resolve(content, budget, recipe)
    assert name == path.stem
    tuned = [cell for cell in spec.cells() if cell.tuned]
    assert len(tuned) == len(spec.backbones) * len(spec.strategies)


def refused(changes=(), budget=None, **overrides):
    with pytest.raises(UserError) as caught:
        resolve({**SMALL, **dict(changes)}, budget, **overrides)
    return str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"backbone": ["vgg16"]}, "unknown study key 'backbone': did you mean 'backbones'?"),
        ({"backbones": ["mobilnet_v2"]}, "unknown backbone 'mobilnet_v2': did you mean 'mobilenet_v2'?"),
        ({"strategies": ["focal"]}, "unknown strategy 'focal': did you mean 'focal_loss'?"),
        ({"recipe": {"optimiser": "adam"}}, "unknown key of recipe 'optimiser': did you mean 'optimizer'?"),
        ({"recipe": {"head": {"droput": 0.1}}}, "key of recipe.head 'droput': did you mean 'dropout'?"),
        ({"search": {"learning_rat": {"low": 0, "high": 1}}}, "did you mean 'learning_rate'?"),
        ({"split": "offical"}, "split: expected official, union,"),
        ({"trials": -1}, "trials: expected 0 or more, got -1"),
        ({"trials": "many"}, "trials: expected a whole number, got 'many'"),
        ({"trials": 1.5}, "trials: "),
        ({"backbones": []}, "backbones: "),
        ({"strategies": []}, "strategies: "),
        ({"backbones": "vgg16"}, "backbones: expected a list, as in [a, b], got 'vgg16'"),
        ({"recipe": "fast"}, "recipe: "),
        ({"recipe": {"phases": []}}, "recipe.phases: "),
        ({"recipe": {"phases": [{"trainable": "tail", "epochs": 1}]}}, "recipe.phases.0.trainable"),
        ({"recipe": {"learning_rate": float("nan")}}, "recipe.learning_rate: "),
        ({"recipe": {"learning_rate": -1}}, "recipe.learning_rate: "),
        ({"recipe": {"head": {"dropout": 1.0}}}, "recipe.head.dropout: "),
        ({"recipe": {"image_size": 8}}, "recipe.image_size: "),
        (
            {"recipe": {"image_size": 256}},
            "image_size: expected 255 or less, got 256",
        ),
        ({"backbones": ["vgg16"], "recipe": {"image_size": 24}}, "vgg16 needs an image_size of at least 32"),
        ({"search": {"learning_rate": {"low": 1e-2, "high": 1e-4}}}, "low 0.01 must not exceed high 0.0001"),
        ({"search": {"learning_rate": {"low": 0, "high": 1e-2, "log": True}}}, "be above 0 if log"),
        ({"search": {"learning_rate": {"low": 0.1, "high": 1}}}, "the recipe's own value 0.001"),
        ({"search": {"dropout": {"low": 0, "high": 1.2}}}, "dropout"),
        ({"search": {"learning_rate": [1e-4, 1e-2]}}, "search.learning_rate: "),
        ({"recipe": {"weights": "none", "batch_norm": {"mode": "frozen"}}}, "freeze random statistics"),
        ({"recipe": {"schedule": "cosine", "plateau": {}}}, "plateau lowers a constant learning rate"),
        ({"budgets": ["quick"]}, "budgets: expected a mapping"),
        ({"budgets": {"quick": 3}}, "budgets: expected a mapping"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_with_the_nearest_right_thing(changes, said):
    message = refused(changes)
    assert said in message
    assert "Traceback" not in message
    assert "pydantic" not in message
    assert all(len(line) < 1000 for line in message.splitlines())


def test_augmentation_that_is_not_there_can_not_be_searched():
    changes = {"recipe": {"augmentation": "none"}, "search": {"augmentation_strength": {"low": 0, "high": 1}}}
    assert "no augmentation to strengthen" in refused(changes)


def test_all_that_is_wrong_is_said_at_once():
    lines = refused({"trials": -1, "splitt": "official", "repeats": "x"}).splitlines()
    assert len(lines) == 3


def test_budgets_are_known_by_name():
    content = {"budgets": {"quick": {"trials": 3}, "full": {}}}
    assert refused(content, "quik") == "unknown budget 'quik': did you mean 'quick'? known: full, quick"
    assert refused({}, "quick") == "this study has no budgets"


def test_a_budget_overrides_the_recipe_key_by_key_and_options_override_both():
    content = {
        **SMALL,
        "trials": 9,
        "budgets": {
            "quick": {"trials": 2, "repeats": 3, "recipe": {"batch_size": 16}, "strategies": ["none"]}
        },
    }
    spec = resolve(content, "quick", trials=5, repeats=None)
    assert (spec.trials, spec.repeats) == (5, 3)
    assert spec.recipe == Recipe(weights="none", image_size=48, batch_size=16)
    assert spec.strategies == ("none",)
    assert resolve(content).trials == 9
    assert resolve(content).recipe.batch_size == 64


def test_a_budget_goes_before_a_recipe_and_may_change_it_by_name():
    content = {
        **SMALL,
        "recipes": {
            "as_written": {"split": "random_80_20", "recipe": {"image_size": 64, "learning_rate": 1e-5}},
            "as_should_be": {"recipe": {"learning_rate": 1e-4}},
        },
        "budgets": {
            "quick": {
                "recipe": {"image_size": 32},
                "recipes": {"as_written": {"recipe": {"learning_rate": 1e-2}}},
            }
        },
    }
    assert recipe_names(content) == ("as_written", "as_should_be")
    assert recipe_names(SMALL) == ("",)
    written, sound = (resolve(content, "quick", name) for name in recipe_names(content))
    assert (written.split, sound.split) == ("random_80_20", "official")
    assert written.recipe == Recipe(weights="none", image_size=32, learning_rate=1e-2)
    assert sound.recipe == Recipe(weights="none", image_size=32, learning_rate=1e-4)
    content["budgets"]["quick"]["recipes"] = {"as_writen": {}}
    with pytest.raises(UserError, match=r"budgets\.quick: unknown recipe 'as_writen'"):
        resolve(content, "quick", "as_written")
    with pytest.raises(UserError, match=r"budgets\.quick: this study has but one recipe"):
        resolve({**SMALL, "budgets": {"quick": {"recipes": {"as_written": {}}}}}, "quick")
