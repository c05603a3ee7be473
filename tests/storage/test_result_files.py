"""What survives a kill: claims, attempts and result files."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fer_bench
from fer_bench.errors import UserError
from fer_bench.files import atomic, writable
from fer_bench.storage.claims import claim
from fer_bench.storage.result_files import Result, ResultFiles, read_result

ROOT = str(Path(fer_bench.__file__).parent.parent)


def result(slot=0, attempt=1, kind="trial", cell="abc", score=0.5, **changes):
    made = Result(cell, kind, slot, attempt, 7, {"learning_rate": 1e-3}, "complete", "run-1", 1.0)
    made.scores = {"val/macro_f1": score}
    for name, value in changes.items():
        setattr(made, name, value)
    return made


@pytest.fixture
def ledger(tmp_path):
    made = ResultFiles(tmp_path, "abc")
    made.folder.mkdir()
    return made


def test_a_result_comes_back_as_it_was(ledger):
    arrays = {
        "val_logits": np.random.default_rng(0).normal(size=(5, 7)).astype("float32"),
        "val_ids": np.array(["a.png", "ö.png"]),
    }
    kept = result(
        arrays=arrays, history=[{"train/loss": 1.25, "seconds": 0.1}], error="ValueError: no\nwhy",
        facts={"steps": 30}, origin={"commit": "x", "device": "CPU"}, finished=2.5,
    )  # fmt: skip
    found = read_result(ledger.save(kept), arrays=True)
    assert found.value == 0.5
    for name, array in arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array)
        assert found.arrays[name].dtype == array.dtype
    assert {**vars(found), "arrays": None} == {**vars(kept), "arrays": None}


def test_of_a_slot_the_latest_attempt_counts(ledger):
    for attempt, score in ((1, 0.3), (10, 0.9), (2, 0.4)):
        ledger.save(result(slot=4, attempt=attempt, score=score))
    ledger.save(result(slot=5))
    ledger.save(result(slot=4, kind="repeat", score=0.1))
    found = ledger.results("trial")
    assert {slot: (r.attempt, r.value) for slot, r in found.items()} == {4: (10, 0.9), 5: (1, 0.5)}
    assert ledger.results("repeat")[4].value == 0.1


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9, 0.999])
def test_a_truncated_file_counts_as_absent(ledger, share):
    path = ledger.save(result(arrays={"logits": np.random.default_rng(0).normal(size=(50, 7))}))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert read_result(path) is None
    assert ledger.results("trial") == {}


def test_a_damaged_file_counts_as_absent(ledger):
    path = ledger.save(result(arrays={"logits": np.random.default_rng(0).normal(size=(50, 7))}))
    whole = bytearray(path.read_bytes())
    for start in (200, len(whole) // 2, len(whole) - 300):
        whole[start : start + 60] = b"\x55" * 60
    path.write_bytes(bytes(whole))
    assert ledger.results("trial") == {}
    path.write_bytes(b"PK\x03\x04 not really")
    assert ledger.results("trial") == {}
    path.write_text("{}")
    assert ledger.results("trial") == {}


def test_a_file_that_would_run_code_is_not_read(ledger):
    path = ledger.folder / "trial-000-1.npz"
    np.savez(path, result=np.array([{"a": print}], dtype=object))
    assert read_result(path) is None


def test_a_broken_attempt_leaves_an_earlier_whole_one(ledger):
    ledger.save(result(attempt=1, score=0.3))
    ledger.save(result(attempt=2)).write_bytes(b"PK")
    assert ledger.results("trial")[0].value == 0.3


def test_a_result_of_another_cell_is_refused(ledger):
    ledger.save(result(cell="xyz"))
    assert ledger.results("trial") == {}


def test_a_folder_that_is_not_there_holds_nothing(tmp_path):
    assert ResultFiles(tmp_path, "new").results("trial") == {}
    assert ResultFiles(tmp_path, "new").lost("trial", 0) == 0


def test_attempts_that_never_ended_are_counted(ledger):
    assert ledger.lost("trial", 0) == 0
    assert [ledger.begin("trial", 0) for _ in range(2)] == [1, 2]
    assert ledger.begin("trial", 1) == 1
    assert ledger.begin("repeat", 0) == 1
    assert ledger.lost("trial", 0) == 2
    assert ledger.begin("trial", 0) == 3
    ledger.save(result(attempt=3))
    assert ledger.lost("trial", 0) == 0, "before a result they don't matter"
    assert ledger.begin("trial", 0) == 4
    assert ledger.lost("trial", 0) == 1
    assert ledger.lost("trial", 1) == 1


def test_an_attempt_whose_file_is_broken_never_ended(ledger):
    ledger.begin("trial", 0)
    ledger.save(result()).write_bytes(b"PK")
    assert ledger.lost("trial", 0) == 1


# Claims


HOLD = """
import sys, time
from pathlib import Path
from fer_bench.storage.claims import claim
with claim(Path(sys.argv[1]), None, "abc") as held:
    print(held(), flush=True)
    time.sleep(60)
"""


def test_a_claim_keeps_others_out_until_its_process_is_killed(ledger):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(ledger.folder.parent)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert holder.stdout.readline().strip() == "True"
        with claim(ledger.folder.parent, None, "abc") as held:
            assert held is None
        with claim(ledger.folder.parent, None, "other") as held:
            assert held(), "each cell for itself"
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    with claim(ledger.folder.parent, None, "abc") as held:
        assert held()


def test_a_claim_ends_with_its_block_even_by_an_error(ledger):
    with pytest.raises(RuntimeError, match="boom"), claim(ledger.folder.parent, None, "abc"):
        raise RuntimeError("boom")
    with claim(ledger.folder.parent, None, "abc") as held:
        assert held()


# Whole or not there


def test_a_file_appears_when_the_block_has_ended_well(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent == tmp_path, "on the same disk"
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write():
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(type(error)):
        write()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_result_that_can_not_be_written_leaves_nothing(ledger):
    with pytest.raises(TypeError):
        ledger.save(result(facts={"steps": object()}))
    assert list(ledger.folder.iterdir()) == []


def test_a_half_written_file_of_a_killed_process_is_no_result(ledger):
    (ledger.folder / ".trial-000-1.npz.123.tmp").write_bytes(b"PK")
    assert ledger.results("trial") == {}


def test_a_place_that_can_not_be_written_is_the_users_to_mend(tmp_path):
    writable(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"can't write results there .*--mlruns"):
        writable(tmp_path / "file" / "b")
