"""Stores, weights and results that don't fit: what a user is told, before hours of training."""

import re
import shutil
import sqlite3
import time

import h5py
import numpy as np
import pytest
from PIL import Image
from servers import free_port
from tiny_study import tiny_study

from fer_bench.data import cache
from fer_bench.data.archive import open_tree
from fer_bench.data.class_folders import read_folder
from fer_bench.errors import UserError
from fer_bench.storage import databases
from fer_bench.study.plan import make_plan


@pytest.fixture(autouse=True)
def folder(workplace):
    return workplace


# Stores


def revision(path, name):
    with sqlite3.connect(path) as database:
        database.execute("update alembic_version set version_num = ?", (name,))


def shorten(path):
    path.write_bytes(path.read_bytes()[:20_000])


def become_folder(path):
    path.unlink()
    path.mkdir()


def become_foreign(path):
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("create table songs (title text)")


AGAIN = "move the file away, and fer-bench run makes it anew from its result files; or another --mlruns"
BROKEN = {
    "newer": (lambda path: revision(path, "feedbeef1234"), "was made by another release of"),
    "text": (lambda path: path.write_text("no database, " * 99), "file is not a database"),
    "truncated": (shorten, "database disk image is malformed"),
    "folder": (become_folder, "it is a folder"),
    "empty": (lambda path: path.write_bytes(b""), "it is empty"),
    "foreign": (become_foreign, "it has other tables"),
}


@pytest.mark.parametrize(("spoil", "said"), BROKEN.values(), ids=BROKEN)
def test_a_store_of_mlflow_that_can_not_be_opened_is_refused_at_once(
    folder, refused, empty_stores, spoil, said
):
    shutil.copytree(empty_stores, folder / "mlruns")
    spoil(folder / "mlruns/mlflow.db")
    started = time.monotonic()
    for words in (("leaderboard", "--study", "mine"), ("ui", "--port", free_port())):
        told = refused(*words)
        assert "can't open the MLflow store sqlite:///" in told
        assert said in told
        assert AGAIN in told
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("port", [-1, 0, 65536, 99999])
def test_a_port_that_is_none_is_refused_at_once(refused, port):
    assert f"--port {port}: expected a number from 1 to 65535" in refused("ui", f"--port={port}")


@pytest.mark.parametrize(("spoil", "said"), BROKEN.values(), ids=BROKEN)
def test_a_storage_of_optuna_that_can_not_be_opened_is_refused_at_once(folder, empty_stores, spoil, said):
    from fer_bench.storage.optuna_store import open_storage

    shutil.copytree(empty_stores, folder / "mlruns")
    spoil(folder / "mlruns/optuna.db")
    with pytest.raises(UserError) as told:
        open_storage(folder / "mlruns", None)
    assert re.match("can't open the Optuna storage sqlite:///[^\n]*$", str(told.value))
    assert said in str(told.value)
    assert AGAIN in str(told.value)


def test_a_server_database_with_the_other_tables_in_it_is_told_apart():
    error = RuntimeError("The runtime optuna version 5.0.0 is no longer compatible with the table schema")
    said = str(databases.refusal("Optuna storage", "postgresql+psycopg://me:secret@host/both", error))
    assert "another release of Optuna; install that one, or use a database of its own" in said
    assert "secret" not in said and "\n" not in said


def test_of_an_older_release_the_same_is_said(empty_stores, folder):
    from fer_bench.storage.mlflow_client import open_client

    shutil.copytree(empty_stores, folder / "mlruns")
    revision(folder / "mlruns/mlflow.db", "f5a4f2784254")
    with pytest.raises(UserError, match="was made by another release of MLflow; install that one, or move"):
        open_client(f"sqlite:///{folder}/mlruns/mlflow.db")


