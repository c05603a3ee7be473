"""Killed while SQLite wrote: whoever opens the database first rolls it back, and goes on.

A process that is killed in the middle of a transaction leaves the pages that it changed in the database, and
beside it a "hot" journal, `mlflow.db-journal`, which says what they were. Any reader who may write rolls it
back, and so does a test that only looks into the database: here they look at the files before they do that.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from command import run_command
from rights import read_only, without_write_rights

from fer_bench.errors import UserError
from fer_bench.speed.many_runs import STUDY, make_store
from fer_bench.storage import databases

DATABASES = ("mlflow.db", "optuna.db")
HOT = bytes.fromhex("d9d505f920a163d7")  # a journal begins with it for as long as it has to be rolled back
HALF = b"half-written " * 150
SPILL = f"""
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size=1")  # so that pages are written before the transaction ends
connection.execute("BEGIN IMMEDIATE")
for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
    connection.execute(f"DELETE FROM {{table}}")
connection.execute("CREATE TABLE half (content BLOB)")
for _ in range(200):
    connection.execute("INSERT INTO half VALUES (?)", ({HALF!r},))
os.kill(os.getpid(), signal.SIGKILL)
"""


def journal(database: Path) -> Path:
    return database.with_name(f"{database.name}-journal")


def break_off(database: Path) -> None:
    """Have a process killed in the middle of a transaction, with pages of it written."""
    done = subprocess.run([sys.executable, "-c", SPILL, str(database)], check=False)
    assert done.returncode == -9
    assert hot(database) and HALF in database.read_bytes()


def hot(database: Path) -> bool:
    return journal(database).exists() and journal(database).read_bytes().startswith(HOT)


def content(database: Path) -> list[str]:
    """All that a database holds; rolls it back when that has to be done."""
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return list(connection.iterdump())


def tidy(database: Path, before: list[str]) -> None:
    """It was rolled back, without our help: half-written pages are gone and all that was there is there."""
    assert not journal(database).exists()
    assert HALF not in database.read_bytes()
    assert content(database) == before


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder of results with both databases, and their copies; databases hold the place they are in."""
    from fer_bench.storage.optuna_store import open_storage

    folder = tmp_path_factory.mktemp("hot")
    (folder / "mlruns").mkdir()
    make_store(folder / "mlruns", 42)
    open_storage(folder / "mlruns", None).engine.dispose()
    shutil.copytree(folder / "mlruns", folder / "kept", ignore=shutil.ignore_patterns("artifacts"))
    return folder


@pytest.fixture
def mlruns(place, monkeypatch) -> Path:
    """Sound databases, as they were made."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(place)
    for name in DATABASES:
        journal(place / "mlruns" / name).unlink(missing_ok=True)
        shutil.copy(place / "kept" / name, place / "mlruns" / name)
    return place / "mlruns"


@pytest.fixture
def before(mlruns) -> dict[str, list[str]]:
    return {name: content(mlruns / name) for name in DATABASES}


# Who opens them first


class Reached(Exception):
    """The stores are open: what comes next would take minutes."""


def reached(*args: object, **kwargs: object) -> None:
    raise Reached


def run(mlruns: Path, monkeypatch, capsys) -> None:
    from fer_bench.runner import processes

    monkeypatch.setattr(processes, "WorkerPool", reached)
    with pytest.raises(Reached):
        next(processes.run(SimpleNamespace(mlruns=mlruns, results=mlruns / "results", storage=None)))


def worker(mlruns: Path, monkeypatch, capsys) -> None:
    """As a worker's process opens them, should its command's have been killed since."""
    from fer_bench.storage.mlflow_client import create_store
    from fer_bench.storage.optuna_store import OptunaStore
    from fer_bench.storage.tracking import Tracker

    create_store(mlruns)
    assert Tracker(mlruns, f"{STUDY}-fer2013-budget_0").description()["study"] == STUDY
    OptunaStore(mlruns, None)


def leaderboard(mlruns: Path, monkeypatch, capsys) -> None:
    code, said = run_command(
        capsys, monkeypatch, "leaderboard", "--study", STUDY, "--out", mlruns / "board.csv"
    )
    assert code == 0 and "2 rows" in said, said


def ui(mlruns: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("fer_bench.cli.mlflow_ui._start", reached)
    monkeypatch.setattr("fer_bench.cli.mlflow_ui.check_free", lambda port: None)
    with pytest.raises(Reached):
        run_command(capsys, monkeypatch, "ui")


def doctor(mlruns: Path, monkeypatch, capsys) -> None:
    from fer_bench.cli.doctor import GOOD, _stores

    marks = [(mark, name) for mark, name, _ in _stores(mlruns)]
    assert marks == [(GOOD, "mlflow"), (GOOD, "optuna")]


def export(mlruns: Path, monkeypatch, capsys) -> None:
    from fer_bench.inference.kept_repeat import find_kept_repeat

    with pytest.raises(UserError, match="no weights of backbone_0/none are among"):
        find_kept_repeat(mlruns, STUDY, "backbone_0/none", {}, mlruns)


@dataclass(frozen=True)
class First:
    """A command, up to where the stores are open, and the databases it opens."""

    open: Callable[..., None]
    databases: tuple[str, ...]


FIRST = {
    "run": First(run, DATABASES),
    "worker": First(worker, DATABASES),
    "leaderboard": First(leaderboard, DATABASES[:1]),
    "ui": First(ui, DATABASES[:1]),
    "doctor": First(doctor, DATABASES),
    "export": First(export, DATABASES[:1]),
}


@pytest.mark.parametrize("first", FIRST)
def test_whoever_opens_a_database_first_rolls_it_back(mlruns, before, monkeypatch, capsys, first):
    for name in DATABASES:
        break_off(mlruns / name)
    begun = time.monotonic()
    FIRST[first].open(mlruns, monkeypatch, capsys)
    assert time.monotonic() - begun < 60, "MLflow tries again for minutes"
    for name in FIRST[first].databases:
        tidy(mlruns / name, before[name])


@pytest.mark.parametrize("name", DATABASES)
def test_the_journal_of_a_process_that_lives_is_left_alone(mlruns, before, name):
    with closing(sqlite3.connect(mlruns / name, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("CREATE TABLE half (content BLOB)")
        assert journal(mlruns / name).exists()
        begun = time.monotonic()
        databases.probe(f"sqlite:///{mlruns / name}")
        assert time.monotonic() - begun < 5, "to read waits for nobody who only prepares to write"
        assert journal(mlruns / name).exists()
        writer.execute("COMMIT")
    assert any("CREATE TABLE half" in line for line in content(mlruns / name))


def test_a_write_ahead_log_is_read(mlruns):
    with closing(sqlite3.connect(mlruns / "mlflow.db", isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("CREATE TABLE half (content BLOB)")
        databases.probe(f"sqlite:///{mlruns / 'mlflow.db'}")
        writer.execute("COMMIT")
    assert any("CREATE TABLE half" in line for line in content(mlruns / "mlflow.db"))


# Databases that are not ours, or not there


def test_a_database_of_others_is_rolled_back_and_stays_theirs(tmp_path):
    with closing(sqlite3.connect(tmp_path / "theirs.db")) as connection, connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
        connection.execute("INSERT INTO songs VALUES ('Yesterday')")
    theirs = content(tmp_path / "theirs.db")
    break_off(tmp_path / "theirs.db")
    with pytest.raises(sqlite3.DatabaseError, match="it has other tables"):
        databases.probe(f"sqlite:///{tmp_path / 'theirs.db'}")
    tidy(tmp_path / "theirs.db", theirs)


def test_a_database_that_is_not_there_is_not_made(tmp_path):
    databases.probe(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert os.listdir(tmp_path) == []


def test_a_journal_whose_database_was_moved_away_does_not_spoil_the_next(tmp_path, mlruns):
    from fer_bench.storage.mlflow_client import create_store
    from fer_bench.storage.optuna_store import open_storage

    for name in DATABASES:
        break_off(mlruns / name)
        shutil.move(journal(mlruns / name), tmp_path)
    create_store(tmp_path)
    open_storage(tmp_path, None).engine.dispose()
    for name in DATABASES:
        assert not journal(tmp_path / name).exists()
        assert any("alembic_version" in line for line in content(tmp_path / name))


# No right to write


OPEN = """
import sys
from fer_bench.storage.databases import probe, refusal

