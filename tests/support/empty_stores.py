"""A folder with both databases as a run makes them, to be copied: to make MLflow's takes seconds."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

FOLDERS: list[TemporaryDirectory] = []  # removed when the process ends


@cache
def empty_stores() -> Path:
    """That folder, made once in this process."""
    from fer_bench.storage.mlflow_client import create_store
    from fer_bench.storage.optuna_store import open_storage

    FOLDERS.append(TemporaryDirectory(prefix="fer-bench-stores-"))
    folder = Path(FOLDERS[-1].name)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        create_store(folder)
        open_storage(folder, None)
    return folder
