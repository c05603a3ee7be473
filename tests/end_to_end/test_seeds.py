"""The systems we set out from run to the end on built-in faces, both recipes of each.

In the gate with a small net in the place of their own, which take minutes to trace, and by a worker in this
process, with blank figures and no report: recipes, splits, phases and reported numbers are theirs. The slow
tests run them as they are, by the real command.
"""

from pathlib import Path

import pandas as pd
import pytest
import yaml
from blank_figures import blank_figures
from command import run_process, work_here

SEEDS = sorted((Path(__file__).parents[2] / "experiments").glob("seed_*.yaml"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """One folder for all of them, as a user has who runs one after the other."""
    return tmp_path_factory.mktemp("seeds")


def test_there_are_five():
    assert [path.stem.split("_")[1] for path in SEEDS] == ["1", "2", "3", "4", "5"]


@pytest.fixture
def command(fer_bench, monkeypatch):
    """Run a command in a folder, by a worker in this process or in one of its own; what it prints."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def run(place: Path, *words: str, own_process: bool) -> str:
        monkeypatch.chdir(place)
        if own_process:
            return run_process(place, *words)
        monkeypatch.setattr("fer_bench.runner.processes.run", work_here)
        monkeypatch.setattr("fer_bench.cli.run.report_of_run", lambda *args: None)
        with blank_figures():
            return fer_bench(*words)

    return run


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: path.stem)
@pytest.mark.parametrize("backbones", ["compact_cnn", pytest.param("", marks=pytest.mark.slow, id="its own")])
def test_a_seed_runs_as_written_and_as_it_should_be(path, backbones, folder, command, fer_bench):
    place = folder / (backbones or "own")
    place.mkdir(exist_ok=True)
    words = ("--backbones", backbones) if backbones else ()
    run = ("run", "--study", path.stem, "--keep-weights", "none", *words)
    shown = command(place, *run, own_process=not backbones)
    fer_bench("leaderboard", "--study", path.stem, "--out", "board.csv")
    study, rows = yaml.safe_load(path.read_text()), pd.read_csv("board.csv")
    assert set(rows["recipe_name"]) == {"as_written", "as_should_be"}
    names = [backbones] if backbones else study["backbones"]
    assert len(rows) == 2 * len(names) and set(rows["backbone"]) == set(names)
    assert (rows["rank"] == 1).sum() == 2, "each recipe is a board of its own"
    assert rows["macro_f1"].between(0, 1).all() and (rows["budget"] == "quick").all()
    splits = rows.set_index("recipe_name")["split"].to_dict()
    assert splits == {name: {**study, **changes}["split"] for name, changes in study["recipes"].items()}
    same = rows["split"].isin(["random_80_20", "test_as_validation"])
    assert (rows["warnings"].str.contains("validation is the test set") == same).all()
    for name, value in study.get("reported", {}).items():
        assert f"{name.replace('/', '_')} {value:g}" in " ".join(shown.split())
    runs = list(Path("mlruns/artifacts").glob(f"{path.stem}-*/*/artifacts"))
    reports = [run for run in runs if (run / "classification_report.txt").exists()]
    assert len(reports) == len(rows)
    for run in reports:
        assert {"confusion_matrix.png", "curves.png"} <= {file.name for file in run.iterdir()}
