"""`fer-bench bundle`, `verify` and `leaderboard --from`, as a user types them."""

import json

import pytest
from command import run_command
from small_results import rewritten, small_results

from fer_bench.storage.bundle_writer import write_bundle


@pytest.fixture
def path(tmp_path):
    write_bundle(small_results(), "small", tmp_path / "results.zip")
    return tmp_path / "results.zip"


def test_verify_says_what_it_did_and_what_it_had_to_take_as_given(path, fer_bench):
    output = fer_bench("verify", path)
    assert f"{path}: all fits" in output
    assert "study small: 4 repeats of 2 cells, 82 numbers recomputed, 14 members compared" in output
    assert "taken as given: loss on validation" in output and "times" in output


def test_verify_names_what_doesnt_fit_and_ends_with_code_1(path, capsys, monkeypatch):
    def change(members):
        study = json.loads(members["study.json"])
        for run in study["runs"]:
            run["metrics"] = {name: value + 0.1 for name, value in run["metrics"].items()}
        members["study.json"] = json.dumps(study).encode()

    code, output = run_command(capsys, monkeypatch, "verify", rewritten(path, change))
    assert code == 1
    assert "compact_cnn/none repeat 0: test/accuracy is given as" in output
    assert "and 62 more" in output and "82 things don't fit" in output


def test_verify_refuses_what_is_no_bundle(tmp_path, refused):
    (tmp_path / "x.zip").write_bytes(b"no zip")
    assert "is refused as a bundle of results: no whole zip" in refused("verify", tmp_path / "x.zip")


def test_a_leaderboard_comes_from_a_bundle_alone(path, tmp_path, fer_bench, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output = fer_bench("leaderboard", "--from", path, "--out", "board.csv")
    assert "posthoc_adjustment" in output and "board.csv: 2 rows" in output
    assert sorted(each.name for each in tmp_path.iterdir()) == ["board.csv", "results.zip"]


def test_where_a_bundle_cant_be_written_is_said_before_anything_is_read(tmp_path, refused):
    assert "expected the name of a file, such as results.zip" in refused("bundle", "--out", tmp_path)


def test_of_a_study_without_a_finished_repeat_nothing_is_written(tmp_path, refused, monkeypatch):
    empty = small_results()._replace(repeats=[])
    monkeypatch.setattr("fer_bench.storage.study_runs.read_runs", lambda mlruns, study: empty)
    assert "no repeat of this study is finished" in refused("bundle", "--out", tmp_path / "results.zip")
    assert not list(tmp_path.iterdir())