try:
    probe(sys.argv[1])
except Exception as error:
    sys.exit(f"error: {refusal('MLflow store', sys.argv[1], error)}")
"""


def as_nobody(*words: str) -> tuple[int, str]:
    """Run Python as one who may not write what is read-only, not even as root: exit code and output."""
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=False, preexec_fn=without_write_rights
    )
    return done.returncode, done.stdout + done.stderr


@contextmanager
def closed(mlruns: Path, what: str) -> Iterator[None]:
    """Let nobody write a database or its folder; or only not the folder, so that no file can be removed."""
    if what == "all":
        with read_only(mlruns):
            yield
        return
    path = mlruns / "mlflow.db" if what == "database" else mlruns
    mode = path.stat().st_mode
    path.chmod(mode & 0o555)
    try:
        yield
    finally:
        path.chmod(mode)


CLOSED = ("all", "folder", "database")
COMMAND = ("-m", "fer_bench.cli", "leaderboard", "--study", STUDY)


@pytest.mark.parametrize("what", CLOSED)
def test_what_is_read_only_is_read(mlruns, before, what):
    with closed(mlruns, what):
        assert as_nobody("-c", OPEN, f"sqlite:///{mlruns / 'mlflow.db'}") == (0, "")
    assert content(mlruns / "mlflow.db") == before["mlflow.db"]


def test_a_leaderboard_that_is_read_only_is_shown(mlruns):
    with closed(mlruns, "all"):
        code, said = as_nobody(*COMMAND)
    assert code == 0 and "backbone_0" in said, said


@pytest.mark.parametrize("what", CLOSED)
def test_what_is_read_only_and_half_written_is_said_in_a_line(mlruns, before, what):
    break_off(mlruns / "mlflow.db")
    with closed(mlruns, what):
        code, said = as_nobody("-c", OPEN, f"sqlite:///{mlruns / 'mlflow.db'}")
    assert code == 1 and len(said.splitlines()) == 1, said
    assert "a killed process left mlflow.db-journal to roll back" in said
    assert f"let somebody who may write to {mlruns} run fer-bench doctor, or copy all of that folder" in said
    assert "move the file away" not in said
    databases.probe(f"sqlite:///{mlruns / 'mlflow.db'}")
    tidy(mlruns / "mlflow.db", before["mlflow.db"])


def test_a_leaderboard_that_is_read_only_and_half_written_is_refused(mlruns):
    break_off(mlruns / "mlflow.db")
    with closed(mlruns, "all"):
        code, said = as_nobody(*COMMAND)
    assert code == 2 and len(said.splitlines()) == 1 and said.startswith("error: can't open the MLflow"), said
