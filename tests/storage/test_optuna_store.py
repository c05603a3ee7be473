"""Optuna's storage: each slot entered once, made whole by many processes at once, nothing secret shown."""

import subprocess
import sys
from pathlib import Path

import optuna
import pytest
import search_history
from search_history import cell, history, result
from servers import postgres, postgres_programs

import fer_bench
from fer_bench.errors import UserError
from fer_bench.storage.optuna_store import OptunaStore, open_storage
from fer_bench.study.spec import defaults

SUPPORT = str(Path(search_history.__file__).parent)
ROOT = str(Path(fer_bench.__file__).parent.parent)


@pytest.fixture
def store(tmp_path):
    return OptunaStore(tmp_path, None)


def trials(tmp_path, experiment="study", name="compact_cnn/focal_loss", key="key"):
    study = optuna.load_study(
        study_name=f"{experiment} {name} {key}", storage=f"sqlite:///{tmp_path / 'optuna.db'}"
    )
    return study.get_trials()


def test_a_slot_is_entered_once(tmp_path, store):
    found = history(2)
    for _ in range(3):
        for slot in found:
            store.add("study", cell(), "key", [found[slot]])
    entered = trials(tmp_path)
    assert [t.user_attrs["slot"] for t in entered] == [0, 1]
    assert [t.params for t in entered] == [r.parameters for r in found.values()]
    assert {t.state for t in entered} == {optuna.trial.TrialState.COMPLETE}
    assert entered[0].value == 0.5
    assert entered[0].user_attrs["run_id"] == "run-0"


def test_a_failed_slot_is_entered_as_failed(tmp_path, store):
    store.add("study", cell(), "key", [result(0, defaults(cell()), status="failed")])
    (trial,) = trials(tmp_path)
    assert trial.state == optuna.trial.TrialState.FAIL
    assert trial.value is None


def test_cells_and_experiments_have_studies_of_their_own(tmp_path, store):
    parameters = defaults(cell("none"))
    store.add("study", cell("none"), "key", [result(0, parameters)])
    store.add("other", cell("none"), "key", [result(0, parameters)])
    store.add("study", cell(), "key2", [result(0, defaults(cell()))])
    names = optuna.get_all_study_names(f"sqlite:///{tmp_path / 'optuna.db'}")
    assert sorted(names) == [
        "other compact_cnn/none key", "study compact_cnn/focal_loss key2", "study compact_cnn/none key"
    ]  # fmt: skip


ENTER = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[4:]
URL = sys.argv[3] or None
from search_history import cell, history
from fer_bench.storage.optuna_store import OptunaStore
store = OptunaStore(Path(sys.argv[1]), URL)
for result in history(3).values():
    store.add(sys.argv[2], cell(), "key", [result])
"""


def make_at_once(folders: list[Path], url: str = "") -> None:
    """Let a process for each folder open the storage and enter trials at the same moment."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", ENTER, str(folder), f"study{i}", url, SUPPORT, ROOT],
            stderr=subprocess.PIPE, text=True,
        )
        for i, folder in enumerate(folders)
    ]  # fmt: skip
    errors = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0] * len(folders), errors


def test_four_processes_may_make_the_storage_at_once(tmp_path):
    make_at_once([tmp_path] * 4)
    for i in range(4):
        assert [t.user_attrs["slot"] for t in trials(tmp_path, f"study{i}")] == [0, 1, 2]
    assert {path.name for path in tmp_path.iterdir()} <= {"optuna.db", ".create.lock"}, "nothing left behind"


def test_a_storage_that_can_not_be_opened_is_the_users_to_mend(tmp_path):
    (tmp_path / "optuna.db").write_text("this is no database, however long it may be " * 100)
    with pytest.raises(UserError, match="can't open the Optuna storage") as caught:
        open_storage(tmp_path, None)
    assert "\n" not in str(caught.value)


def test_a_password_is_not_said(tmp_path):
    with pytest.raises(UserError) as caught:
        open_storage(tmp_path, "nosuch://me:secret@localhost/db")
    assert "secret" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.skipif(not postgres_programs(), reason="PostgreSQL is not installed")
def test_machines_may_make_the_tables_of_a_server_at_once(tmp_path):
    """Each has a folder of its own, and so no lock in common."""
    machines = [tmp_path / str(number) for number in range(4)]
    for machine in machines:
        machine.mkdir()
    with postgres(tmp_path / "cluster") as address:
        make_at_once(machines, f"{address}/optuna")
