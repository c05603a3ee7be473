"""What a user may give for a study, and is told in a few lines; through the real command line."""

import json

import pytest
import tiny_study

from fer_bench.study.file import read_study, study_files
from fer_bench.study.resolve import resolve

STUDY = tiny_study.STUDY.replace("[none, oversampling]", "[none]") + tiny_study.SEARCH
STUDY += "budgets:\n  quick: {trials: 1}\n"


@pytest.fixture(autouse=True)
def folder(workplace):
    """The current folder, in which a refused command writes nothing."""
    yield workplace
    assert not (workplace / "mlruns").exists()


def edited(old: str, new: str) -> str:
    assert old in STUDY
    return STUDY.replace(old, new)


def test_the_study_that_all_these_spoil_is_fine(folder):
    (folder / "mine.yaml").write_text(STUDY)
    name, content = read_study("mine.yaml")
    assert name == "mine"
    assert resolve(content, "quick").trials == 1


CASES = {
    # names
    "study key": ("backbones:", "backbone:", "unknown study key 'backbone': did you mean 'backbones'?"),
    "backbone": ("compact_cnn", "compact_cn", "unknown backbone 'compact_cn': did you mean 'compact_cnn'?"),
    "strategy": ("[none]", "[ohnone]", "unknown strategy 'ohnone': did you mean 'none'?"),
    "budget": ("  quick:", "  quickly:", "unknown budget 'quick': did you mean 'quickly'?"),
    "dataset": ("synthetic", "sinthetic", "unknown dataset 'sinthetic': did you mean 'synthetic'?"),
    "split": ("synthetic\n", "synthetic\nsplit: offical\n", "split: expected official, union,"),
    "recipe key": (
        "image_size",
        "imagesize",
        "unknown key of recipe 'imagesize': did you mean 'image_size'?",
    ),
    "phase key": ("epochs", "epoch", "unknown key of recipe.phases.0 'epoch': did you mean 'epochs'?"),
    "search key": ("low:", "lo:", "unknown key of search.learning_rate 'lo': did you mean 'low'?"),
    "search name": ("learning_rate", "learnrate", "did you mean 'learning_rate'?"),
    "recipe key outside": ("recipe:\n", "image_size: 9\nrecipe:\n", "'image_size' belongs under recipe"),
    "budget's key": ("{trials: 1}", "{trails: 1}", "unknown study key 'trails': did you mean 'trials'?"),
    # types
    "word for a number": (
        "train_images: 200",
        "train_images: lots",
        "train_images: expected a whole number, got 'lots'",
    ),
    "point": ("train_images: 200", "train_images: 300.5", "train_images: expected a whole number, got 300.5"),
    "quoted": (
        "train_images: 200",
        "train_images: '300'",
        "train_images: expected a whole number without quotes, got '300'",
    ),
    "yes for an int": (
        "train_images: 200",
        "train_images: yes",
        "train_images: expected a whole number, got True",
    ),
    "true for a float": (
        "low: 1.0e-4",
        "low: true",
        "search.learning_rate.low: expected a number, got True",
    ),
    "true in a list": (
        "recipe:\n",
        "recipe:\n  head: {dense: [true]}\n",
        "recipe.head.dense.0: expected a whole number, got True",
    ),
    "word for a list": ("[none]", "none", "strategies: expected a list, as in [a, b], got 'none'"),
    "number in a list": ("[none]", "[3]", "strategies.0: expected a word, got 3"),
    "list for keys": (
        "{low: 1.0e-4, high: 1.0e-2, log: true}",
        "[1, 2]",
        "search.learning_rate: expected keys",
    ),
    "word for keys": (
        "{trainable: all, epochs: 2}",
        "all",
        "recipe.phases.0: expected keys and values, got 'all'",
    ),
    "nothing": (
        "train_images: 200",
        "train_images:\nbackbones: []",
        "line 7: key 'backbones' is there twice, keep one",
    ),
    "null": ("[compact_cnn]", "~", "backbones: expected a list"),
    "budget that is a number": ("{trials: 1}", "3", "budgets: expected a mapping"),
    "list of budgets": ("budgets:\n  quick: {trials: 1}", "budgets: []", "budgets: expected a mapping"),
    "budget named by a path": ("  quick:", "  ../quick:", "budgets: '../quick': expected 1 to 64 of a-z"),
    "number in a budget": (
        "{trials: 1}",
        "{trials: two}",
        "budgets.quick.trials: expected a whole number, got",
    ),
    "key in a budget": ("{trials: 1}", "{recipe: {rate: 1}}", "budgets.quick: unknown key of recipe 'rate'"),
    "budgets in a budget": (
        "{trials: 1}",
        "{budgets: {}}",
        "budgets.quick: unknown study key 'budgets': known:",
    ),
    "contradiction by a budget": (
        "{trials: 1}",
        "{recipe: {schedule: cosine, plateau: {}}}",
        "with budgets.quick: recipe: plateau lowers a constant learning rate",
    ),
    "trainable": (
        "trainable: all",
        "trainable: tail",
        "recipe.phases.0.trainable: expected head, all or {last: N}, N a whole number from 1, got 'tail'",
    ),
    "last layers": ("trainable: all", "trainable: {last: 0}", "trainable: expected head, all or {last: N}"),
    "phase without epochs": (", epochs: 2", "", "recipe.phases.0.epochs: is missing"),
    "per cent": (
        "recipe:\n",
        "reported: {accuracy: 50.5}\nrecipe:\n",
        "accuracy: expected a share from 0 to 1",
    ),
    "loss below 0": (
        "recipe:\n",
        "reported: {loss: -3}\nrecipe:\n",
        "reported: loss: expected 0 or more, got -3",
    ),
    "range's end": (
        "  learning_rate:",
        "  dropout: {low: 0, high: 1.5}\n  learning_rate:",
        "search.dropout.high: expected less than 1, got 1.5",
    ),
    "budget named by a number": ("  quick:", "  1:", "budgets: expected a mapping"),
    # numbers
    "empty list": ("[none]", "[]", "strategies: expected at least one"),
    "empty phases": ("[{trainable: all, epochs: 2}]", "[]", "recipe.phases: expected at least one"),
    "zero": (
        "train_images: 200",
        "train_images: 0",
        "train_images: expected 1 or more, got 0",
    ),
    "negative": (
        "epochs: 2",
        "epochs: -1",
        "recipe.phases.0.epochs: expected 1 or more, got -1",
    ),
    "huge": ("epochs: 2", f"epochs: {10**30}", "recipe.phases.0.epochs: expected 1000000 or less, got 1"),
    "digits": ("epochs: 2", f"epochs: {'9' * 5000}", "is not plain YAML: Exceeds the limit"),
    "nan": ("low: 1.0e-4", "low: .nan", "search.learning_rate.low: expected a finite number, got nan"),
    "inf": ("high: 1.0e-2", "high: .inf", "search.learning_rate.high: expected a finite number, got inf"),
    "inf in a phase": (
        "epochs: 2",
        "epochs: 2, learning_rate: .inf",
        "learning_rate: expected a finite number, got inf",
    ),
    "upside down": ("low: 1.0e-4", "low: 1.0", "low 1.0 must not exceed high 0.01"),
    "log of zero": ("low: 1.0e-4", "low: 0", "be above 0 if log"),
    "beside the recipe": (
        "high: 1.0e-2",
        "high: 5.0e-4",
        "the recipe's own value 0.001 (tried first) lies outside",
    ),
    "out of bounds": (
        "image_size: 24",
        "image_size: 4096",
        "recipe.image_size: expected 255 or less, got 4096",
    ),
    # YAML
    "open": ("[none]", "[none", "is not plain YAML: line 4"),
    "tab": ("  weights", "\tweights", "is not plain YAML: line 12"),
    "python": (
        "[none]",
        "!!python/object/apply:os.system ['true']",
        "is not plain YAML: line 3: could not determine",
    ),
    "key twice": (
        "val_images: 80",
        "val_images: 80\nval_images: 9",
        "line 8: key 'val_images' is there twice",
    ),
    "key twice inside": ("epochs: 2", "epochs: 2, epochs: 3", "line 14: key 'epochs' is there twice"),
    "alias": ("[none]", "&a [none]\nx: *a", "line 4: alias *a: aliases are not read, write it out"),
    "month": ("dataset: synthetic", "dataset: 2024-13-45", "is not plain YAML: month must be in 1..12"),
    "tag": ("[none]", "!!bool maybe", "is not plain YAML"),
    "a key that is a list": ("[none]", "{? [a, b] : 1}", "is not plain YAML"),
    "two documents": ("recipe:", "---\nrecipe:", "is not plain YAML"),
}


