"""Killed at any point and run again, a study is what it would have been; real processes, real trainings.

Trainings are stand-ins in the tests of the gate that are of what is kept, not of what is trained.
"""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from soak import Books, compiler, ended, soak, start, wait
from study_runs import RUN, STUDY, assert_goes_on, leaderboard_csv, run_to_the_end
from tiny_study import tiny_study

from fer_bench.storage.result_files import read_result

# kill -9


@dataclass(frozen=True)
class Point:
    """A place to be killed at, and what the books must say then, so that it is known to be that place.

    `books`: attempts begun, result files, Optuna's trials, runs that count.
    """

    hurt: str
    books: tuple[int, int, int, int]


TRAINING = """
def dying(run_trial):
    count = itertools.count(1)

    def train(*args, on_epoch, **kwargs):
        number = next(count)

        def epoch(row):
            on_epoch(row)
            if number == {trial}:
                kill()

        return run_trial(*args, on_epoch=epoch, **kwargs)

    return train


training(dying)
"""
RENAME = (
    "hurt('pathlib:Path.replace', {{{call}}}, kill, {when!r}, lambda path, new: str(new).endswith({end!r}))"
)
TAG = "hurt('mlflow.tracking.client:MlflowClient.set_tag', {{{call}}}, kill, {when!r}, {only})"
CREATE = (
    "hurt('mlflow.tracking.client:MlflowClient.create_run', {{{call}}}, kill, 'after',"
    " lambda *_, tags, **__: tags['fer_bench.kind'] {only})"
)
COUNTED = "lambda client, run, key, *_: key == 'fer_bench.counted'"
SCHEMA = (
    "hurt('sqlalchemy.engine.default:DefaultDialect.do_execute', {{1}}, kill, 'before',"
    " lambda dialect, cursor, statement, *_: 'CREATE TABLE {table}' in statement)"
)

POINTS = {
    "after a claim": Point(
        "hurt('fer_bench.storage.cell_store:CellStore.reconcile', {2}, kill)", (4, 4, 2, 4)
    ),
    "attempt begun": Point(
        "hurt('fer_bench.storage.result_files:ResultFiles.begin', {2}, kill, 'after')", (2, 1, 1, 1)
    ),
    "a cell's run begun": Point(CREATE.format(call=2, only="== 'cell'"), (5, 4, 2, 4)),
    "run begun": Point(CREATE.format(call=2, only="!= 'cell'"), (2, 1, 1, 1)),
    "before a cell's numbers": Point(
        "hurt('fer_bench.storage.tracking:Tracker.log_numbers', {1}, kill)", (4, 4, 2, 4)
    ),
    "a cell's numbers": Point(
        "hurt('fer_bench.storage.tracking:Tracker.log_numbers', {1}, kill, 'after')", (4, 4, 2, 4)
    ),
    "training": Point(TRAINING.format(trial=2), (2, 1, 1, 1)),
    "training a repeat": Point(TRAINING.format(trial=3), (3, 2, 2, 2)),
    "half a result file": Point(RENAME.format(call=2, when="before", end=".npz"), (2, 1, 1, 1)),
    "result file": Point(RENAME.format(call=2, when="after", end=".npz"), (2, 2, 1, 1)),
    "COMPLETE": Point(
        "hurt('optuna.storages:RDBStorage._create_new_trial', {2}, kill, 'after')", (2, 2, 2, 1)
    ),
    "artifacts": Point(
        "hurt('mlflow.tracking.client:MlflowClient.log_artifact', {2}, kill, 'after',"
        " lambda client, run, path, *_: path.endswith('.npz'))",
        (2, 2, 2, 1),
    ),
    "before counted": Point(TAG.format(call=2, when="before", only=COUNTED), (2, 2, 2, 1)),
    "before a repeat counted": Point(TAG.format(call=3, when="before", only=COUNTED), (3, 3, 2, 2)),
    "counted": Point(TAG.format(call=4, when="after", only=COUNTED), (4, 4, 2, 4)),
    "MLflow's schema": Point(SCHEMA.format(table="metrics"), (0, 0, 0, 0)),
    "MLflow's schema, late": Point(SCHEMA.format(table="logged_models"), (0, 0, 0, 0)),
    "MLflow's database moved": Point(RENAME.format(call=1, when="before", end="mlflow.db"), (0, 0, 0, 0)),
    "Optuna's schema": Point(SCHEMA.format(table="trials"), (0, 0, 0, 0)),
    "Optuna's database moved": Point(RENAME.format(call=1, when="before", end="optuna.db"), (0, 0, 0, 0)),
}


