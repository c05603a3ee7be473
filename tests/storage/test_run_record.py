"""What a run in MLflow shows of a result."""

from dataclasses import replace

import numpy as np

from fer_bench.storage.result_files import Result
from fer_bench.storage.run_record import artifacts
from fer_bench.study.recipe import Recipe
from fer_bench.study.spec import Cell

CELL = Cell("compact_cnn", "deep_smote", Recipe(), {})
ARRAYS = {
    "test_logits": np.eye(2, dtype="float32"),
    "test_labels": np.array([0, 1]),
    "test_predicted": np.array([0, 1]),
}
RESULT = Result("key", "repeat", 0, 1, 2, {}, "complete", "run", 0.0, arrays=ARRAYS)


def test_images_that_a_repeat_made_are_among_its_figures():
    sheet = np.zeros((2, 2, 6, 8, 8, 1), np.uint8)
    plain = artifacts(RESULT, CELL, ("a", "b"))
    assert list(plain.figures) == ["confusion_matrix.png", "curves.png"]
    made = artifacts(replace(RESULT, arrays=ARRAYS | {"made_images": sheet}), CELL, ("a", "b"))
    assert list(made.figures) == [*plain.figures, "made_images.png"]
    assert artifacts(replace(RESULT, arrays={}), CELL, ("a", "b")).figures == {}