@pytest.mark.parametrize(("old", "new", "said"), CASES.values(), ids=CASES)
def test_a_study_with_a_mistake_is_refused_with_what_to_do(folder, refused, old, new, said):
    (folder / "mine.yaml").write_text(edited(old, new))
    assert said in refused("run", "--study", "mine.yaml", "--budget", "quick", "--dry-run")


def test_of_wrong_entries_of_a_list_only_they_are_told(folder, refused):
    for old, new, said in (
        (
            "[none]",
            "[3, [none]]",
            "strategies.0: expected a word, got 3 strategies.1: expected a word, got ['none']",
        ),
        ("trainable: all", "trainable: tail", ", got 'tail'"),
    ):
        (folder / "mine.yaml").write_text(edited(old, new))
        told = refused("run", "--study", "mine.yaml", "--dry-run")
        assert told.endswith(said) and "at least one" not in told


@pytest.mark.parametrize("name", ["a/b", "../x", "a\nb", "x" * 65, "", "[red]x", "[/x]", ".x", "-x", "a b"])
def test_a_recipe_s_name_that_no_folder_can_have_is_refused(folder, refused, name):
    (folder / "mine.yaml").write_text(STUDY + f"recipes: {{{json.dumps(name)}: {{}}}}\n")
    told = refused("run", "--study", "mine.yaml", "--dry-run")
    assert f"recipes: {name[:70]!r}: expected 1 to 64 of a-z, A-Z, 0-9, _, - and ." in told


