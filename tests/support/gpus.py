"""A machine that seems to have a GPU, or libraries for one."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fer_bench import environment


@contextmanager
def machine_with_gpu(folder: Path, listed: str, libraries: bool) -> Iterator[None]:
    """Let `nvidia-smi -L` print what is `listed`, and TensorFlow have `libraries` for a GPU or none."""
    tool = folder / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\necho '{listed}'\n")
    tool.chmod(0o755)
    for package in ("nvidia", "nvidia/cudnn"):
        (folder / package).mkdir()
        (folder / package / "__init__.py").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(tool.parent))
        for name in ("CUDA_VISIBLE_DEVICES", "KERAS_BACKEND"):
            patch.delenv(name, raising=False)
        patch.setattr("ctypes.util.find_library", lambda name: None)
        patch.syspath_prepend(folder)
        patch.setitem(sys.modules, "nvidia", None)  # none there, whatever is installed
        if libraries:
            del sys.modules["nvidia"]
        environment.gpu.cache_clear()
        yield
    environment.gpu.cache_clear()
