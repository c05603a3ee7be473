"""Gradio without what it sends and keeps, which has to be said before it is imported."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

PREFIX = "fer-bench-demo-"  # of the folder's name, before the number of the process


@contextmanager
def private_gradio(host: str) -> Iterator[Path]:
    """Meanwhile, Gradio reports to nobody and writes to a folder that is removed: that one is given.

    It asks its own server at `host` whether it is up; no proxy is asked for that.
    """
    _remove_left()
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-", ignore_cleanup_errors=True) as folder:
        values = {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": folder}
        for name in ("NO_PROXY", "no_proxy"):
            values[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1", "localhost", host)))
        before = {name: os.environ.get(name) for name in values}
        os.environ.update(values)
        try:
            yield Path(folder)
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def _remove_left() -> None:
    """Remove the folders of demos that were killed, as one may hold a picture."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        process = folder.name.removeprefix(PREFIX).partition("-")[0]
        if process.isdecimal() and not psutil.pid_exists(int(process)):
            shutil.rmtree(folder, ignore_errors=True)