def test_what_is_wrong_in_a_recipe_s_or_its_budget_s_keys_is_said_with_its_place(folder, refused):
    for budget, said in (
        ("{}", "recipes.plain.recipe.keep: expected best or last, got 'first'"),
        (
            "{recipes: {plain: {recipe: {keep: no}}}}",
            "budgets.quick.recipes.plain.recipe.keep: expected best",
        ),
    ):
        text = edited("{trials: 1}", budget) + "recipes: {plain: {recipe: {keep: first}}}\n"
        (folder / "mine.yaml").write_text(text)
        assert said in refused("run", "--study", "mine.yaml", "--budget", "quick", "--dry-run")


@pytest.mark.parametrize("name", ["[red]z", "my study", "x" * 65])
def test_a_study_s_file_needs_a_name_that_an_experiment_can_have(folder, refused, name):
    (folder / f"{name}.yaml").write_text(STUDY)
    told = refused("run", "--study", f"{name}.yaml", "--dry-run")
    assert f"study file {name!r}: expected 1 to 64 of a-z" in told


def test_a_dot_in_a_study_s_name_stays(folder):
    (folder / "v1.2.yaml").write_text(STUDY)
    assert read_study("v1.2.yaml")[0] == "v1.2"


def test_a_study_of_many_digits_is_refused_in_one_line(folder, refused):
    (folder / "mine.yaml").write_text(edited("200", "0x" + "f" * 9_000))
    assert "train_images: expected" in refused("run", "--study", "mine.yaml", "--dry-run")


