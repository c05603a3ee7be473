"""What `import fer_bench` offers: light, whole in any order of imports, and the same as the commands."""

import inspect
import re
import shutil
import subprocess
import sys
import textwrap
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest
from faces import draw_faces
from image_files import import_folder
from model_files import CLASSES, edited
from pictures import noise
from PIL import Image
from portrait import group
from tiny_study import tiny_study

import fer_bench as package
from fer_bench.errors import UserError
from fer_bench.files import write_csv

BLOCKS = re.findall(r"(?:^ {4}.*\n|^\n)+", package.__doc__, re.MULTILINE)
TRAIN, USE = (textwrap.dedent(block) for block in BLOCKS if block.strip())
PLUG_IN = '''
from fer_bench.strategies.base import STRATEGIES, Strategy

@STRATEGIES.register("broken")
class Broken(Strategy):
    """Fails as soon as it trains."""

    def resample(self, labels, seed, progress):
        if seed:  # 0 when the plan is made
            raise MemoryError("no room for the rare")
        return super().resample(labels, seed, progress)
'''


def run_python(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, timeout=900)


@pytest.fixture
def quick_study(workplace) -> Path:
    """A folder with a study `imbalance` that takes seconds: a dataset of 200 images, a plug-in that fails."""
    images = draw_faces(200)
    for i, pixels in enumerate(images.pixels):
        subset = ("train", "train", "train", "val", "test")[i % 5]
        file = workplace / "bars" / subset / images.classes[images.labels[i]] / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.squeeze()).save(file)
    import_folder(workplace / "bars", "bars")
    (workplace / "experiments").mkdir()
    (workplace / "experiments/imbalance.yaml").write_text(
        tiny_study(
            recipe={"phases": [{"trainable": "head", "epochs": 1}]},
            dataset="bars", strategies=["none", "oversampling"], trials=1, repeats=2, search={},
            train_images=None, val_images=None, test_images=None,
            budgets={"quick": {"strategies": ["none", "oversampling", "broken"]}},
        )
    )  # fmt: skip
    return workplace


def test_the_import_loads_nothing_but_the_standard_library():
    done = run_python("-c", "import sys, fer_bench; dir(fer_bench); print(*sys.modules)")
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    bare = {name.split(".")[0] for name in run_python("-c", "import sys; print(*sys.modules)").stdout.split()}
    assert loaded - bare - sys.stdlib_module_names == {"fer_bench"}


def test_every_name_is_there_and_says_what_it_is():
    assert {*package.__all__} <= {*dir(package)}
    for name in package.__all__:
        assert getattr(package, name) is getattr(package, name)
        assert name == "__version__" or inspect.getdoc(getattr(package, name))
    assert isinstance(package.__version__, str)
    assert "compact_cnn" in package.BACKBONES
    with pytest.raises(AttributeError, match="no attribute 'leaderbord'"):
        _ = package.leaderbord


def test_type_checkers_are_told_that_there_are_types():
    assert (files("fer_bench") / "py.typed").is_file()


@pytest.mark.parametrize(
    "imports",
    [
        "import fer_bench; board = fer_bench.leaderboard; import fer_bench.leaderboard.board as module",
        "import fer_bench.leaderboard.board as module; from fer_bench import leaderboard as board",
        "from fer_bench.leaderboard import board as module; import fer_bench; board = fer_bench.leaderboard",
        "from fer_bench.leaderboard.ranking import leaderboard as rank; import fer_bench.leaderboard.board; "
        "from fer_bench import leaderboard as board; module = board.board; assert rank is not board",
    ],
)
def test_the_leaderboard_is_a_package_and_a_function_whatever_is_imported_first(imports):
    checks = (
        "import fer_bench, inspect, sys\n"
        "assert fer_bench.leaderboard is board is sys.modules['fer_bench.leaderboard']\n"
        "assert fer_bench.leaderboard.board is module is sys.modules['fer_bench.leaderboard.board']\n"
        "print(*inspect.signature(board).parameters)\n"
    )
    done = run_python("-c", f"{imports}\n{checks}")
    assert done.stdout.split() == ["study", "mlruns", "from_file", "all_recipes"], done.stderr


def test_the_example_trains_and_ranks_and_what_fails_is_told(quick_study, fer_bench):
    write = "    import pathlib, fer_bench.files; fer_bench.files.write_csv(board, pathlib.Path('run.csv'))"
    Path("example.py").write_text(f"{PLUG_IN}{TRAIN.rstrip()}\n{write}\n")
    done = run_python("example.py")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^0\.0 hours, roughly$", done.stdout, re.MULTILINE)
    results = re.findall(r"^compact_cnn/(\w+ \w+ \d): val macro-F1 0\.\d+", done.stdout, re.MULTILINE)
    slots = ("trial 0", "repeat 0", "repeat 1")
    assert results == [f"{name} {slot}" for name in ("none", "oversampling") for slot in slots]
    assert "compact_cnn/broken trial 0: failed: MemoryError: no room for the rare" in done.stdout
    assert re.search(r"compact_cnn +oversampling +0\.\d+ +-?0\.\d+", done.stdout)
    assert re.search(r"example\.py:\d+: RuntimeWarning: 2 failed, such as compact_cnn/broken", done.stderr)

    fer_bench("leaderboard", "--study", "imbalance", "--out", "command.csv")
    write_csv(package.leaderboard("experiments/imbalance.yaml"), Path("later.csv"))
    by_run, by_command, later = (Path(f"{name}.csv").read_text() for name in ("run", "command", "later"))
    assert by_run == by_command == later
    rows = pd.read_csv("run.csv").set_index("strategy")
    assert "no room for the rare" in rows.loc["broken", "warnings"]
    assert rows.loc["oversampling", "repeats"] == 2


