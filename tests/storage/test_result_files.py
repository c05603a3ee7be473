"""What survives a kill: attempts that have begun, and result files that are whole or not there."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fer_bench.storage.result_files import Kind, Result, ResultFiles, read_result


def result(
    slot: int = 0,
    attempt: int = 1,
    kind: Kind = "trial",
    cell: str = "abc",
    score: float = 0.5,
    **fields: Any,
) -> Result:
    trained = Result(cell, kind, slot, attempt, 7, {"learning_rate": 1e-3}, "complete", "run-1", 1.0)
    return replace(trained, scores={"val/macro_f1": score}, **fields)


@pytest.fixture
def result_files(tmp_path):
    (tmp_path / "abc").mkdir()
    return ResultFiles(tmp_path, "abc")


def test_a_result_comes_back_as_it_was(result_files):
    arrays = {
        "val_logits": np.random.default_rng(0).normal(size=(5, 7)).astype("float32"),
        "val_ids": np.array(["a.png", "ö.png"]),
    }
    kept = result(
        arrays=arrays, history=[{"train/loss": 1.25, "seconds": 0.1}], error="ValueError: no\nwhy",
        facts={"steps": 30}, origin={"commit": "x", "device": "CPU"}, finished=2.5,
    )  # fmt: skip
    found = read_result(result_files.save(kept), arrays=True)
    assert found.value == 0.5
    for name, array in arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array)
        assert found.arrays[name].dtype == array.dtype
    assert {**vars(found), "arrays": None} == {**vars(kept), "arrays": None}


def test_of_a_slot_the_latest_attempt_counts(result_files):
    for attempt, score in ((1, 0.3), (10, 0.9), (2, 0.4)):
        result_files.save(result(slot=4, attempt=attempt, score=score))
    result_files.save(result(slot=5))
    result_files.save(result(slot=4, kind="repeat", score=0.1))
    found = result_files.results("trial")
    assert {slot: (r.attempt, r.value) for slot, r in found.items()} == {4: (10, 0.9), 5: (1, 0.5)}
    assert result_files.results("repeat")[4].value == 0.1


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9, 0.999])
def test_a_truncated_file_counts_as_absent(result_files, share):
    path = result_files.save(result(arrays={"logits": np.random.default_rng(0).normal(size=(50, 7))}))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert read_result(path) is None
    assert result_files.results("trial") == {}


def test_a_damaged_file_counts_as_absent(result_files):
    path = result_files.save(result(arrays={"logits": np.random.default_rng(0).normal(size=(50, 7))}))
    whole = bytearray(path.read_bytes())
    for start in (200, len(whole) // 2, len(whole) - 300):
        whole[start : start + 60] = b"\x55" * 60
    path.write_bytes(bytes(whole))
    assert result_files.results("trial") == {}
    path.write_bytes(b"PK\x03\x04 not really")
    assert result_files.results("trial") == {}
    path.write_text("{}")
    assert result_files.results("trial") == {}


def test_a_file_that_would_run_code_is_not_read(result_files):
    path = result_files.folder / "trial-000-1.npz"
    np.savez(path, result=np.array([{"a": print}], dtype=object))
    assert read_result(path) is None


def test_a_broken_attempt_leaves_an_earlier_whole_one(result_files):
    result_files.save(result(attempt=1, score=0.3))
    result_files.save(result(attempt=2)).write_bytes(b"PK")
    assert result_files.results("trial")[0].value == 0.3


def test_a_result_of_another_cell_is_refused(result_files):
    result_files.save(result(cell="xyz"))
    assert result_files.results("trial") == {}


def test_a_folder_that_is_not_there_holds_nothing(tmp_path):
    assert ResultFiles(tmp_path, "new").results("trial") == {}
    assert ResultFiles(tmp_path, "new").lost("trial", 0) == 0


def test_attempts_that_never_ended_are_counted(result_files):
    assert result_files.lost("trial", 0) == 0
    assert [result_files.begin("trial", 0) for _ in range(2)] == [1, 2]
    assert result_files.begin("trial", 1) == 1
    assert result_files.begin("repeat", 0) == 1
    assert result_files.lost("trial", 0) == 2
    assert result_files.begin("trial", 0) == 3
    result_files.save(result(attempt=3))
    assert result_files.lost("trial", 0) == 0, "before a result they don't matter"
    assert result_files.begin("trial", 0) == 4
    assert result_files.lost("trial", 0) == 1
    assert result_files.lost("trial", 1) == 1


def test_an_attempt_whose_file_is_broken_never_ended(result_files):
    result_files.begin("trial", 0)
    result_files.save(result()).write_bytes(b"PK")
    assert result_files.lost("trial", 0) == 1


def test_a_result_that_can_not_be_written_leaves_nothing(result_files):
    with pytest.raises(TypeError):
        result_files.save(result(facts={"steps": object()}))
    assert list(result_files.folder.iterdir()) == []


def test_a_half_written_file_of_a_killed_process_is_no_result(result_files):
    (result_files.folder / ".trial-000-1.npz.123.tmp").write_bytes(b"PK")
    assert result_files.results("trial") == {}
