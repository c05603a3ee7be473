"""What a plan shows on a terminal."""

import io
import textwrap
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from rich.console import Console

from fer_bench.cli.plan_view import show_plans
from fer_bench.cli.progress import follow
from fer_bench.study.plan import make_plan, make_plans

STUDY = """
    dataset: synthetic
    backbones: [compact_cnn]
    strategies: [none, oversampling]
    train_images: 300
    val_images: 100
    test_images: 1000
    recipe: {image_size: 32, batch_size: 32, weights: none, phases: [{trainable: all, epochs: 2}]}
    budgets:
      quick: {repeats: 3}
"""
BARE = {"image_size": 32, "batch_size": 32, "weights": "none", "augmentation": "none"}


def test_the_plan_says_why_what_and_what_is_wrong_with_it(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_BENCH_HOME", str(tmp_path / "home"))
    path = tmp_path / "mine.yaml"
    path.write_text(textwrap.dedent(STUDY))
    plan = replace(make_plan(str(path)), notes=("augmented copies [many]",), twins=91)
    console = Console(file=io.StringIO(), width=200)
    show_plans([plan], console)
    lines = console.file.getvalue().splitlines()
    assert lines[0] == "budget quick, as the faces are synthetic (others: )"
    assert "300 train, 100 val, 1,000 test images" in lines[1]
    assert lines[2] == "note: augmented copies [many]"
    assert lines[3].startswith("note: 91 of the 1,000 test images are also in train or val")
    assert "2 cells x (1 trial + 3 repeats), at most 18 steps" in lines[4]


RECIPES = (
    STUDY
    + """
    recipes:
      long_one: {recipe: {augmentation: {rotation: 10}}}
      other_order: {strategies: [oversampling, none]}
      like_the_first: {recipe: {augmentation: {rotation: 20}}}
"""
)


def shown(tmp_path, monkeypatch, text, **options) -> list[str]:
    monkeypatch.setenv("FER_BENCH_HOME", str(tmp_path / "home"))
    (tmp_path / "mine.yaml").write_text(textwrap.dedent(text))
    console = Console(file=io.StringIO(), width=80)
    show_plans(make_plans(str(tmp_path / "mine.yaml"), **options), console)
    return console.file.getvalue().splitlines()


def test_what_recipes_share_is_said_once(tmp_path, monkeypatch):
    lines = shown(tmp_path, monkeypatch, RECIPES)
    assert len([line for line in lines if line.startswith("note: a stand-in")]) == 1
    assert len([line for line in lines if line.startswith("2 cells x")]) == 3
    heads = [line.rstrip() for line in lines if line.startswith(("mine, recipe", "Backbones", "Effective"))]
    assert [line.partition(": synth")[0] for line in heads] == [
        "mine, recipe long_one", "Backbones", "Effective class prior, %",
        "mine, recipe other_order", "Backbones: as above", "Effective class prior, %",
        "mine, recipe like_the_first", "Backbones: as above", "Effective class prior, %: as above",
    ]  # fmt: skip


def test_names_stay_whole_at_80_columns_and_warnings_stand_below(tmp_path, monkeypatch):
    strategies = ("none", "targeted_augmentation")
    lines = shown(tmp_path, monkeypatch, STUDY, strategies=strategies, recipe=BARE, mlruns=Path("[red]m[/x]"))
    assert any(line.startswith("targeted_augmentation  ") for line in lines)
    assert lines[-1].rstrip() == "targeted_augmentation: no-op: changes nothing on this data"
    assert "results in [red]m[/x]" in " ".join(lines)


def test_a_run_that_finds_all_results_says_so():
    plan = SimpleNamespace(tasks=("a", "b"), trials=1, repeats=2)
    none = [("loading", {}), ("cell", {"cell": "a"}), ("end", {"failures": []})]
    for events, told in ((none, True), ([("waiting", {"cells": ["a"]}), *none], False)):
        console = Console(file=io.StringIO(), width=80)
        assert follow(events, plan, console) == {"failures": []}
        assert ("all 6 results are there already" in console.file.getvalue()) == told


def test_bars_of_two_workers_stand_side_by_side():
    from rich.progress import Progress

    from fer_bench.cli.progress import _Bars

    plan = SimpleNamespace(
        tasks=("a", "b"), trials=1, repeats=1, spec=SimpleNamespace(recipe=SimpleNamespace(epochs=3))
    )
    progress = Progress()
    bars = _Bars(progress, plan)
    for worker, cell in enumerate(("mobilenet_v2/none", "vgg16/none")):
        bars.advance("cell", {"worker": worker, "cell": cell})
        bars.advance("slot", {"worker": worker, "kind": "trial", "slot": 0})
        told = {"epoch": 1 + worker, "epochs": 3, "score": 0.5, "rate": 100.0}
        bars.advance("epoch", {"worker": worker, **told})
    bars.advance("cell_end", {"worker": 0, "cell": "mobilenet_v2/none"})
    bars.advance("cell_end", {"worker": 1, "cell": "mobilenet_v2/none"})
    bars.advance("waiting", {"worker": 0, "cells": ["vgg16/none"]})
    assert [(task.description, task.completed, task.visible) for task in progress.tasks] == [
        ("cells", 1, True), ("mobilenet_v2/none", 0, False), ("trial 0", 1, False),
        ("vgg16/none", 0, True), ("trial 0", 2, True),
    ]  # fmt: skip
    assert progress.tasks[0].fields["note"] == "waiting for 1 cell of other workers"
