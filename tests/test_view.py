"""What a plan shows on a terminal."""

import io
import textwrap
from dataclasses import replace

from rich.console import Console

from fer_bench.plan import make_plan
from fer_bench.view import show_plan

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


def test_the_plan_says_why_what_and_what_is_wrong_with_it(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_BENCH_HOME", str(tmp_path / "home"))
    path = tmp_path / "mine.yaml"
    path.write_text(textwrap.dedent(STUDY))
    plan = replace(make_plan(str(path)), notes=("augmented copies [many]",), twins=91)
    console = Console(file=io.StringIO(), width=200)
    show_plan(plan, console)
    lines = console.file.getvalue().splitlines()
    assert lines[0] == "budget quick, as the faces are synthetic (others: )"
    assert "300 train, 100 val, 1,000 test images" in lines[1]
    assert lines[2] == "note: augmented copies [many]"
    assert lines[3].startswith("note: 91 of the 1,000 test images are also in train or val")
    assert "2 cells x (1 trial + 3 repeats), at most 18 steps" in lines[4]


def test_bars_of_two_workers_stand_side_by_side():
    from types import SimpleNamespace

    from rich.progress import Progress

    from fer_bench.view import _Bars

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
