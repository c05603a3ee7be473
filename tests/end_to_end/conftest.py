"""What tests of real processes share: nothing is left running, and a study that nothing happened to."""

from collections.abc import Iterator

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
    folder = tmp_path_factory.mktemp("undisturbed")
    code, output = run_to_the_end(folder)
    assert code == 0, output
    assert Books.of(folder / "mlruns").faults(**SLOTS) == []
    return leaderboard_csv(folder)
