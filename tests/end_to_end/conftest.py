"""What tests of real processes share: nothing is left running, and a study that nothing happened to."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from command import run_command, work_here
from empty_stores import empty_stores
from soak import Books, clear
from stand_ins import stand_in_here
from study_runs import SLOTS, STUDY, leaderboard_csv, run_to_the_end

from fer_bench.runner.events import Ended


@pytest.fixture(autouse=True)
def clean_up() -> Iterator[None]:
    """Leave no process behind, whatever a test has come to."""
    yield
    clear()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """CSV of a run that nothing happens to."""
    folder = tmp_path_factory.mktemp("undisturbed")
    code, output = run_to_the_end(folder)
    assert code == 0, output
    assert Books.of(folder / "mlruns").faults(**SLOTS) == []
    return leaderboard_csv(folder)


@pytest.fixture(scope="session")
def undisturbed_stand_in(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """CSV of a run of stand-in trainings, by a worker in this process, that nothing happens to."""
    from fer_bench.study.plan import make_plan

    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "tiny.yaml").write_text(STUDY)
    shutil.copytree(empty_stores(), folder / "mlruns")
    with stand_in_here():
        *_, last = work_here(make_plan(str(folder / "tiny.yaml"), mlruns=folder / "mlruns"))
    assert last == Ended(failures=())
    assert Books.of(folder / "mlruns").faults(**SLOTS) == []
    return leaderboard_csv(folder)


@pytest.fixture
def run_here(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str]]:
    """Exit code and output of `fer-bench run` in a folder, by a worker in this process.

    Trainings are stand-ins: should one be trained that was there, its numbers would be others.
    """

    def run(folder: Path, *words: str) -> tuple[int, str]:
        monkeypatch.chdir(folder)
        with stand_in_here():
            return run_command(capsys, monkeypatch, "run", *words)

    return run