def laughs() -> bytes:
    lines = ["a0: &a0 [ha, ha]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    return ("\n".join(lines) + "\nbackbones: *a11\n").encode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "expected keys and values (dataset: ..., backbones: [...]), got nothing"),
        (b"# only a remark\n", "got nothing"),
        (b"- vgg16\n", "got a list"),
        (b"vgg16", "got a str"),
        (b"1: 2\n", "got keys that are no words"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\xff", "is not plain YAML: 'utf-8' codec can't decode byte 0x89"),
        (b"a: \x00\x01", "is not plain YAML: unacceptable character"),
        (STUDY.encode("utf-16"), "is not plain YAML: 'utf-8' codec can't decode"),
        (b"a: " + b"[" * 2_000, "is not plain YAML"),
        (laughs(), "line 2: alias *a0: aliases are not read"),
        (b"&a [*a]", "alias *a"),
        (b"<<: &a {<<: *a}", "alias *a"),
    ],
    ids=[
        "empty",
        "remark",
        "list",
        "word",
        "number",
        "binary",
        "control",
        "utf16",
        "deep",
        "laughs",
        "loop",
        "merge",
    ],
)
def test_a_file_that_is_no_study_is_refused(folder, refused, content, said):
    (folder / "mine.yaml").write_bytes(content)
    told = refused("run", "--study", "mine.yaml", "--dry-run")
    assert "mine.yaml" in told
    assert said in told


def test_a_file_of_100_mb_is_not_read(folder, refused):
    with (folder / "mine.yaml").open("wb") as file:
        file.truncate(100 * 2**20)
    assert "104,857,600 bytes are no study; expected a page" in refused("run", "--study", "mine.yaml")


@pytest.mark.parametrize("name", ["nowhere.yaml", "mine.yaml", ".", "a" * 300 + ".yaml", "mine\x01.yaml", ""])
def test_a_name_or_folder_that_is_no_study_is_met_with_those_that_are(folder, refused, name):
    (folder / "mine.yaml").mkdir()
    known = ", ".join(sorted(study_files()))
    assert f"known: {known} (or give the path" in refused("run", "--study", name)


def test_a_file_that_may_not_be_read_is_refused(folder, refused, monkeypatch):
    (folder / "mine.yaml").write_text(STUDY)

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("fer_bench.study.file.Path.read_text", denied)
    assert "mine.yaml can't be read: Permission denied" in refused("run", "--study", "mine.yaml")


def test_of_many_mistakes_the_first_are_said_and_the_others_counted(folder, refused):
    (folder / "mine.yaml").write_text(STUDY + "".join(f"wrong{n}: 1\n" for n in range(40)))
    assert refused("run", "--study", "mine.yaml", "--dry-run").endswith("and 37 more errors")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--budget", "quik"], "unknown budget 'quik': did you mean 'quick'?"),
        (["--backbones", "vgg61"], "unknown backbone 'vgg61': did you mean 'vgg16'?"),
        (["--strategies", "focal_los"], "unknown strategy 'focal_los': did you mean 'focal_loss'?"),
        (["--dataset", "synthetics"], "unknown dataset 'synthetics': did you mean 'synthetic'?"),
        (["--split", "unoin"], "split: expected official, union,"),
        (["--split", "union,official"], "split: expected official"),
        (["--backbones", ","], "backbones: expected at least one"),
        (["--strategies", ""], "strategies: expected at least one"),
        (["--recipe", ""], "--recipe: expected the name of one of the study's recipes, got ''"),
        (["--mlruns", "mine.yaml"], "--mlruns mine.yaml: mine.yaml is a file; expected a folder"),
        (["--mlruns", "mine.yaml/in"], "--mlruns mine.yaml/in: mine.yaml is a file; expected a folder"),
        (["--storage", "me:secret@host"], "--storage: expected an address, as in postgresql+psycopg://"),
        (["--trials", "99999999999"], "trials: expected 1000000 or less, got 99999999999"),
    ],
    ids=str,
)
def test_options_are_checked_like_the_file(folder, refused, words, said):
    (folder / "mine.yaml").write_text(STUDY)
    assert said in refused("run", "--study", "mine.yaml", *words, "--dry-run")