def test_a_script_that_each_worker_would_run_again_is_refused_before_anything_is_made(workplace):
    Path("script.py").write_text("import fer_bench\nfer_bench.run('imbalance', dataset='synthetic')\n")
    done = run_python("script.py")
    assert done.returncode == 1
    assert "script.py: fer_bench.run starts processes that import this script" in done.stderr
    assert 'put what it does under `if __name__ == "__main__":`' in done.stderr
    assert not Path("mlruns").exists()


def test_options_of_a_plan_are_those_of_the_command(quick_study):
    (plan,) = package.plan(
        "imbalance", budget="quick", backbones=["mini_xception"], strategies=["oversampling"], trials=3,
        repeats=4, split="union", mlruns="there", storage="sqlite:///optuna.db", keep_weights="all",
        retry_failed=True,
    )  # fmt: skip
    assert [task.cell.name for task in plan.tasks] == ["mini_xception/oversampling"]
    assert (plan.trials, plan.repeats, plan.budget, plan.spec.split) == (3, 4, "quick", "union")
    assert (plan.mlruns, plan.storage) == (Path("there"), "sqlite:///optuna.db")
    assert (plan.keep_weights, plan.retry_failed) == ("all", True)
    assert not Path("there").exists()
    assert package.plan(Path("experiments/imbalance.yaml"))[0].tags == package.plan("imbalance")[0].tags


def test_what_can_not_be_planned_or_run_is_refused(quick_study):
    with pytest.raises(TypeError, match=r"unknown option 'bugdet': did you mean 'budget'\?"):
        package.plan("imbalance", bugdet="quick")
    with pytest.raises(package.UserError, match=r"unknown budget 'quik': did you mean 'quick'\?"):
        package.run("imbalance", budget="quik")
    plans = package.plan("imbalance")
    with pytest.raises(TypeError, match="budget: options of `plan`, which made these plans"):
        package.run(plans, budget="quick")
    with pytest.raises(ValueError, match="expected plans of one study"):
        package.run([*plans, *package.plan("imbalance", mlruns="other")])


def test_images_are_opened_by_name(quick_study):
    assert package.load_images("bars").pixels.shape == (200, 24, 24, 1)
    with pytest.raises(UserError, match=r"did you mean 'bars'\?"):
        package.load_images("barz")


def test_the_example_predicts_and_names_what_can_not_be_read(model_file, workplace):
    shutil.copyfile(model_file, "model.keras")
    Path("holiday").mkdir()
    noise(0).save("portrait.jpg")
    noise(1).save("holiday/a.png")
    Path("holiday/b.png").write_bytes(b"no picture")
    names: dict[str, object] = {}
    exec(USE.replace("print(", "table = ("), names)
    table = names["table"]
    assert list(table["file"]) == ["portrait.jpg", "holiday/a.png", "holiday/b.png"]
    assert list(table.columns) == [
        *("file", "expression", "probability", "faces", "notes"),
        *("angry", "happy", "sad"),
        *("face", "left", "top", "right", "bottom"),
    ]
    read, unread = table.iloc[:2], table.iloc[2]
    assert list(read["probability"]) == list(read[["angry", "happy", "sad"]].max(axis=1))
    assert list(read["expression"]) == list(read[["angry", "happy", "sad"]].idxmax(axis=1))
    assert unread["notes"] == "not read: not an image"
    assert unread.drop(["file", "notes"]).isna().all()
    one = package.predict(package.load_model("model.keras"), Path("portrait.jpg"), detect=False)
    pd.testing.assert_frame_equal(one, table.iloc[:1])


def test_every_face_is_a_row_of_the_table(model_file, workplace):
    group((20, 40, 150), (300, 20, 500)).save("group.png")
    model = package.load_model(model_file)
    table = package.predict(model, "group.png", faces="all")
    assert list(table["face"]) == [1, 2] and list(table["notes"]) == ["face 1 of 2", "face 2 of 2"]
    assert (table["right"] > table["left"]).all() and table["left"].dtype == "Int64"
    largest = package.predict(model, "group.png")
    pd.testing.assert_frame_equal(largest.drop(columns="notes"), table.iloc[:1].drop(columns="notes"))


def test_classes_named_like_columns_are_refused_and_so_are_files_that_hold_no_model(model_file, workplace):
    noise().save("portrait.jpg")
    model = package.load_model(edited(model_file, Path("odd.keras"), (CLASSES, "classes.angry.file.sad")))
    with pytest.raises(UserError, match="classes named like columns of the table: file"):
        package.predict(model, "portrait.jpg")
    with pytest.raises(UserError, match=r"portrait\.jpg is no model file"):
        package.load_model("portrait.jpg")