def die(folder: Path, point: str, real: bool = True) -> None:
    """Be killed there."""
    code, output = run_to_the_end(folder, POINTS[point].hurt, real=real)
    assert code == -signal.SIGKILL, output
    books = Books.of(folder / "mlruns")
    found = books.begun, len(books.results), books.trials.total(), books.counted.total()
    assert found == POINTS[point].books, output


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_killed_and_run_again_a_study_is_what_it_would_have_been(tmp_path, undisturbed, point):
    die(tmp_path, point)
    assert_goes_on(tmp_path, undisturbed)


def test_killed_twice_and_run_again(tmp_path, undisturbed_stand_in):
    die(tmp_path, "training", real=False)
    books = Books.of(tmp_path / "mlruns")
    assert books.statuses["RUNNING"] == 1
    code, output = run_to_the_end(tmp_path, TAG.format(call=2, when="before", only=COUNTED), real=False)
    assert code == -signal.SIGKILL, output
    books = Books.of(tmp_path / "mlruns")
    assert (books.begun, len(books.results), books.counted.total()) == (4, 3, 2)
    assert books.statuses == {"FINISHED": 3, "KILLED": 1}
    assert_goes_on(tmp_path, undisturbed_stand_in, real=False)


@pytest.mark.slow
def test_what_kills_left_half_written_goes(tmp_path):
    for point in ("MLflow's schema", "MLflow's database moved", "half a result file"):
        die(tmp_path, point)
    run_to_the_end(tmp_path, "hurt('keras:Model.save_weights', {1}, kill, 'after')")
    code, output = run_to_the_end(tmp_path)
    assert code == 0, output
    left = [*(tmp_path / "mlruns").rglob("*.tmp"), *(tmp_path / "mlruns").glob(".create-*")]
    left += (tmp_path / "mlruns" / "results").rglob("*.weights.h5")
    assert left == []


@pytest.mark.slow
def test_a_slot_that_kills_its_process_is_tried_three_times(tmp_path):
    """... and not for ever; the study goes on without it."""
    deadly = TRAINING.format(trial=1)
    for _ in range(3):
        code, output = run_to_the_end(tmp_path, deadly)
        assert code == -signal.SIGKILL, output
    code, output = run_to_the_end(tmp_path)
    assert code == 1 and "killed 3 times without an epoch finished between, not tried again" in output
    books = Books.of(tmp_path / "mlruns")
    assert books.counted.total() == 8 and books.trials == {"COMPLETE": 3, "FAIL": 1}
    assert books.statuses == {"FINISHED": 7, "FAILED": 1, "KILLED": 3}
    assert "killed 3 times" in leaderboard_csv(tmp_path)["warnings"].str.cat()


# kill -9 in the middle of an epoch, of a training that is saved after each

PIECES = tiny_study(
    strategies=["oversampling"], trials=1, repeats=1,
    recipe={
        "phases": [{"trainable": "head", "epochs": 6}, {"trainable": "all", "epochs": 6}],
        "plateau": {"patience": 1}, "early_stopping": 2, "head": {"dropout": 0.3},
    },
)  # fmt: skip
# Scores of the epochs of each phase: plateaus from the third on, and early stopping after the fourth.
TOLD = """
def told(score):
    def scored(self):
        logits, validation = score(self)
        epoch = len(self._history) - self._epochs_before_phase
        scores = ((0.1, 0.3, 0.2, 0.2, 0.9, 0.9), (0.4, 0.6, 0.5, 0.5, 0.9, 0.9))
        return logits, validation | {"macro_f1": scores[self._phase][epoch]}

    return scored


replace("fer_bench.training.callbacks:TrialCallback._score_validation", told)
"""
DEADLY = """
def deadly(train_phase):
    def train(trainer, phase, progress, callbacks, *rest, **options):
        import keras

        class Deadly(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                self.epoch = epoch

            def on_train_batch_end(self, batch, logs=None):
                if (phase, self.epoch, batch) == {when}:
                    kill()

        return train_phase(trainer, phase, progress, [*callbacks, Deadly()], *rest, **options)

    return train


replace("fer_bench.training.trainer:Trainer.train_phase", deadly)
"""


def run_in_pieces(folder: Path, hurt: str = "", seconds: str = "0") -> tuple[int, str]:
    """Run that study with those scores to its end, whatever that is; a checkpoint after so many seconds."""
    (folder / "pieces.yaml").write_text(PIECES)
    words = ("run", "--study", "pieces.yaml")
    return run_to_the_end(folder, TOLD + hurt, words, FER_BENCH_CHECKPOINT_SECONDS=seconds)


def killed_in(folder: Path, phase: int, epoch: int, batch: int = 3) -> None:
    """Run it until it is killed in the middle of that epoch, from 0, of the first training to get there."""
    code, output = run_in_pieces(folder, DEADLY.format(when=(phase, epoch, batch)))
    assert code == -signal.SIGKILL, output


