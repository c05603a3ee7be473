"""What tests of real processes share: nothing is left running, and a study that nothing happened to."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from soak import Books, clear
from study_runs import SLOTS, leaderboard_csv, run_to_the_end


@pytest.fixture(autouse=True)
def clean_up() -> Iterator[None]:
    """Leave no process behind, whatever a test has come to."""
    yield
    clear()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """CSV of a run that nothing happens to."""
    return _undisturbed(tmp_path_factory.mktemp("undisturbed"), real=True)


@pytest.fixture(scope="session")
def undisturbed_stand_in(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """CSV of a run of stand-in trainings that nothing happens to."""
    return _undisturbed(tmp_path_factory.mktemp("undisturbed"), real=False)


def _undisturbed(folder: Path, real: bool) -> pd.DataFrame:
    code, output = run_to_the_end(folder, real=real)
    assert code == 0, output
    assert Books.of(folder / "mlruns").faults(**SLOTS) == []
    return leaderboard_csv(folder)
