import itertools
import resource
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from trials import ALL, AUGMENTATION, HEAD, RECIPES, build, fingerprint, run

from fer_bench.strategies.base import STRATEGIES
from fer_bench.training.checkpoint import Checkpoint, Saved
from fer_bench.training.outcome import TrialState

IDENTITY = {"cell": "abc", "slot": 0, "parameters": {"learning_rate": 0.1 + 0.2}, "commit": "x"}
STOPPING = {
    "phases": [{**HEAD, "epochs": 6}, {**ALL, "epochs": 6}],
    "plateau": {"patience": 1},
    "early_stopping": 2,
    "learning_rate": 1e-2,
    "head": {"dropout": 0.3},
}
STREAMED = {
    "phases": [{**HEAD, "epochs": 2}, {**ALL, "epochs": 3}],
    "augmentation": AUGMENTATION,
    "optimizer": "sgd",
    "schedule": "cosine",
    "keep": "last",
}
AVERAGED = {
    "phases": [{**ALL, "epochs": 2}, {**HEAD, "epochs": 2}],
    "augmentation": {**AUGMENTATION, "erase": 0.5},
    "ema": 0.9,
    "test_views": "flip",
}
CASES = {  # strategy, recipe, limits of the trainer
    "features, then the whole net": ("smote", RECIPES["cached"], {}),
    "augmented pixels": ("targeted_augmentation", RECIPES["augmented"], {}),
    "averaged weights, erased parts": ("oversampling", AVERAGED, {}),
    "features only": ("class_weights", {"phases": [{**HEAD, "epochs": 4}], "head": {"dropout": 0.3}}, {}),
    "pixels of a disk": ("oversampling", STREAMED, {"largest_bank": 1}),
    "made images behind them": ("deep_smote", STREAMED, {"largest_bank": 1}),
}
SLOW = dict.fromkeys((name for name in CASES if name != "features only"), pytest.mark.slow)


class InterruptedTraining(Exception):
    """What ends a training in the midst of it."""


@pytest.fixture
def checkpoint(tmp_path):
    return Checkpoint(tmp_path / "trial-000.checkpoint", IDENTITY, seconds=0.0)


def interrupted_at(epoch):
    """A function for `on_epoch` that raises when an epoch, from 1, ends: before it is saved. And its rows."""
    rows = []

    def on_epoch(row):
        rows.append(row)
        if len(rows) == epoch:
            raise InterruptedTraining

    return on_epoch, rows


def train_in_pieces(trainer_for_piece, data, checkpoint, strategy, **options):
    """A training that is interrupted in its second epoch, goes on to its third, and so on; with its rows."""
    for epoch in itertools.count(2):
        on_epoch, rows = interrupted_at(epoch)
        try:
            outcome = run(trainer_for_piece(), data, strategy(), 3, True, on_epoch, checkpoint, **options)
        except InterruptedTraining:
            continue
        assert len(rows) == epoch - 1
        return outcome, rows


def told(data, base, *shares):
    """A strategy whose scores are told: in each epoch that the recipe has, this share of images is right."""
    labels, now = data.labels[data.val], [0]

    class Told(type(STRATEGIES[base]())):
        def loss_terms(self, class_counts, progress):
            now[0] = round(progress * len(shares))
            return super().loss_terms(class_counts, progress)

        def adjust_logits(self, logits, class_counts):
            right = np.arange(len(labels)) < shares[now[0]] * len(labels)
            return np.eye(5, dtype="float32")[np.where(right, labels, (labels + 1) % 5)]

    return Told()


# Trainings


