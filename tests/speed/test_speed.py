"""Measurements at tiny sizes: what they give, and what in them is free of noise."""

import itertools
import os
import time
from functools import partial

import pytest
from rich.console import Console
from typer.testing import CliRunner

from fer_bench.backbones.base import BACKBONES
from fer_bench.speed import memory as speed_memory
from fer_bench.speed import overhead as speed_overhead
from fer_bench.speed import prediction as speed_prediction
from fer_bench.speed import report as speed
from fer_bench.speed import short_trials as speed_cell
from fer_bench.speed import startup as speed_start
from fer_bench.speed import training as speed_training
from fer_bench.speed.side_by_side import ContestantDied, Figure, compared, contest, limited

pytestmark = pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")  # of Keras' generator
CELLS = speed_cell.Cells(
    "compact_cnn",
    24,
    16,
    last=3,
    images=48,
    validation=32,
    strategies=("oversampling", "focal_loss"),
    seeds=1,
)


def here(makers, rounds, warm_up=1):
    """A contest in this process: one import of TensorFlow is enough for a test."""
    plays = {name: maker() for name, maker in makers.items()}
    rows = [{name: play() for name, play in plays.items()} for _ in range(warm_up + rounds)]
    return {name: [row[name] for row in rows[warm_up:]] for name in makers}


def times(seconds):
    def play():
        begun = time.monotonic()
        time.sleep(seconds)
        return os.getpid(), begun, time.monotonic()

    return play


def raises():
    def play():
        raise ValueError("no more breath")

    return play


def dies():
    return partial(os._exit, 3)


def test_contestants_are_processes_that_take_turns():
    found = contest({"a": partial(times, 0.05), "b": partial(times, 0.02)}, rounds=3)
    assert {name: len(rounds) for name, rounds in found.items()} == {"a": 3, "b": 3}
    pids = {name: {pid for pid, _, _ in rounds} for name, rounds in found.items()}
    assert len(pids["a"]) == len(pids["b"]) == 1 and len({os.getpid(), *pids["a"], *pids["b"]}) == 3
    turns = sorted((begun, ended, name) for name, rounds in found.items() for _, begun, ended in rounds)
    assert [name for _, _, name in turns] == ["a", "b"] * 3
    assert all(ended <= begun for (_, ended, _), (begun, _, _) in itertools.pairwise(turns))


@pytest.mark.parametrize(("maker", "reason"), [(raises, "no more breath"), (dies, "ended with 3")])
def test_a_contestant_that_fails_is_named(maker, reason):
    with pytest.raises(ContestantDied, match="(?s)poor one.*" + reason):
        contest({"poor one": maker}, rounds=1)


def test_a_ratio_is_the_median_of_the_rounds_own():
    figure = compared("step", "images/s", [10, 30, 100], "other", [10, 20, 25], least=1.5)
    assert (figure.value, figure.other, figure.ratio) == (30, 20, 1.5)
    assert figure.met is True
    assert compared("step", "", [1.0], "other", [2.0], least=0.6).met is False
    assert compared("step", "", [1.0], "other", [2.0]).met is None
    assert limited("start", 0.4, "s", 0.5).met is True and limited("start", 0.6, "s", 0.5).met is False


def test_the_table_shows_what_is_wanted_and_whether_it_is_met():
    figures = [Figure("step", 1234.5, "images/s", "bare", 2469, 0.5, least=0.9), limited("a", 0.2, "s", 1.0)]
    console = Console(width=120, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(speed.table(speed.MEASURES["start"], figures))
    lines = console.export_text().splitlines()
    assert "1,234 images/s" in lines[2] and ">= 0.9" in lines[2] and lines[2].rstrip().endswith("missed")
    assert "<= 1" in lines[3] and lines[3].rstrip().endswith("ok")


def test_rates_of_training_come_from_every_contestant(monkeypatch):
    monkeypatch.setattr(speed_training, "contest", here)
    monkeypatch.setattr(speed_training, "CACHED_EPOCHS", 2)
    job = speed_training.Job("compact_cnn", 24, 16, "head", 48)
    figures = speed_training.compare(job, 1, over_notebook=1.25, over_bare=0.9, cached=10.0)
    wanted = {"bare fit": 0.9, "bare fit of our net": 0.9}
    assert {f.against: f.least for f in figures[1:3]} == wanted
    assert [figures[0].least, figures[3].least] == [1.25, 10.0]
    assert figures[0].against == figures[3].against == "ImageDataGenerator"
    assert all(figure.value > 0 and figure.other > 0 for figure in figures)


def test_every_other_backbone_is_measured_at_its_studys_size():
    jobs = {job.backbone: job for job in speed_training.backbones()}
    assert set(jobs) == set(BACKBONES) - {"mobilenet_v2"}
    assert all(job.images % job.batch == 0 and job.images >= 2 * job.batch for job in jobs.values())
    assert (jobs["vgg16"].size, jobs["vgg16"].batch) == (96, 64)


def test_ten_trials_are_traced_once_per_phase(monkeypatch):
    monkeypatch.setattr(speed_cell, "contest", here)
    cell, start, traces = speed_cell.measure(CELLS, rounds=1)
    assert cell.value > 0 and cell.ratio == pytest.approx(cell.other / cell.value)
    assert start.value < start.other
    assert (traces.value, traces.other, traces.met) == (2, 2, True)


def test_what_a_trial_costs_beside_its_training(monkeypatch, tmp_path):
    from fer_bench.runner import cell

    monkeypatch.setattr(cell, "run_trial", cell.run_trial)  # to be put back
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    play = speed_overhead.fill("quick", tmp_path, validation=70)
    assert [epochs for _, epochs in (play(), play())] == [10, 10]
    assert len(list(tmp_path.glob("results/*/trial-*.npz"))) == 2


def test_files_are_predicted_beside_an_array(monkeypatch):
    monkeypatch.setattr(speed_prediction, "contest", here)
    (figure,) = speed_prediction.measure("compact_cnn", 32, pictures=70, rounds=2)
    assert figure.least == 0.8 and figure.value > 0 and figure.other > 0
    assert figure.what == "predict files, compact_cnn, 32 px, pictures/s"


def test_commands_that_train_nothing_are_timed():
    figures = speed_start.measure(rounds=1)
    assert [figure.what.split()[1] for figure in figures] == ["--help", "list", "run"]
    assert all(figure.other >= 0.5 and figure.value > 0 for figure in figures)


def test_memory_is_that_of_the_whole_run():
    interpreter = 10 * 2**20
    assert (
        speed_memory.peak_of_run(("--dataset", "synthetic", "--strategies", "none", "--dry-run"))
        > interpreter
    )
    with pytest.raises(ContestantDied, match="did you mean"):
        speed_memory.peak_of_run(("--study", "imbalanse"))


def test_resident_memory_after_each_trial():
    play = speed_memory.residents()
    assert all(play() > 50 * 2**20 for _ in range(2))


def test_an_unknown_measurement_is_refused_and_a_failing_one_shown(monkeypatch):
    from fer_bench.cli.main import app
    from fer_bench.errors import UserError

    refused = CliRunner().invoke(app, ["speed", "strat"])
    assert isinstance(refused.exception, UserError) and "did you mean 'start'" in str(refused.exception)

    def fails():
        raise ContestantDied("ours ended with -9")

    broken = speed.Measure("Broken", 1, fails, "")
    monkeypatch.setattr(speed, "MEASURES", {"broken": broken, "start": speed.MEASURES["start"]})
    console = Console(record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    speed.run(["broken"], console)
    assert "Broken: ours ended with -9" in console.export_text()