@pytest.mark.parametrize("url", ["nosuch://me:secret@host/db", "postgresql+nosuch://me:secret@host/db"])
def test_an_address_that_nothing_can_open_is_refused_without_its_password(folder, url):
    from fer_bench.storage.mlflow_client import open_client
    from fer_bench.storage.optuna_store import open_storage

    for call in (lambda: open_client(url), lambda: open_storage(folder, url)):
        with pytest.raises(
            UserError, match=r"can't open the .*me:\*\*\*@host/db: .*check the address"
        ) as told:
            call()
        assert "secret" not in str(told.value)


def test_doctor_names_what_is_broken(folder, fer_bench, monkeypatch, empty_stores):
    shutil.copytree(empty_stores, folder / "mlruns")
    monkeypatch.setenv("FER_BENCH_WEIGHTS", str(folder))
    for part in ("_machine", "_data"):
        monkeypatch.setattr(f"fer_bench.cli.doctor.{part}", lambda: iter(()))
    (folder / "resnet50.weights.h5").write_bytes(b"[text]")
    (folder / "mlruns/mlflow.db").write_bytes(b"text")
    (folder / "mlruns/optuna.db").write_bytes(b"text")
    said = " ".join(fer_bench("doctor").split())
    assert "no vgg16.weights.h5 in the folder" in said
    assert "is no whole HDF5 file" in said
    assert "can't open the MLflow store" in said
    assert "can't open the Optuna storage" in said


@pytest.mark.parametrize(
    "spoil", [become_foreign, lambda path: path.write_bytes(b"")], ids=["foreign", "empty"]
)
def test_doctor_leaves_a_database_of_others_as_it_is(folder, empty_stores, spoil):
    from fer_bench.cli.doctor import BAD, _stores

    shutil.copytree(empty_stores, folder / "mlruns")
    spoil(folder / "mlruns/mlflow.db")
    before = (folder / "mlruns/mlflow.db").read_bytes()
    (mark, what, said), _ = _stores(folder / "mlruns")
    assert (mark, what) == (BAD, "mlflow") and "can't open the MLflow store" in said
    assert (folder / "mlruns/mlflow.db").read_bytes() == before


def test_doctor_says_of_a_file_that_it_is_no_folder(folder):
    from fer_bench.cli.doctor import BAD, _stores

    (folder / "afile").touch()
    ((mark, _, said),) = _stores(folder / "afile")
    assert mark == BAD and "is a file; expected a folder" in said


# Weights


def faces(root, seed):
    rng = np.random.RandomState(seed)
    for name in ("happy", "sad"):
        (root / name).mkdir(parents=True)
        for i in range(30):
            Image.fromarray(rng.randint(0, 256, (16, 16), dtype=np.uint8)).save(root / name / f"{i}.png")
    return root


def study(backbones=("compact_cnn",), weights="none"):
    """A study on an import called mine, of few images."""
    return tiny_study(
        recipe={"image_size": 32, "batch_size": 8, "weights": weights}, backbones=list(backbones),
        dataset="mine", split="random_80_10_10", train_images=None, val_images=None, test_images=None,
    )  # fmt: skip


@pytest.fixture
def pretrained(folder):
    """Write a study of backbones that want pretrained weights."""
    cache.save("mine", read_folder(open_tree(faces(folder / "faces", seed=1))))
    return lambda *backbones: (folder / "mine.yaml").write_text(study(backbones, "imagenet"))


def hdf5(path, cut=False):
    with h5py.File(path, "w") as file:
        file["weights"] = np.zeros(5000)
    if cut:
        path.write_bytes(path.read_bytes()[:-9000])


def test_weights_that_are_missing_are_named_with_what_to_type_instead(
    folder, refused, pretrained, monkeypatch
):
    pretrained("vgg16", "mobilenet_v2")
    monkeypatch.setenv("FER_BENCH_WEIGHTS", str(folder))
    hdf5(folder / "mobilenet_v2.weights.h5")
    said = refused("run", "--study", "mine.yaml", "--dry-run")
    assert f"vgg16: no vgg16.weights.h5 in the folder that FER_BENCH_WEIGHTS names, {folder}" in said
    assert "without them: --backbones mobilenet_v2" in said
    pretrained("compact_cnn")
    assert "`weights: none` in the recipe does without" in refused("run", "--study", "mine.yaml")


