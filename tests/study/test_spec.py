"""Studies as people write them, rightly and wrongly, and the keys of their cells."""

from pathlib import Path

import pytest
import yaml

import fer_bench
from fer_bench.errors import UserError
from fer_bench.hashing import derive_seed, digest
from fer_bench.search_space import Range
from fer_bench.study.file import read_study, study_files
from fer_bench.study.recipe import Recipe, settings
from fer_bench.study.resolve import recipe_names, resolve
from fer_bench.study.spec import Cell, StudySpec

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
    assert len(spec.cells()) == len(spec.backbones) * len(spec.strategies)


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_study_says_what_it_asks_and_how_to_run_it(path):
    header = path.read_text().split("\ndataset", 1)[0]
    assert header.startswith("# ")
    assert "?" in header
    assert f"fer-bench run --study {path.stem}" in header


def test_a_study_is_found_by_name_by_file_name_and_by_path(tmp_path, monkeypatch):
    assert read_study("imbalance") == read_study("imbalance.yaml")
    own = tmp_path / "experiments" / "imbalance.yaml"
    own.parent.mkdir()
    own.write_text("dataset: mine\n")
    assert read_study(str(own)) == ("imbalance", {"dataset": "mine"})
    monkeypatch.chdir(tmp_path)
    assert read_study("imbalance")[1] == {"dataset": "mine"}, "the user's own go before the packaged ones"
    assert study_files()["imbalance"].resolve() == own


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
        ({"trials": 0}, "trials: expected 1 or more, got 0"),
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
    lines = refused({"trials": 0, "splitt": "official", "repeats": "x"}).splitlines()
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


def test_a_name_twice_is_one_cell():
    assert resolve({**SMALL, "strategies": ["none", "none"]}).strategies == ("none",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"a: [1, 2", "is not plain YAML"),
        (b"a: !!python/object/apply:os.system ['true']", "is not plain YAML"),
        (b"\xff\xfe\x00\x01", "is not plain YAML"),
        (b"- a\n- b\n", "expected keys and values"),
        (b"", "expected keys and values"),
        (b"1: 2\n", "expected keys and values"),
        (b"a: " + b"[" * 20_000, "is not plain YAML"),
        (b"# " + b"x" * 1_000_001, "bytes are no study"),
    ],
    ids=["open", "python", "binary", "list", "empty", "number", "deep", "huge"],
)
def test_a_file_that_is_no_study_is_refused_in_one_line(tmp_path, text, said):
    path = tmp_path / "mine.yaml"
    path.write_bytes(text)
    with pytest.raises(UserError, match=said) as caught:
        read_study(str(path))
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["imbalnce", "imbalnce.yaml"])
def test_an_unknown_study_is_met_with_the_nearest(name):
    with pytest.raises(UserError, match="did you mean 'imbalance'"):
        read_study(name)


def test_a_folder_is_no_study(tmp_path):
    (tmp_path / "mine.yaml").mkdir()
    with pytest.raises(UserError, match="unknown study"):
        read_study(str(tmp_path / "mine.yaml"))


# Keys

DATA = {"fingerprint": "abc", "split": "official", "train_images": None}
RATE = {"learning_rate": Range(1e-4, 1e-2, True)}


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


def test_the_ranges_of_a_strategy_are_in_its_key(monkeypatch):
    before = cell(strategy="focal_loss").key(DATA, "w")
    monkeypatch.setattr("fer_bench.study.spec.ranges", lambda cls: {"gamma": Range(0.5, 5.0)})
    assert cell(strategy="focal_loss").key(DATA, "w") != before


def test_trials_repeats_and_the_name_of_the_study_are_in_no_key():
    def keys(**changes):
        return [c.key(DATA, "w") for c in resolve({**SMALL, **changes}).cells()]

    assert keys() == keys(trials=7) == keys(repeats=9)
    assert keys() != keys(recipe={**SMALL["recipe"], "batch_size": 32})


def test_seeds_belong_to_their_words():
    seeds = {
        derive_seed("a", 1),
        derive_seed("a", 2),
        derive_seed("b", 1),
        derive_seed("a1"),
        derive_seed("a", "1"),
    }
    assert len(seeds) == 5
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert derive_seed("trial", 0) == 1366917614, "the same on every machine and in every version"
    assert digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1})


def test_what_a_search_may_change_is_named_by_the_recipe():
    recipe = Recipe(head={"dropout": 0.2, "l2": 1e-4}, augmentation={"strength": 0.5}, label_smoothing=0.1)
    found = settings(recipe).model_dump()
    assert found == {
        "learning_rate": 1e-3, "weight_decay": 0.0, "label_smoothing": 0.1, "dropout": 0.2, "l2": 1e-4,
        "augmentation_strength": 0.5,
    }  # fmt: skip
    assert settings(Recipe(augmentation="none")).augmentation_strength == 0


def test_a_spec_can_not_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        StudySpec(**SMALL).trials = 3


def test_reading_a_study_loads_nothing_heavy():
    import subprocess
    import sys

    script = (
        "import sys; from fer_bench.study.resolve import resolve; "
        "from fer_bench.study.file import read_study; "
        "resolve(read_study('imbalance')[1], 'quick'); "
        "heavy = ('keras', 'tensorflow', 'jax', 'optuna', 'mlflow', 'sklearn', 'imblearn'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    root = str(Path(fer_bench.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=root, check=True
    )
    assert done.stdout.strip() == "[]"
