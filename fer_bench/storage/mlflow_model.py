"""Models kept among a run's artifacts, as MLflow keeps models, or as plain files."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow.keras
import mlflow.onnx
import numpy as np
from mlflow import MlflowClient
from mlflow.models import Model, ModelSignature
from mlflow.types import Schema, TensorSpec

from fer_bench.storage.databases import tracking_uri
from fer_bench.storage.mlflow_client import open_client

NAME, ONNX_NAME = "model", "model-onnx"  # among the run's artifacts; other formats are model-FORMAT
HISTORY = "mlflow.log-model.history"  # tag by which MLflow's page knows a model among a run's artifacts


@dataclass(frozen=True, eq=False)
class ModelAbout:
    """What MLflow keeps beside a model.

    example: (1, H, W, C) float32; classes: names; requirements: packages for pip, or MLflow would load the
    model in a process to find them out.
    """

    example: np.ndarray
    classes: Sequence[str]
    requirements: Sequence[str]

    @property
    def signature(self) -> ModelSignature:
        """Pictures of any size and number in, a probability for each class out."""
        pictures = Schema([TensorSpec(np.dtype("float32"), (-1, -1, -1, -1))])
        return ModelSignature(pictures, Schema([TensorSpec(np.dtype("float32"), (-1, len(self.classes)))]))


def log_model(mlruns: Path, run_id: str, model: Any, about: ModelAbout) -> str:
    """Keep a model among a run's artifacts, in place of one kept before; its address in MLflow.

    `model` is a Keras model, or the path of an ONNX file. Not as one of MLflow's "logged models", which lie
    outside of the run: each export would add one, and they outlive their run.
    """
    client = open_client(tracking_uri(mlruns))
    name = ONNX_NAME if isinstance(model, Path) else NAME
    kept = Model(artifact_path=name, run_id=run_id)
    with tempfile.TemporaryDirectory() as folder:
        settings: dict[str, Any] = {
            "mlflow_model": kept,
            "signature": about.signature,
            "input_example": about.example,
            "pip_requirements": list(about.requirements),
            "metadata": {"classes": list(about.classes)},
        }
        if isinstance(model, Path):
            import onnx

            mlflow.onnx.save_model(onnx.load(model), folder, save_as_external_data=False, **settings)
        else:
            mlflow.keras.save_model(model, folder, **settings)
        client.log_artifacts(run_id, folder, name)
    _remember(client, run_id, kept)
    return f"runs:/{run_id}/{name}"


def log_file(mlruns: Path, run_id: str, file: Path, kind: str) -> str:
    """Keep a model file that MLflow has no flavour for as an artifact of a run; its address in MLflow."""
    client = open_client(tracking_uri(mlruns))
    with tempfile.TemporaryDirectory() as folder:
        named = Path(folder) / f"model{file.suffix}"
        named.write_bytes(file.read_bytes())
        client.log_artifact(run_id, str(named), f"{NAME}-{kind}")
    return f"runs:/{run_id}/{NAME}-{kind}/{named.name}"


def _remember(client: MlflowClient, run_id: str, kept: Model) -> None:
    """Add a model to those that MLflow's page shows for a run, in place of one of its name."""
    before = json.loads(client.get_run(run_id).data.tags.get(HISTORY, "[]"))
    others = [each for each in before if each["artifact_path"] != kept.artifact_path]
    client.set_tag(run_id, HISTORY, json.dumps([*others, kept.get_tags_dict()]))
