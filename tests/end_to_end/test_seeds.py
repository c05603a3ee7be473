"""The systems we set out from run to the end on built-in faces, both recipes of each, by the real CLI."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

SEEDS = sorted((Path(__file__).parents[2] / "experiments").glob("seed_*.yaml"))


def test_there_are_five():
    assert [path.stem.split("_")[1] for path in SEEDS] == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: path.stem)
def test_a_seed_runs_as_written_and_as_it_should_be(path, tmp_path):
    environment = os.environ | {"FER_BENCH_HOME": str(tmp_path / "home"), "COLUMNS": "160"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    command = [sys.executable, "-m", "fer_bench.cli"]

    def fer_bench(*words):
        done = subprocess.run(
            [*command, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=500,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    shown = fer_bench("run", "--study", path.stem, "--keep-weights", "none")
    fer_bench("leaderboard", "--study", path.stem, "--out", "board.csv")
    study, rows = yaml.safe_load(path.read_text()), pd.read_csv(tmp_path / "board.csv")
    assert set(rows["recipe_name"]) == {"as_written", "as_should_be"}
    assert len(rows) == 2 * len(study["backbones"])
    assert (rows["rank"] == 1).sum() == 2, "each recipe is a board of its own"
    assert rows["macro_f1"].between(0, 1).all() and (rows["budget"] == "quick").all()
    splits = rows.set_index("recipe_name")["split"].to_dict()
    assert splits == {name: {**study, **changes}["split"] for name, changes in study["recipes"].items()}
    same = rows["split"].isin(["random_80_20", "test_as_validation"])
    assert (rows["warnings"].str.contains("validation is the test set") == same).all()
    for name, value in study.get("reported", {}).items():
        assert f"{name.replace('/', '_')} {value:g}" in " ".join(shown.split())
    runs = list((tmp_path / "mlruns" / "artifacts").glob("*/*/artifacts"))
    reports = [run for run in runs if (run / "classification_report.txt").exists()]
    assert len(reports) == len(rows)
    for run in reports:
        assert {"confusion_matrix.png", "curves.png"} <= {file.name for file in run.iterdir()}