def latest_results(folder: Path) -> dict[str, list[object]]:
    """Of each slot its scores, predictions and curves, to the last bit but without times."""
    found = {}
    for path in sorted((folder / "mlruns" / "results").glob("*/*.npz")):
        result = read_result(path, arrays=True)
        curves = [
            {key: value for key, value in row.items() if key not in ("seconds", "time")}
            for row in result.history
        ]
        arrays = {name: (array.dtype, array.tobytes()) for name, array in result.arrays.items()}
        facts = {key: result.facts[key] for key in ("best_epoch", "steps")}
        found[f"{result.kind} {result.slot}"] = [result.scores, arrays, curves, facts, result.parameters]
    return found


def checkpoints(folder: Path) -> list[Path]:
    return list((folder / "mlruns" / "results").rglob("*.checkpoint"))


@pytest.fixture(scope="module")
def in_one_piece(tmp_path_factory) -> dict[str, list[object]]:
    """Results of that study when nothing happens to it, nothing saved on the way."""
    folder = tmp_path_factory.mktemp("in_one_piece")
    code, output = run_in_pieces(folder, seconds="inf")
    assert code == 0, output
    results = latest_results(folder)
    for _, _, curves, facts, _ in results.values():
        assert [row["phase"] for row in curves] == [0] * 4 + [1] * 4, "both phases stop early"
        rates = [row["learning_rate"] for row in curves]
        assert rates == [rates[0]] * 3 + [rates[3]] + [rates[0]] * 3 + [rates[3]]
        assert rates[3] == pytest.approx(rates[0] / 2), "and both lower the learning rate"
        assert facts["best_epoch"] == 6
    return results


@pytest.mark.slow
def test_killed_in_both_phases_a_training_goes_on_from_its_last_epoch(tmp_path, in_one_piece):
    killed_in(tmp_path, phase=0, epoch=3)
    assert [path.name for path in checkpoints(tmp_path)] == ["trial-000.checkpoint"]
    killed_in(tmp_path, phase=1, epoch=3)
    began = time.time()
    code, output = run_in_pieces(tmp_path)
    assert code == 0, output
    assert latest_results(tmp_path) == in_one_piece
    assert checkpoints(tmp_path) == []
    books = Books.of(tmp_path / "mlruns")
    assert (books.begun, books.statuses) == (4, {"FINISHED": 2, "KILLED": 2})
    (trial,) = (tmp_path / "mlruns" / "results").glob("*/trial-000-3.npz")
    times = np.array([row["time"] for row in read_result(trial).history])
    assert (times < began).tolist() == [True] * 7 + [False], "one epoch alone is of the last attempt"


@pytest.mark.slow
def test_a_training_that_gets_further_each_time_is_never_given_up(tmp_path, in_one_piece):
    for phase, epoch in ((0, 0), (0, 0), (0, 1), (0, 2), (0, 2), (0, 3), (1, 0), (1, 1), (1, 2), (1, 3)):
        killed_in(tmp_path, phase, epoch)
    code, output = run_in_pieces(tmp_path)
    assert code == 0, output
    assert latest_results(tmp_path) == in_one_piece
    books = Books.of(tmp_path / "mlruns")
    assert (books.begun, books.statuses) == (12, {"FINISHED": 2, "KILLED": 10})


@pytest.mark.slow
def test_a_training_killed_three_times_in_the_same_epoch_is_given_up(tmp_path):
    for batch in (0, 3, 4):
        killed_in(tmp_path, phase=1, epoch=2, batch=batch)
    code, output = run_in_pieces(tmp_path)
    assert code == 1 and "killed 3 times without an epoch finished between" in output
    assert checkpoints(tmp_path) == []


@pytest.mark.slow
def test_killed_while_its_checkpoint_is_written_a_training_goes_on_from_the_one_before(
    tmp_path, in_one_piece
):
    for when in ("before", "after"):
        code, output = run_in_pieces(tmp_path, RENAME.format(call=3, when=when, end=".checkpoint"))
        assert code == -signal.SIGKILL, output
        assert len(checkpoints(tmp_path)) == 1
    code, output = run_in_pieces(tmp_path)
    assert code == 0, output
    assert latest_results(tmp_path) == in_one_piece
    assert list((tmp_path / "mlruns" / "results").rglob(".*.tmp")) == []


@pytest.mark.slow
def test_a_disk_that_takes_no_checkpoint_costs_that_only(tmp_path, in_one_piece):
    full = "hurt('fer_bench.training.checkpoint:Checkpoint.write', EVER, disk_full)"
    code, output = run_in_pieces(tmp_path, full + DEADLY.format(when=(1, 1, 3)))
    assert code == -signal.SIGKILL, output
    assert checkpoints(tmp_path) == []
    (log,) = (tmp_path / "mlruns" / "results").glob("worker-*.log")
    assert log.read_text().count("no checkpoint could be written: [Errno 28] No space left on device") == 1
    code, output = run_in_pieces(tmp_path)
    assert code == 0, output
    assert latest_results(tmp_path) == in_one_piece