@pytest.mark.parametrize("case", [pytest.param(name, marks=SLOW.get(name, ())) for name in CASES])
def test_interrupted_in_every_epoch_a_training_has_the_numbers_of_an_undisturbed_one(
    data, checkpoint, trainer_of, case
):
    strategy, recipe, limits = CASES[case]
    undisturbed = run(trainer_of(**recipe), data, strategy, 3, test=True)
    if limits:
        undisturbed = run(build(data, limits=limits, **recipe), data, strategy, 3, test=True)
    other = build(data, limits=limits, **recipe)
    outcome, rows = train_in_pieces(lambda: other, data, checkpoint, STRATEGIES[strategy])
    assert fingerprint(outcome) == fingerprint(undisturbed), "to the last bit"
    assert outcome.steps == undisturbed.steps
    assert rows == outcome.history, "those of before are reported again, with their times"
    assert outcome.train_seconds == sum(row["seconds"] for row in rows) + other.made.seconds
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)


SHARES = (0.1, 0.3, 0.2, 0.2, 0.9, 0.9, 0.4, 0.6, 0.5, 0.5, 0.9, 0.9)


def test_where_plateau_and_early_stopping_act_they_act_in_pieces_too(data, checkpoint, trainer_of):
    trainer, other = trainer_of(**STOPPING), build(data, **STOPPING)
    undisturbed = run(trainer, data, told(data, "smote", *SHARES), 3, test=True)
    assert [row["phase"] for row in undisturbed.history] == [0] * 4 + [1] * 4
    rates = [row["learning_rate"] for row in undisturbed.history]
    assert rates == pytest.approx([1e-2, 1e-2, 1e-2, 5e-3] * 2)
    assert undisturbed.best_epoch == 6
    outcome, _ = train_in_pieces(
        lambda: other, data, checkpoint, lambda: told(data, "smote", *SHARES), dropout=0.3
    )
    assert fingerprint(outcome) == fingerprint(undisturbed)


@pytest.mark.slow
def test_each_piece_may_be_trained_by_a_trainer_of_its_own(data, checkpoint, trainer_of):
    undisturbed = run(trainer_of(**STOPPING), data, told(data, "smote", *SHARES), 3, test=True)
    outcome, _ = train_in_pieces(
        lambda: build(data, **STOPPING), data, checkpoint, lambda: told(data, "smote", *SHARES)
    )
    assert fingerprint(outcome) == fingerprint(undisturbed)


def test_a_training_whose_epochs_are_all_done_is_not_trained_again(data, checkpoint, trainer_of):
    trainer = trainer_of(**RECIPES["cached"])
    outcome = run(trainer, data, "none", 3, test=True, checkpoint=checkpoint)
    again = run(trainer, data, "none", 3, test=True, checkpoint=checkpoint)
    assert fingerprint(again) == fingerprint(outcome)
    assert again.history == outcome.history, "the same rows, to their times"


def test_the_setup_of_all_pieces_is_counted(data, checkpoint, trainer_of):
    trainer = trainer_of(**RECIPES["cached"])
    on_epoch, _ = interrupted_at(2)
    with pytest.raises(InterruptedTraining):
        run(trainer, data, "none", 3, on_epoch=on_epoch, checkpoint=checkpoint)
    before = checkpoint.read().trial.setup_seconds
    assert 0 < before < run(trainer, data, "none", 3, checkpoint=checkpoint).setup_seconds


def test_a_checkpoint_of_another_training_changes_nothing(data, checkpoint, trainer_of):
    trainer = trainer_of(**RECIPES["cached"])
    undisturbed = run(trainer, data, "none", 3, test=True)
    run(trainer, data, "focal_loss", 5, checkpoint=replace(checkpoint, identity={"cell": "xyz"}))
    assert checkpoint.path.exists()
    assert fingerprint(run(trainer, data, "none", 3, test=True, checkpoint=checkpoint)) == fingerprint(
        undisturbed
    )


def test_nothing_is_written_before_its_time(data, checkpoint, trainer_of):
    run(trainer_of(**RECIPES["cached"]), data, checkpoint=replace(checkpoint, seconds=1e6))
    assert not checkpoint.path.exists()


