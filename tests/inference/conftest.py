"""What several tests of pictures and models need."""

import sys
from pathlib import Path

import numpy as np
import pytest
from pictures import page
from PIL import Image

from fer_bench.cli.main import main
from fer_bench.datasets.synthetic import CLASSES, draw
from fer_bench.inference.face_detector import FaceDetector
from fer_bench.inference.model_file import open_model


@pytest.fixture
def predict_command(model_file, tmp_path, capsys, monkeypatch):
    """Run `fer-bench predict` in an empty folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str, model=model_file) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["fer-bench", "predict", "--model", str(model), *words])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0), *capsys.readouterr()

    return run


@pytest.fixture(scope="session")
def keras_model(model_file):
    """The Keras model of the fixture `model_file`."""
    return open_model(model_file).model


@pytest.fixture(scope="session")
def onnx_file(keras_model, tmp_path_factory) -> Path:
    """The fixture `model_file` as an ONNX file."""
    return written(keras_model, tmp_path_factory.mktemp("onnx") / "faces.onnx")


@pytest.fixture(scope="session")
def litert_file(keras_model, tmp_path_factory) -> Path:
    """The fixture `model_file` as a LiteRT file."""
    return written(keras_model, tmp_path_factory.mktemp("litert") / "faces.tflite")


def written(model, path: Path) -> Path:
    from fer_bench.inference.model_writer import write

    write(model, path, path.parent)
    return path


@pytest.fixture(scope="session")
def portraits() -> list[Image.Image]:
    """Drawn faces, 200 pixels high, that both detectors take for faces."""
    detected = []
    for pixels in draw(np.arange(12) % len(CLASSES), np.random.RandomState(0)):
        face = Image.fromarray(pixels.squeeze()).resize((200, 200), Image.Resampling.BICUBIC)
        scene = np.asarray(page((60, 60, face)).convert("RGB"))
        if all(len(FaceDetector(name)(scene)) == 1 for name in ("yunet", "haar")):
            detected.append(face)
    assert len(detected) > 4
    return detected
