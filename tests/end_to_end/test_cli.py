"""One study through the real CLI, as a user's shell sees it, and what it leaves behind."""

import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pandas as pd
import pytest
from command import run_process
from servers import free_port
from soak import query
from tiny_study import tiny_study

STUDY = tiny_study(
    recipe={
        "image_size": 32,
        "augmentation": {"flip": True, "rotation": 10, "shift": 0.1},
        "phases": [{"trainable": "head", "epochs": 1}, {"trainable": "all", "epochs": 2}],
    },
    train_images=300,
    val_images=100,
    test_images=150,
)


def slots(output: str) -> list[str]:
    return re.findall(r"^(\S+ (?:trial|repeat) \d+):", output, re.MULTILINE)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("study")
    (folder / "tiny.yaml").write_text(STUDY)
    return folder, run_process(folder, "run", "--study", "tiny.yaml")


@pytest.fixture
def board(fer_bench, monkeypatch):
    """Rows of the leaderboard of a folder's study."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def read(folder: Path) -> pd.DataFrame:
        monkeypatch.chdir(folder)
        fer_bench("leaderboard", "--study", "tiny", "--out", "board.csv")
        return pd.read_csv("board.csv", dtype={"data_fingerprint": str, "cell": str}, keep_default_na=True)

    return read


def test_run_fills_every_slot_and_shows_the_leaderboard(study, board):
    folder, output = study
    assert len(slots(output)) == 2 * (2 + 2)
    assert "Macro-F1" in output and "oversampling" in output
    assert "report: mlruns/report-tiny.html" in output
    assert "has the highest macro-F1 on test" in (folder / "mlruns/report-tiny.html").read_text("utf-8")
    rows = board(folder)
    assert list(rows["rank"]) == [1, 2]
    assert set(rows["strategy"]) == {"none", "oversampling"}
    assert rows["macro_f1"].is_monotonic_decreasing
    assert ((rows["macro_f1_low"] <= rows["macro_f1"]) & (rows["macro_f1"] <= rows["macro_f1_high"])).all()
    assert rows["gain"].notna().sum() == 1
    assert (rows["repeats"] == 2).all() and (rows["trials"] == 2).all()
    assert (rows["steps"] == 9 * 3).all()
    assert rows["commits"].notna().all() and rows["cell"].is_unique


def test_each_slot_counts_once_and_no_run_is_left_open(study):
    folder, _ = study
    database = folder / "mlruns" / "mlflow.db"
    counted = query(database, "select value from tags where key = 'fer_bench.counted'")
    assert counted == [("true",)] * 8
    assert query(database, "select distinct status from runs") == [("FINISHED",)]
    trials = query(folder / "mlruns" / "optuna.db", "select state from trials")
    assert trials == [("COMPLETE",)] * 4


def test_runs_carry_predictions_tables_figures_and_the_median_weights(study):
    folder, _ = study
    artifacts = folder / "mlruns" / "artifacts" / "tiny-synthetic"
    names = [path.name for path in artifacts.rglob("*") if path.is_file()]
    assert names.count("predictions.npz") == 8
    assert names.count("per_class.json") == 8 + 2, "of the cells as well"
    assert names.count("leaderboard.csv") == names.count("report-tiny.html") == 1
    for name in ("confusion_matrix.png", "curves.png", "classification_report.txt"):
        assert names.count(name) == 4
    assert sum(name.endswith(".weights.h5") for name in names) == 2
    assert not list((folder / "mlruns" / "results").rglob("*.weights.h5"))
    assert not list((folder / "mlruns" / "results").glob("*.log"))


def test_a_second_run_trains_nothing_and_gives_the_same_table(study, board, run_here):
    folder, _ = study
    before = board(folder)
    code, output = run_here(folder, "--study", "./tiny.yaml")
    assert code == 0 and slots(output) == [] and "all 8 results are there already" in output
    assert "fer-bench leaderboard --study ./tiny.yaml --out leaderboard.csv" in output
    pd.testing.assert_frame_equal(before, board(folder))


def test_lost_books_are_made_again_from_the_result_files(study, tmp_path, board, run_here):
    folder, _ = study
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(folder), str(copy)], check=True)
    for name in ("mlflow.db", "optuna.db"):
        (copy / "mlruns" / name).unlink()
    code, output = run_here(copy, "--study", "tiny.yaml")
    assert code == 0 and slots(output) == []
    pd.testing.assert_frame_equal(board(folder), board(copy))


@pytest.mark.slow
def test_more_repeats_train_only_what_is_missing(study, tmp_path, run_here):
    folder, _ = study
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(folder), str(copy)], check=True)
    (copy / "mlruns" / "mlflow.db").unlink()  # which knows where its files were
    code, output = run_here(copy, "--study", "tiny.yaml", "--repeats", "3")
    assert code == 0, output
    assert slots(output) == ["compact_cnn/none repeat 2", "compact_cnn/oversampling repeat 2"]


@pytest.mark.slow
def test_a_fresh_process_gives_the_same_numbers(study, tmp_path, board):
    folder, _ = study
    (tmp_path / "tiny.yaml").write_text(STUDY)
    run_process(tmp_path, "run", "--study", "tiny.yaml", "--strategies", "oversampling")
    both = [board(f).query("strategy == 'oversampling'").reset_index(drop=True) for f in (folder, tmp_path)]
    same = ["cell", "macro_f1", "accuracy", "balanced_accuracy", "seeds"]
    same = [column for column in same if column in both[0]]
    pd.testing.assert_frame_equal(both[0][same], both[1][same])


def test_ui_serves_the_runs_and_leaves_no_process(study):
    folder, _ = study
    port = free_port()
    command = [sys.executable, "-m", "fer_bench.cli", "ui", "--port", str(port)]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as ui:
        assert ui.stdout is not None
        shown = [ui.stdout.readline() for _ in range(6)]
        page = shown[1].split()[-1]
        assert page.startswith(f"http://127.0.0.1:{port}/")
        with urllib.request.urlopen(page, timeout=30) as answer:
            assert answer.status == 200
        assert [line.split(":")[0].strip() for line in shown[1:5]] == [
            "cells",
            "charts",
            "per class",
            "files",
        ]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10) as answer:
            assert answer.status == 200
        ui.send_signal(signal.SIGINT)
        assert ui.wait(timeout=30) == 0
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10)


def test_dry_run_plans_and_writes_nothing(workplace, fer_bench):
    Path("tiny.yaml").write_text(STUDY)
    output = fer_bench("run", "--study", "tiny.yaml", "--dry-run")
    assert "2 cells x (2 trials + 2 repeats), at most 27 steps" in output
    assert "14.3" in output  # oversampling's effective prior
    assert not Path("mlruns").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "--study", "imbalence"], "did you mean 'imbalance'"),
        (["run", "--study", "imbalance", "--budget", "quik"], "did you mean 'quick'"),
        (["run", "--backbones", "vgg61"], "did you mean 'vgg16'"),
        (["run", "--strategies", "focal"], "unknown strategy 'focal'"),
        (["run", "--dataset", "fer2014"], "did you mean 'fer2013'"),
        (["run", "--dataset", "fer2013"], "fer-bench data"),
        (["run", "--budget", "full"], "isn't imported"),
        (["leaderboard", "--study", "imbalance"], "holds no runs"),
        (["ui"], "holds no runs"),
    ],
)
def test_a_users_error_is_a_few_lines(workplace, refused, words, message):
    assert message in refused(*words)
    assert not (workplace / "mlruns").exists()


def test_a_users_error_ends_the_process_with_code_2(tmp_path):
    output = run_process(tmp_path, "run", "--study", "imbalence", code=2)
    assert "did you mean 'imbalance'" in output
    assert len(output.strip().splitlines()) <= 3


def test_list_and_doctor_name_what_is_there(workplace, fer_bench):
    listed = fer_bench("list")
    for name in ("imbalance", "mobilenet_conv", "focal_loss", "synthetic"):
        assert name in listed
    found = fer_bench("doctor")
    assert "tensorflow" in found and "not imported" in found


def test_help_loads_nothing_heavy():
    script = (
        "import sys\nfrom fer_bench.cli.main import app\n"
        "heavy = {'keras', 'tensorflow', 'mlflow', 'optuna', 'sklearn', 'pandas', 'matplotlib', 'numpy'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_version_is_said(tmp_path):
    assert re.fullmatch(r"fer-bench .+, commit \w+.*\n", run_process(tmp_path, "--version"))
