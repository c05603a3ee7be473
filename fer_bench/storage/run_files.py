"""Files and parameters of a logged run, wherever its store keeps them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname
from zipfile import BadZipFile

import numpy as np
from mlflow.exceptions import MlflowException

from fer_bench.errors import UserError, phrase
from fer_bench.storage.databases import check_place, tracking_uri
from fer_bench.storage.mlflow_client import open_client

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


class RunFiles:
    """The runs of the store that belongs to a folder `mlruns`; UserError where it can't be opened."""

    def __init__(self, mlruns: Path) -> None:
        self._client = open_client(tracking_uri(mlruns))

    def names(self, run_id: str) -> list[str]:
        """Names of a run's files; none where the place that they lie in can't be reached."""
        try:
            return [Path(file.path).name for file in self._client.list_artifacts(run_id)]
        except Exception:  # MLflow lets the artifact stores' own errors through
            return []

    def fetch(self, run_id: str, name: str, folder: Path) -> Path:
        """Copy one of a run's files into a folder; its path there."""
        return Path(self._client.download_artifacts(run_id, name, str(folder)))

    def parameters(self, run_id: str) -> dict[str, str]:
        """Parameters of a run, as text."""
        return dict(self._client.get_run(run_id).data.params)

    def address(self, run_id: str) -> str:
        """Where the store says that a run's files lie."""
        return str(self._client.get_run(run_id).info.artifact_uri)

    def check_not_moved(self, mlruns: Path, run_id: str) -> None:
        """Raise UserError where the database says that a run's files lie elsewhere than in `mlruns`."""
        experiment = self._client.get_experiment(self._client.get_run(run_id).info.experiment_id)
        check_place(mlruns, experiment.name, experiment.artifact_location)


def find_file(client: MlflowClient, run_id: str, artifact_uri: str, mlruns: Path, name: str) -> Path:
    """Where a run's file lies: as written, or where `mlruns` has been moved to; else a fetched copy.

    Raises UserError where it is in neither.
    """
    uri = urlsplit(artifact_uri)
    path = Path(url2pathname(uri.path)) / name
    for place in (path, mlruns / Path(*path.parts[-5:])):  # artifacts/EXPERIMENT/RUN/artifacts/NAME
        if uri.scheme == "file" and place.is_file():
            return place
    try:
        return Path(client.download_artifacts(run_id, name))
    except (MlflowException, OSError) as error:
        raise UserError(
            f"can't get {artifact_uri}/{name} ({phrase(error)}): check the server and your permissions; if "
            "it is gone for good, delete the run in MLflow and run the study again"
        ) from None


@contextmanager
def open_predictions(path: Path, run_id: str) -> Iterator[Any]:
    """Arrays of a run's predictions.npz by their names; raises UserError where it is broken."""
    try:
        with np.load(path, allow_pickle=False) as file:
            yield file
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        if isinstance(error, OSError) and error.errno:
            raise UserError(f"{path} can't be read ({error.strerror}): check your permissions") from None
        raise UserError(
            f"{path} is broken ({phrase(error)}): delete run {run_id} in MLflow, and run the study again"
        ) from None
