"""Cells of a study, and the keys that their numbers belong to."""

import dataclasses

import pytest

from fer_bench.errors import UserError
from fer_bench.search_space import Range, tunable
from fer_bench.strategies.base import STRATEGIES, Strategy
from fer_bench.study.recipe import Recipe
from fer_bench.study.resolve import resolve
from fer_bench.study.spec import Cell, StudySpec, defaults

SMALL = {
    "backbones": ["compact_cnn"],
    "strategies": ["none", "focal_loss"],
    "recipe": {"weights": "none", "image_size": 48},
}


DATA = {"fingerprint": "abc", "split": "official", "train_images": None}


RATE = {"learning_rate": Range(1e-4, 1e-2, True)}


def test_a_name_twice_is_one_cell():
    assert resolve({**SMALL, "strategies": ["none", "none"]}).strategies == ("none",)


def test_a_spec_can_not_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        StudySpec(**SMALL).trials = 3


def cell(**changes):
    return Cell(**{"backbone": "vgg16", "strategy": "none", "recipe": Recipe(), "search": RATE, **changes})


def test_a_key_is_short_and_stays():
    assert cell().key(DATA, "w") == cell().key(dict(reversed(DATA.items())), "w")
    assert len(cell().key(DATA, "w")) == 16


@pytest.mark.parametrize(
    "other",
    [
        cell(backbone="resnet50"),
        cell(recipe=Recipe(batch_size=32)),
        cell(recipe=Recipe(head={"dropout": 0.1})),
        cell(search={}),
        cell(search={"learning_rate": Range(1e-4, 1e-2)}),
    ],
    ids=["backbone", "batch", "head", "search", "log"],
)
def test_all_that_decides_the_numbers_is_in_both_keys(other):
    assert other.key(DATA, "w") != cell().key(DATA, "w")
    assert other.shared_key(DATA, "w") != cell().shared_key(DATA, "w")


@pytest.mark.parametrize(("data", "weights"), [({**DATA, "fingerprint": "abd"}, "w"), (DATA, "v")])
def test_data_and_weights_are_in_both_keys(data, weights):
    assert cell().key(data, weights) != cell().key(DATA, "w")
    assert cell().shared_key(data, weights) != cell().shared_key(DATA, "w")


def test_the_strategy_is_in_the_key_and_not_in_the_shared_one():
    cells = [cell(strategy=name) for name in ("none", "class_weights", "focal_loss", "oversampling")]
    assert len({c.key(DATA, "w") for c in cells}) == 4
    assert len({c.shared_key(DATA, "w") for c in cells}) == 1


@dataclasses.dataclass(frozen=True)
class Narrow(Strategy):
    gamma: float = tunable(2.0, low=0.5, high=4.0)


@dataclasses.dataclass(frozen=True)
class Wide(Strategy):
    gamma: float = tunable(2.0, low=0.5, high=5.0)


def test_the_ranges_of_a_strategy_are_in_its_key():
    keys = []
    for strategy in (Narrow, Wide, Narrow):
        with STRATEGIES.temporarily(searched=strategy):
            keys.append(cell(strategy="searched").key(DATA, "w"))
    assert keys[0] == keys[2] != keys[1]


def test_an_untuned_cell_has_a_key_of_its_own_and_leaves_that_of_the_tuned_one():
    search = {"learning_rate": {"low": 1e-4, "high": 1e-2}}
    spec = StudySpec(backbones=("compact_cnn",), strategies=("none",), trials=2, search=search)
    tuned, untuned = spec.cells()
    assert tuned.key({"fingerprint": "abc"}, "none") == "68173d138881f5fd", "as it was before there were any"
    assert untuned.key(DATA, "w") != tuned.key(DATA, "w")
    assert untuned.shared_key(DATA, "w") == tuned.shared_key(DATA, "w")
    assert (untuned.strategy, untuned.label, untuned.name) == (
        "none", "none (defaults)", "compact_cnn/none (defaults)",
    )  # fmt: skip
    assert defaults(untuned) == {"learning_rate": 1e-3}


def test_trials_repeats_and_the_name_of_the_study_are_in_no_key():
    def keys(**changes):
        return [c.key(DATA, "w") for c in resolve({**SMALL, **changes}).cells()]

    assert keys() == keys(trials=7) == keys(repeats=9)
    assert keys() != keys(recipe={**SMALL["recipe"], "batch_size": 32})


OF_VGG16 = {"vgg16": {"image_size": 64, "learning_rate": 1e-4}}


def test_a_backbone_may_have_a_size_and_a_rate_of_its_own_which_the_search_goes_along_with():
    search = {"learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}}
    two = {**SMALL, "backbones": ["compact_cnn", "vgg16"], "strategies": ["none"], "search": search}
    spec = resolve({**two, "of_backbone": OF_VGG16})
    usual, own = spec.cells()
    assert (usual.recipe, usual.search["learning_rate"]) == (spec.recipe, Range(1e-4, 1e-2, True))
    assert (own.recipe.image_size, own.recipe.learning_rate, own.recipe.weights) == (64, 1e-4, "none")
    span = own.search["learning_rate"]
    assert (span.low, span.high, span.log) == (pytest.approx(1e-5), pytest.approx(1e-3), True)
    alone = [
        resolve({**two, "backbones": [name], "of_backbone": OF_VGG16}).cells()[0] for name in two["backbones"]
    ]
    assert {cell.recipe_hash for cell in (usual, own, *alone)} == {resolve(two).cells()[0].recipe_hash}, (
        "on one board, run together or not"
    )
    assert spec.own_recipes == (
        "trained otherwise than the others: vgg16, with image_size 64 and learning_rate 0.0001",
    )
    assert usual.key(DATA, "w") == resolve(two).cells()[0].key(DATA, "w")


def test_what_another_backbone_has_of_its_own_changes_nothing():
    (cell,) = resolve({**SMALL, "strategies": ["none"], "of_backbone": OF_VGG16}).cells()
    assert cell == resolve({**SMALL, "strategies": ["none"]}).cells()[0]


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"vgg_16": {}}, "unknown backbone 'vgg_16'"),
        ({"vgg16": {"epochs": 3}}, "epochs"),
        ({"compact_cnn": {"image_size": 8}}, "of_backbone.compact_cnn.image_size"),
    ],
)
def test_what_a_backbone_can_not_have_of_its_own_is_told(own, said):
    with pytest.raises(UserError, match=said):
        resolve({**SMALL, "of_backbone": own})
