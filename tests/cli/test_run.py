"""The commands `run` and `worker`, with plans that are not trained."""

from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace

import pytest

from fer_bench.cli.options import RunOptions
from fer_bench.cli.run import ask_consent, exit_if_failed, next_commands, plans_for, run_all
from fer_bench.errors import UserError
from fer_bench.runner.events import Ended, Event, Loading, SlotEnded
from fer_bench.study.cost import MANY_HOURS

STUDY = """
dataset: synthetic
backbones: [compact_cnn, mini_xception]
strategies: [none, oversampling]
train_images: 100
val_images: 70
test_images: 70
recipe: {image_size: 24, batch_size: 32, weights: none, phases: [{trainable: all, epochs: 1}]}
recipes:
  short: {}
  long: {recipe: {phases: [{trainable: all, epochs: 2}]}}
"""


@pytest.fixture
def study_file(monkeypatch, tmp_path) -> str:
    monkeypatch.setenv("FER_BENCH_HOME", str(tmp_path / "home"))
    (tmp_path / "mine.yaml").write_text(STUDY)
    return str(tmp_path / "mine.yaml")


def test_options_become_a_plan_for_each_recipe(study_file, tmp_path):
    short, long = plans_for(RunOptions(study=study_file))
    assert [short.recipe_name, long.recipe_name] == ["short", "long"]
    assert (short.keep_weights, short.retry_failed, short.storage) == ("one", False, None)
    (plan,) = plans_for(
        RunOptions(
            study=study_file, recipe="long", backbones="compact_cnn", strategies=" oversampling, none,",
            split="union", trials=3, repeats=4, mlruns=tmp_path / "m", storage="sqlite:///o.db",
            keep_weights="all", retry_failed=True,
        )
    )  # fmt: skip
    assert [task.cell.name for task in plan.tasks] == ["compact_cnn/oversampling", "compact_cnn/none"]
    assert (plan.recipe_name, plan.spec.split, plan.trials, plan.repeats) == ("long", "union", 3, 4)
    assert (plan.mlruns, plan.storage) == (tmp_path / "m", "sqlite:///o.db")
    assert (plan.keep_weights, plan.retry_failed) == ("all", True)


def test_options_take_one_of_the_training_sets(study_file):
    plans = plans_for(RunOptions(study=study_file, recipe="long", imbalance_ratio=4, label_noise=0.1))
    assert [plan.part for plan in plans] == ["recipe long, imbalance ratio 4, label noise 10 %"]


def test_a_place_that_can_hold_no_results_is_refused_before_the_study_is_read(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is a file; expected a folder"):
        plans_for(RunOptions(study="none such", mlruns=tmp_path / "file"))
    with pytest.raises(UserError, match="--storage: expected an address"):
        plans_for(RunOptions(study="none such", storage="there"))


def plan(part: str = "") -> SimpleNamespace:
    return SimpleNamespace(part=part, tasks=("a",), trials=1, repeats=1)


def failing(plan: SimpleNamespace) -> Generator[Event]:
    yield Loading()
    yield SlotEnded(cell="a", kind="trial", slot=0, status="failed", seconds=1, error="no memory")
    yield Ended(failures=(f"{plan.part} a trial 0: no memory",))


def test_plans_are_run_in_turn_and_all_that_failed_is_returned(capsys):
    failures = run_all([plan("recipe short"), plan("recipe long")], failing)
    assert failures == ["recipe short a trial 0: no memory", "recipe long a trial 0: no memory"]
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("recipe")]
    assert lines == ["recipe short:", "recipe long:"]


def test_interrupted_a_run_is_closed_and_says_how_to_go_on(capsys):
    closed = []

    def interrupted(plan: SimpleNamespace) -> Generator[Event]:
        try:
            yield Loading()
            raise KeyboardInterrupt
        finally:
            closed.append(plan.part)

    with pytest.raises(SystemExit) as end:
        run_all([plan("recipe short"), plan("recipe long")], interrupted)
    assert end.value.code == 130
    assert closed == ["recipe short"]
    assert "the same command goes on where it stopped" in " ".join(capsys.readouterr().out.split())


def test_many_hours_are_begun_only_with_consent(monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: False))
    affordable, costly = SimpleNamespace(hours=MANY_HOURS / 2), SimpleNamespace(hours=MANY_HOURS)
    ask_consent([affordable, affordable], yes=False)
    ask_consent([affordable, costly], yes=True)
    with pytest.raises(UserError, match="--yes starts it"):
        ask_consent([affordable, costly], yes=False)


def test_next_commands_are_as_a_shell_takes_them():
    assert next_commands("imbalance", Path("mlruns")) == (
        "runs: fer-bench ui\n"
        "csv:  fer-bench leaderboard --study imbalance --out leaderboard.csv"
    )  # fmt: skip
    assert next_commands("my studies/v1.2.yaml", Path("[red]m x")) == (
        "runs: fer-bench ui --mlruns '[red]m x'\n"
        "csv:  fer-bench leaderboard --study 'my studies/v1.2.yaml' --mlruns '[red]m x' --out leaderboard.csv"
    )


def test_what_failed_ends_a_run_with_code_1(capsys):
    exit_if_failed([])
    with pytest.raises(SystemExit) as end:
        exit_if_failed(["a/none trial 0: [red]", "b"])
    assert end.value.code == 1
    assert capsys.readouterr().out == (
        "2 failed, such as a/none trial 0: [red]; once the cause is mended, --retry-failed tries them again\n"
    )
