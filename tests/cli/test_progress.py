"""What a run shows while it goes on."""

import io
from functools import partial
from types import SimpleNamespace

import pytest
from rich.console import Console
from rich.progress import Progress

from fer_bench.cli import progress as progress_module
from fer_bench.cli.progress import Bars, Lines, follow
from fer_bench.runner.events import (
    CellBegun,
    CellEnded,
    Ended,
    EpochEnded,
    Event,
    Loading,
    SlotBegun,
    SlotEnded,
    Waiting,
    WorkerDied,
)

PLAN = SimpleNamespace(
    tasks=[SimpleNamespace(name=name, hours=0.1, trials=1) for name in ("a", "b")],
    stages=[],
    trials=1,
    repeats=2,
    slots=6,
    spec=SimpleNamespace(recipe=SimpleNamespace(epochs=3)),
)
NOTHING_TO_DO = [Loading(), CellBegun(cell="a"), CellEnded(cell="a"), Ended()]
SCORES = {"val/macro_f1": 0.51, "test/macro_f1": 0.49, "test/accuracy": 0.6, "val/loss": 1.0}
GOOD = SlotEnded(cell="vgg16/none", kind="repeat", slot=1, status="complete", seconds=2.34, scores=SCORES)
BAD = SlotEnded(cell="a/[none]", kind="trial", slot=0, status="failed", seconds=1, error="[no] memory")


def followed(*events: Event, terminal: bool = False) -> tuple[tuple[str, ...], str]:
    """What `follow` returns, and what it prints."""
    console = Console(file=io.StringIO(), width=80, force_terminal=terminal, color_system=None)
    return follow(events, PLAN, console), console.file.getvalue()


def test_each_result_is_a_line_and_what_failed_is_returned():
    failures, text = followed(Loading(), GOOD, BAD, Ended(failures=("a/[none] trial 0: [no] memory",)))
    assert failures == ("a/[none] trial 0: [no] memory",)
    assert text.splitlines() == [
        "loading Keras and opening the stores ...",
        "vgg16/none repeat 1: val macro-F1 0.510, test macro-F1 0.490, test accuracy 0.600 (2.3 s)",
        "a/[none] trial 0: failed: [no] memory",
    ]


def test_what_is_waited_for_is_said_when_it_changes():
    waiting = Waiting(cells=("a", "[b]"))
    _, text = followed(waiting, waiting, Waiting(cells=("[b]",)), Ended())
    lines = [line.removeprefix("waiting for what other workers have: ") for line in text.splitlines()]
    assert lines == ["a, [b]", "[b]"]


def test_an_epoch_is_told_where_nothing_was_for_a_minute():
    console, now = Console(file=io.StringIO(), width=80, color_system=None), 0.0
    lines = Lines(console, clock=lambda: now)
    epoch = partial(EpochEnded, epochs=4, macro_f1=0.41, images_per_second=105.0)
    told = [
        (10.0, SlotBegun(cell="mobilenet_v2", kind="stage", slot=0)), (50.0, epoch(epoch=1)),
        (100.0, epoch(epoch=2)), (150.0, epoch(epoch=3)), (155.0, GOOD), (200.0, epoch(epoch=4)),
        (216.0, epoch(epoch=4)),
    ]  # fmt: skip
    for seconds, event in told:
        now = seconds
        lines.show(event)
    assert [line for line in console.file.getvalue().splitlines() if "epoch" in line] == [
        "mobilenet_v2 stage 0, epoch 2 of 4: val macro-F1 0.410, 105 images/s",
        "mobilenet_v2 stage 0, epoch 4 of 4: val macro-F1 0.410, 105 images/s",
    ]


def test_a_worker_that_died_is_named():
    assert followed(WorkerDied(message="the worker was [killed]"), Ended())[1] == "the worker was [killed]\n"


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize(
    ("first", "said"),
    [
        ([], True), ([Waiting(cells=("a",))], False), ([GOOD], False),
        ([WorkerDied(message="killed")], False),
    ],
)  # fmt: skip
def test_a_run_that_finds_all_results_says_so(terminal, first, said):
    failures, text = followed(*first, *NOTHING_TO_DO, terminal=terminal)
    assert failures == ()
    assert ("all 6 results are there already" in text) == said


def test_a_run_that_failed_before_does_not_say_that_all_is_there():
    failures, text = followed(Loading(), Ended(failures=("a trial 0: no memory",)))
    assert failures == ("a trial 0: no memory",)
    assert "are there already" not in text


def test_on_a_terminal_results_stand_above_the_bars():
    _, text = followed(Loading(), CellBegun(cell="vgg16/none"), GOOD, Ended(), terminal=True)
    assert "vgg16/none repeat 1: val macro-F1 0.510" in text


def test_bars_of_two_workers_stand_side_by_side():
    plan = SimpleNamespace(**{**vars(PLAN), "repeats": 1})
    progress = Progress()
    bars = Bars(progress, plan)
    for worker, cell in enumerate(("mobilenet_v2/none", "vgg16/none")):
        bars.show(CellBegun(worker=worker, cell=cell))
        bars.show(SlotBegun(worker=worker, cell=cell, kind="trial", slot=0))
        bars.show(
            EpochEnded(worker=worker, epoch=1 + worker, epochs=3, macro_f1=0.5, images_per_second=100.0)
        )
    bars.show(CellEnded(worker=0, cell="mobilenet_v2/none"))
    bars.show(CellEnded(worker=1, cell="mobilenet_v2/none"))
    bars.show(Waiting(worker=0, cells=("vgg16/none",)))
    assert [(task.description, task.completed, task.visible) for task in progress.tasks] == [
        ("cells", 1, True), ("mobilenet_v2/none", 0, False), ("trial 0", 1, False),
        ("vgg16/none", 0, True), ("trial 0", 2, True),
    ]  # fmt: skip
    assert progress.tasks[4].fields["note"] == "macro-F1 0.500, 100 images/s"
    assert progress.tasks[0].fields["note"] == "waiting for 1 cell of other workers"


def test_the_time_left_counts_stages_apart_from_what_goes_on_from_them(monkeypatch):
    now = iter([0.0, 1000.0, 1010.0])
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: next(now))
    plan = SimpleNamespace(**{**vars(PLAN), "stages": [SimpleNamespace(hours=0.5)] * 2, "trials": 0})
    progress = Progress()
    bars = Bars(progress, plan)
    assert progress.tasks[0].total == 4
    bars.show(CellBegun(cell="vgg16", stage=True))
    bars.show(SlotEnded(cell="vgg16", kind="stage", slot=0, status="complete", seconds=1000.0))
    # One more stage as long as the first, and two cells of six minutes, as the plan has it.
    assert progress.tasks[0].fields["note"] == "about 29 min left"
    assert progress.tasks[1].total == 1, "a stage is one training"
    bars.show(SlotEnded(cell="vgg16/none", kind="repeat", slot=0, status="complete", seconds=10.0))
    # Of four repeats one took 10 s: three more like it, and the stage.
    assert progress.tasks[0].fields["note"] == "about 17 min left"
