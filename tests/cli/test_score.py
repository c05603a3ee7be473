"""`fer-bench score`, as a user types it, on the drawn faces."""

import numpy as np
import pandas as pd
import pytest

from fer_bench.data.splits import split
from fer_bench.datasets.base import open_dataset


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    """Probabilities of a model that is right about half of the test images."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    images = open_dataset("synthetic")
    test = split(images, "official").test
    rng = np.random.default_rng(0)
    scores = np.exp(rng.normal(size=(len(test), 7)) + np.eye(7)[images.labels[test]])
    frame = pd.DataFrame(scores / scores.sum(axis=1, keepdims=True), columns=images.classes)
    frame.insert(0, "id", images.ids[test])
    frame.to_csv(tmp_path / "theirs.csv", index=False)
    return tmp_path / "theirs.csv"


def test_a_model_is_scored_bundled_and_ranked_from_the_bundle(theirs, fer_bench):
    mlruns = theirs.with_name("mlruns")
    output = fer_bench("score", theirs, "--dataset", "synthetic", "--name", "theirs", "--mlruns", mlruns)
    assert "models from elsewhere, training data unknown: synthetic, split official" in output
    assert "INFO mlflow" not in output
    study = "models-from-elsewhere"
    fer_bench("bundle", "--study", study, "--mlruns", mlruns, "--out", theirs.with_name("r.zip"))
    boards = []
    for words in (("--study", study, "--mlruns", mlruns), ("--from", theirs.with_name("r.zip"))):
        fer_bench("leaderboard", *words, "--out", theirs.with_name("board.csv"))
        boards.append(theirs.with_name("board.csv").read_text())
    assert boards[0] == boards[1] and "theirs,unknown,1,1" in boards[0]
    assert "all fits" in fer_bench("verify", theirs.with_name("r.zip"))


def test_what_wont_do_is_one_line_and_leaves_nothing(theirs, refused):
    mlruns = theirs.with_name("mlruns")
    common = ("--dataset", "synthetic", "--mlruns", mlruns)
    assert "--name 'my model'" in refused("score", theirs, "--name", "my model", *common)
    assert "unknown split" in refused("score", theirs, "--name", "m", "--split", "offical", *common)
    pd.read_csv(theirs).iloc[:-3].to_csv(theirs, index=False)
    assert "test images are missing" in refused("score", theirs, "--name", "m", *common)
    assert not mlruns.exists()