def test_a_full_disk_costs_the_checkpoint_and_not_the_training(data, checkpoint, trainer_of, capsys):
    class FullDisk(Checkpoint):
        def write(self, saved):
            with no_room():
                super().write(saved)

    trainer = trainer_of(**RECIPES["cached"])
    undisturbed = run(trainer, data, "none", 3, test=True)
    full = FullDisk(checkpoint.path, IDENTITY, seconds=0.0)
    outcome = run(trainer, data, "none", 3, test=True, checkpoint=full)
    assert fingerprint(outcome) == fingerprint(undisturbed)
    assert list(checkpoint.path.parent.iterdir()) == []
    assert capsys.readouterr().err.count("trial-000.checkpoint: no checkpoint could be written") == 1


# The file


def saved(**changes) -> Saved:
    """A made-up training after its second epoch."""
    rng = np.random.default_rng(0)
    rows = [{"train/loss": 0.1 + 0.2, "val/loss": float("nan"), "time": 1.7e9 + 1 / 3}] * 2
    logits = rng.normal(size=(3, 2)).astype("float32")
    kernels = [rng.normal(size=(40, 300)).astype("float32"), np.array([7, 3], "uint32")]
    trial = TrialState(rows, 1, -float("inf"), 2, 1, logits, [kernels[0] + 1], 1.25)
    counters = [{}, {"wait": 1, "best": 0.1 + 0.7}, {"best": None}]
    return replace(Saved(1, 1, False, counters, trial, kernels, [np.float32(3.0) * np.ones(())]), **changes)


@contextmanager
def no_room():
    """No file can be longer than 20 kB, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def plain(state: Saved) -> tuple:
    """All of it, in a form that can be compared."""
    arrays = [*state.variables, *state.optimizer, *state.trial.best_state, state.trial.best_logits]
    rest = {
        **vars(state),
        "trial": None,
        "variables": len(state.variables),
        "optimizer": len(state.optimizer),
    }
    trial = {**vars(state.trial), "best_state": len(state.trial.best_state), "best_logits": None}
    return [(a.tobytes(), a.dtype, a.shape) for a in arrays], repr(rest), repr(trial)


def test_what_is_written_comes_back_to_the_last_bit(checkpoint):
    assert checkpoint.read() is None
    checkpoint.write(saved())
    assert plain(checkpoint.read()) == plain(saved())
    checkpoint.write(saved(epochs=2, phase_ended=True))
    assert plain(checkpoint.read()) == plain(saved(epochs=2, phase_ended=True))
    assert list(checkpoint.path.parent.iterdir()) == [checkpoint.path]


@pytest.mark.parametrize("part", IDENTITY)
def test_a_file_of_another_training_is_removed(checkpoint, part):
    checkpoint.write(saved())
    other = {"parameters": {"learning_rate": 0.3}}.get(part, "another")
    assert replace(checkpoint, identity={**IDENTITY, part: other}).read() is None
    assert not checkpoint.path.exists()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_file_is_removed(checkpoint, share):
    checkpoint.write(saved())
    whole = checkpoint.path.read_bytes()
    checkpoint.path.write_bytes(whole[: int(share * len(whole))])
    assert checkpoint.read() is None
    assert not checkpoint.path.exists()


@pytest.mark.parametrize("place", [0.02, 0.3, 0.6, 0.99])
def test_a_damaged_file_is_removed(checkpoint, place):
    checkpoint.write(saved())
    whole = bytearray(checkpoint.path.read_bytes())
    start = int(place * len(whole))
    whole[start : start + 8] = bytes(byte ^ 0x55 for byte in whole[start : start + 8])
    checkpoint.path.write_bytes(whole)
    assert checkpoint.read() is None
    assert not checkpoint.path.exists()


def test_a_file_that_would_run_code_is_removed(checkpoint):
    with checkpoint.path.open("wb") as file:
        np.savez(file, content=np.array([{"a": print}], dtype=object))
    assert checkpoint.read() is None
    assert not checkpoint.path.exists()


def test_where_there_is_no_room_the_file_of_before_stays(checkpoint):
    checkpoint.write(saved())
    with no_room(), pytest.raises(OSError, match="too large"):
        checkpoint.write(saved(epochs=2))
    assert plain(checkpoint.read()) == plain(saved())
    assert list(checkpoint.path.parent.iterdir()) == [checkpoint.path]