@pytest.mark.parametrize("named", ["nowhere", "mine.yaml"])
def test_a_folder_of_weights_that_is_none_is_said_once(folder, refused, pretrained, monkeypatch, named):
    pretrained("vgg16", "mobilenet_v2", "resnet50", "mobilenet_conv")
    monkeypatch.setenv("FER_BENCH_WEIGHTS", named)
    said = refused("run", "--study", "mine.yaml", "--dry-run")
    assert f"FER_BENCH_WEIGHTS names {named}: expected a folder of <trunk>.weights.h5" in said
    assert said.count("FER_BENCH_WEIGHTS") == 1


@pytest.mark.parametrize(
    "spoil",
    [lambda p: hdf5(p, cut=True), lambda p: p.write_text("<html>not found"), lambda p: p.touch()],
    ids=["truncated", "text", "empty"],
)
def test_weights_that_are_cut_short_are_found_before_anything_trains(
    folder, refused, pretrained, monkeypatch, spoil
):
    pretrained("vgg16")
    monkeypatch.setenv("FER_BENCH_WEIGHTS", str(folder))
    spoil(folder / "vgg16.weights.h5")
    said = refused("run", "--study", "mine.yaml", "--dry-run")
    assert "vgg16.weights.h5 is no whole HDF5 file (" in said
    assert "remove it and fetch it again" in said


# Other data under the same name


def test_a_dataset_imported_anew_under_its_name_makes_other_cells(folder, fer_bench):
    (folder / "mine.yaml").write_text(study())
    plans = []
    for seed in (1, 2, 1):
        root = faces(folder / f"faces{len(plans)}", seed)
        fer_bench("data", "import", "folder", root, "--name", "mine")
        plans.append(make_plan("mine.yaml"))
    first, other, again = plans
    assert first.fingerprint != other.fingerprint
    assert first.tasks[0].key != other.tasks[0].key
    assert first.tags["data_fingerprint"] != other.tags["data_fingerprint"]
    assert again.tasks[0].key == first.tasks[0].key, "the same images again: their results count again"


def test_results_on_other_data_of_the_same_name_are_never_ranked_with_the_new():
    from fer_bench.leaderboard.ranking import leaderboard
    from fer_bench.storage.records import CellStatus, HeldOut, Predictions, RepeatRecord

    number = np.arange(40)
    images = HeldOut(number % 2, number, np.ones(40, bool), number.astype(str))
    board = {"study": "mine", "dataset": "mine", "split": "official", "budget": "", "images": "9/9/40"}

    def given(data):
        named = {"cell": f"cell on {data}", "board": {**board, "data_fingerprint": data}}
        return named | {"backbone": "compact_cnn", "strategy": "none", "recipe": "r"}

    def repeat(data, slot):
        right = number % (3 if data == "old" else 7) > 0
        seen = Predictions(images, np.where(right, images.labels, 1 - images.labels))
        of_run = {"slot": slot, "seed": slot, "run_id": f"{data}{slot}", "commit": "", "started": slot}
        of_run |= {"metrics": {"test/macro_f1": right.mean()}, "tags": {}, "predictions": lambda: seen}
        of_run["outputs"] = lambda: None
        return RepeatRecord(**given(data), **of_run, shared_key=data, selected_from=1)

    done = {f"{what}_{n}": 2 for what in ("trials", "repeats") for n in ("done", "planned")}
    planned = CellStatus(**given("new"), **done, trials_failed=0)
    frame = leaderboard([planned], [repeat(data, slot) for data in ("old", "new") for slot in (0, 1)])
    found = frame.set_index("data_fingerprint")
    assert found["rank"].fillna(0).to_dict() == {"new": 1, "old": 0}
    assert "not a cell of the study as it is now" in found["warnings"]["old"]
    assert found["gain"].isna().all()
