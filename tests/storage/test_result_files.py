"""What survives a kill: attempts that have begun, and result files that are whole or not there."""

import os
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


@pytest.mark.parametrize(
    ("finished", "lost"),
    [
        ([0, 0, 0], 3),
        ([4, 4, 4], 3),  # dies in the fifth each time
        ([4, 4, 4, 4], 4),
        ([4, 2, 3], 3),  # without a checkpoint to go on from
        ([0, 1, 1], 2),
        ([2, 3, 4, 5, 6], 1),
        ([4, 4, 5, 5], 2),
    ],
)
def test_kills_count_from_the_latest_attempt_that_got_further(result_files, finished, lost):
    for epochs in finished:
        attempt = result_files.begin("trial", 0)
        for epoch in range(1, epochs + 1):
            result_files.note("trial", 0, attempt, epoch)
    assert result_files.lost("trial", 0) == lost


@pytest.mark.parametrize("torn", [b"", b"   ", b"\x00\x00\x00\x00\x00\x00\x00", b"\xff", b"1 2"])
def test_a_torn_note_counts_as_no_epoch(result_files, torn):
    for _ in range(2):
        result_files.note("trial", 0, result_files.begin("trial", 0), 5)
    (result_files.folder / "trial-000-1.begun").write_bytes(torn)
    assert result_files.lost("trial", 0) == 1, "the second got further"
    (result_files.folder / "trial-000-2.begun").write_bytes(torn)
    assert result_files.lost("trial", 0) == 2


def test_a_note_of_an_attempt_that_was_given_up_is_none(result_files):
    attempt = result_files.begin("trial", 0)
    result_files.withdraw("trial", 0, attempt)
    result_files.note("trial", 0, attempt, 3)
    assert list(result_files.folder.iterdir()) == []


def written(result_files: ResultFiles, slot: int, seconds: float) -> None:
    """Write a checkpoint of a trial at a time."""
    path = result_files.checkpoint("trial", slot)
    path.write_bytes(b"PK")
    os.utime(path, (seconds, seconds))


@pytest.mark.parametrize("status", ["complete", "failed"])
def test_a_result_ends_its_slot_s_checkpoint(result_files, status):
    for slot in (0, 1):
        written(result_files, slot, 0)
    result_files.save(result(slot=0, status=status))
    assert not result_files.checkpoint("trial", 0).exists()
    assert result_files.checkpoint("trial", 1).exists()


def test_a_checkpoint_that_its_result_left_behind_goes(result_files):
    paths = [result_files.save(result(slot=slot)) for slot in (0, 1)]
    for path in paths:
        os.utime(path, (1000, 1000))
    written(result_files, 0, 999)
    written(result_files, 1, 1001)
    written(result_files, 2, 999)
    result_files.tidy()
    left = [slot for slot in range(3) if result_files.checkpoint("trial", slot).exists()]
    assert left == [1, 2], "that of a later attempt stays, and one without a result"
    assert result_files.results("trial").keys() == {0, 1}


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
