"""A lock on a cell: held by one process alone, and gone with it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import fer_bench
from fer_bench.storage.locks import cell_lock

ROOT = str(Path(fer_bench.__file__).parent.parent)
HOLD = """
import sys, time
from pathlib import Path
from fer_bench.storage.locks import cell_lock
with cell_lock(Path(sys.argv[1]), None, "abc") as still_held:
    print(still_held(), flush=True)
    time.sleep(60)
"""


def test_a_lock_keeps_others_out_until_its_process_is_killed(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert holder.stdout.readline().strip() == "True"
        with cell_lock(tmp_path, None, "abc") as still_held:
            assert still_held is None
        with cell_lock(tmp_path, None, "other") as still_held:
            assert still_held(), "each cell for itself"
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    with cell_lock(tmp_path, None, "abc") as still_held:
        assert still_held()


def test_a_lock_ends_with_its_block_even_by_an_error(tmp_path):
    with pytest.raises(RuntimeError, match="boom"), cell_lock(tmp_path, None, "abc"):
        raise RuntimeError("boom")
    with cell_lock(tmp_path, None, "abc") as still_held:
        assert still_held()
