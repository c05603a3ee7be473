"""The folder of the demo's uploads: gone with the demo, and after it was killed with the next one."""

import os
import tempfile

from fer_bench.inference.demo import private_gradio


def test_folders_of_killed_demos_are_removed_and_those_of_running_ones_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(private_gradio.psutil, "pid_exists", lambda number: number == 7)
    for name in ("fer-bench-demo-6-killed", "fer-bench-demo-7-runs", "fer-bench-demo-others", "else"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "picture.png").write_bytes(b"")
    with private_gradio.private_gradio("127.0.0.1") as folder:
        assert folder.name.startswith(f"fer-bench-demo-{os.getpid()}-")
        names = {path.name for path in tmp_path.iterdir()}
        assert names == {"fer-bench-demo-7-runs", "fer-bench-demo-others", "else", folder.name}
    assert not folder.exists()