@pytest.mark.slow
def test_interrupted_by_ctrl_c_a_training_goes_on_as_well(tmp_path, in_one_piece):
    interrupt = DEADLY.format(when=(1, 2, 3)).replace(
        "kill()", "os.killpg(GROUP, signal.SIGINT); time.sleep(60)"
    )
    code, output = run_in_pieces(tmp_path, interrupt)
    assert code == 130, output
    assert len(checkpoints(tmp_path)) == 1
    began = time.time()
    code, output = run_in_pieces(tmp_path)
    assert code == 0, output
    assert latest_results(tmp_path) == in_one_piece
    (trial,) = (tmp_path / "mlruns" / "results").glob("*/trial-000-*.npz")
    assert sum(row["time"] < began for row in read_result(trial).history) == 6


@pytest.mark.slow
def test_workers_killed_at_random_fill_each_slot_once(tmp_path):
    figures = soak(
        tmp_path, workers=2, cells=10, kills=4, seed=1, seconds=0.5, commands=["run --study soak.yaml"]
    )
    assert figures.faults == [], str(figures)


@pytest.mark.slow
def test_workers_killed_while_they_write_fill_each_slot_once(tmp_path):
    if not compiler():
        pytest.skip("to slow down syncs takes a C compiler, on Linux")
    figures = soak(
        tmp_path, workers=2, cells=8, kills=4, seed=3, seconds=0.5, commands=["run --study soak.yaml"],
        syncs=0.01,
    )  # fmt: skip
    assert figures.faults == [], str(figures)
    assert figures.hot.total() > 0, "no kill has met a write"


# Ctrl-C: a terminal sends SIGINT to all processes of its foreground group


def interrupt(process) -> None:
    os.killpg(process.pid, signal.SIGINT)


def test_interrupted_a_run_marks_its_trial_and_says_how_to_go_on(tmp_path):
    (tmp_path / "tiny.yaml").write_text(STUDY)
    process = start(tmp_path, *RUN, hurt="stand_in()" + LONG)
    wait(tmp_path / "output.txt", process, "trial 0:")
    running(tmp_path, 2)
    interrupt(process)
    assert process.wait(timeout=60) == 130
    output = (tmp_path / "output.txt").read_text()
    assert output.count("the same command goes on where it stopped") == 1
    assert "Traceback" not in output
    assert ended(process.pid) == []
    books = Books.of(tmp_path / "mlruns")
    assert books.statuses == {"FINISHED": 1, "KILLED": 1}
    assert (books.begun, len(books.results), books.counted.total()) == (1, 1, 1), "given up is not killed"


LONG = """
def lasting(run_trial):
    count = itertools.count(1)

    def train(*args, **kwargs):
        if next(count) == 2:
            for _ in range(600):
                time.sleep(0.1)
        return run_trial(*args, **kwargs)

    return train


training(lasting)
"""
SLOW_TO_END = """
hurt('mlflow.tracking.client:MlflowClient.set_terminated', EVER, lambda: time.sleep(60), 'before',
     lambda client, run, status=None, *_: status == 'KILLED')
"""


def running(folder: Path, attempt: int) -> None:
    """Wait until so many attempts have begun, and a moment more."""
    until = time.monotonic() + 300
    while Books.of(folder / "mlruns").begun < attempt:
        assert time.monotonic() < until
        time.sleep(0.1)
    time.sleep(1.0)


def test_interrupted_twice_a_run_ends_at_once(tmp_path):
    (tmp_path / "tiny.yaml").write_text(STUDY)
    process = start(tmp_path, *RUN, hurt="stand_in()" + LONG + SLOW_TO_END)
    wait(tmp_path / "output.txt", process, "trial 0:")
    running(tmp_path, 2)
    interrupt(process)
    time.sleep(1.5)
    assert process.poll() is None, "it takes its time to mark the run"
    interrupt(process)
    begun = time.monotonic()
    assert process.wait(timeout=60) == 130
    assert ended(process.pid) == []
    assert time.monotonic() - begun < 8.0, "not after the 20 seconds that one interrupt would give it"
    assert "Traceback" not in (tmp_path / "output.txt").read_text()


@pytest.mark.slow
def test_interrupted_while_loading_nothing_is_left_behind(tmp_path):
    (tmp_path / "tiny.yaml").write_text(STUDY)
    process = start(tmp_path, *RUN)
    wait(tmp_path / "output.txt", process, "loading")
    time.sleep(0.5)
    interrupt(process)
    assert process.wait(timeout=60) == 130
    assert ended(process.pid) == []
    assert "Traceback" not in (tmp_path / "output.txt").read_text()
