"""Which repeats of a study are meant, and runs of other versions of fer-bench, which can't be exported."""

import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from fer_bench.errors import UserError
from fer_bench.inference import kept_repeat
from fer_bench.inference.kept_repeat import KeptRepeat, choose_repeats, find_best_repeat, read_repeat
from fer_bench.storage.records import CellStatus, RepeatRecord
from fer_bench.study.recipe import Recipe

CELL = "compact_cnn/none"
RECIPE = Recipe(image_size=32, weights="none", augmentation="none", head={"dropout": 0.25})


def record(cell: str, started: float, **board: str) -> RepeatRecord:
    board = {"dataset": "synthetic", "split": "official", "budget": "", **board}
    return RepeatRecord(
        cell=cell, board=board, backbone="compact_cnn", strategy="none", recipe="", shared_key="",
        selected_from=1, slot=0, seed=0, run_id=cell, commit="c0ffee", started=started, metrics={},
        tags={}, predictions=lambda: None, outputs=lambda: None,
    )  # fmt: skip


def planned(cell: str) -> CellStatus:
    return CellStatus(
        cell=cell, board={}, backbone="compact_cnn", strategy="none", recipe="", trials_done=1,
        trials_failed=0, trials_planned=1, repeats_done=1, repeats_planned=1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("board", "found"),
    [
        ({"dataset": "fer2013"}, "c"),
        ({"recipe": "as_written"}, "a"),
        ({"dataset": "synthetic", "recipe": "as_should_be"}, "b"),
        ({}, "choose one: --dataset fer2013 or --dataset synthetic --recipe as_should_be or --dataset"),
        ({"dataset": "synthetic"}, "choose one: --recipe as_should_be or --recipe as_written"),
        ({"split": "union"}, "with --split union was never run; choose one: "),
    ],
)  # fmt: skip
def test_of_cells_of_one_name_the_options_choose(board, found):
    records = [
        record("a", 1, recipe_name="as_written"),
        record("b", 2, recipe_name="as_should_be"),
        record("c", 3, dataset="fer2013"),
        record("d", 4, dataset="fer2013"),  # later, but no longer in the plan
    ]
    choose = partial(choose_repeats, [planned(cell) for cell in "abc"], records, "faces", CELL, board)
    if len(found) == 1:
        assert [r.cell for r in choose()] == [found]
    else:
        with pytest.raises(UserError, match=re.escape(found)):
            choose()


def test_of_several_training_sets_the_options_choose():
    records = [
        record("a", 1, imbalance_ratio="1"),
        record("b", 2, imbalance_ratio="16.5"),
        record("c", 3, imbalance_ratio="1", label_noise="0.2 (angry > sad)"),
    ]
    choose = partial(choose_repeats, [], records, "faces", CELL)
    assert [r.cell for r in choose({"imbalance-ratio": "16.5"})] == ["b"]
    assert [r.cell for r in choose({"label-noise": "0.2"})] == ["c"]
    with pytest.raises(
        UserError, match="choose one: --imbalance-ratio 1 or --imbalance-ratio 1 --label-noise 0"
    ):
        choose({})


@pytest.fixture
def read(tmp_path):
    """Read a repeat with other parameters, or without one of its arrays."""
    logged = {f"recipe.{name}": json.dumps(value) for name, value in RECIPE.model_dump(mode="json").items()}
    arrays = {
        "classes": np.array(["angry", "sad"]),
        "class_counts": np.array([3, 1]),
        "image_shape": np.array([48, 40, 1]),
        "test_logits": np.eye(2, dtype="float32"),
        "test_labels": np.array([0, 1]),
        "val_logits": np.eye(2, dtype="float32"),
        "val_labels": np.array([0, 1]),
        "val_ids": np.array(["c", "d"]),
        "test_ids": np.array(["1.png", "2.png"]),
    }

    def read(without: str = "", **parameters: str) -> KeptRepeat:
        np.savez(tmp_path / "predictions.npz", **{k: v for k, v in arrays.items() if k != without})
        repeat = replace(record("a", 1), strategy="focal_loss")
        return read_repeat(
            repeat, "the median", logged | parameters, tmp_path / "predictions.npz", Path("weights")
        )

    return read


def test_parameters_come_back_as_they_were(read):
    kept = read(**{"focal_loss.gamma": "1.5"})
    assert kept.recipe == RECIPE
    assert kept.strategy.gamma == 1.5
    assert (kept.classes, kept.image_shape) == (("angry", "sad"), (48, 40, 1))
    assert read(**{"recipe.augmentation": "None"}).recipe == RECIPE, "None as Python writes it, too"


@pytest.mark.parametrize("name", ["recipe.warmth", "focal_loss.delta"])
def test_a_run_with_parameters_that_are_gone_names_the_commit_to_export_with(read, name):
    with pytest.raises(UserError, match=r"another version of fer-bench \(commit c0ffee\)"):
        read(**{name: "1"})


def test_a_run_from_before_there_was_an_export_is_to_be_trained_again(read):
    with pytest.raises(UserError, match=r"could not export yet \(commit c0ffee\): train the cell again"):
        read(without="class_counts")


@pytest.mark.parametrize(
    ("kept", "found"),
    [("abcd", "b"), ("acd", "a"), ("cd", "c"), ("d", "d"), ("", "no weights were kept in here")],
)
def test_the_best_kept_repeat_is_of_any_study_but_of_drawn_faces_last(monkeypatch, tmp_path, kept, found):
    scores = {"a": ("fer2013", 0.5), "b": ("raf_db", 0.6), "c": ("synthetic", 0.9), "d": ("synthetic", 0.8)}
    records = [
        replace(record(name, 1, dataset=dataset), metrics={"val/macro_f1": score})
        for name, (dataset, score) in scores.items()
    ]
    of_study = {"faces": records[:1], "others": records[1:]}

    class Files:
        def __init__(self, mlruns):
            pass

        def check_not_moved(self, mlruns, run_id):
            pass

        def names(self, run_id):
            return ["predictions.npz", *(["1.weights.h5"] if run_id in kept else [])]

        def fetch(self, run_id, name, folder):
            return folder / name

        def parameters(self, run_id):
            return {}

    monkeypatch.setattr(kept_repeat, "no_runs_yet", lambda mlruns: False)
    monkeypatch.setattr(
        kept_repeat, "experiment_names", lambda mlruns: {s: (s, s) for s in ("faces", "others", "others")}
    )
    monkeypatch.setattr(kept_repeat, "read_study_runs", lambda mlruns, study: ([], of_study[study]))
    monkeypatch.setattr(kept_repeat, "RunFiles", Files)
    monkeypatch.setattr(kept_repeat, "read_repeat", lambda record, place, *_: (record.run_id, place))
    if len(found) > 1:
        with pytest.raises(UserError, match=found):
            find_best_repeat(Path("here"), tmp_path)
    else:
        study = "faces" if found == "a" else "others"
        place = f"repeat 0 of study {study}, the best kept by validation macro-F1"
        assert find_best_repeat(Path("here"), tmp_path) == (found, place)
