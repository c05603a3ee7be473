"""A study of several imbalance ratios and one of label noise, from the file to the report."""

import json
import shutil

import pytest
from blank_figures import blank_figures
from empty_stores import empty_stores
from stand_ins import NoNet, SleepingTraining
from tiny_study import tiny_study

PHASES = [
    {"trainable": "all", "epochs": 1, "shared": True},
    {"trainable": "head", "epochs": 2, "augmentation": "none"},
]
STUDIES = {
    "doses": {"imbalance_ratio": [1, 8]},
    "noise": {"label_noise": [0, 0.3], "label_noise_along": {"happy": "neutral"}, "repeats": 1},
}


@pytest.fixture(scope="module")
def mlruns(tmp_path_factory):
    """Folder of the results of both studies, run in this process without figures; of noise by stand-ins."""
    from fer_bench.runner.worker import work
    from fer_bench.study.plan import make_plans

    folder = tmp_path_factory.mktemp("doses")
    shutil.copytree(empty_stores(), folder / "mlruns")
    (folder / "mlruns" / "results").mkdir(exist_ok=True)
    for name, changes in STUDIES.items():
        path = folder / f"{name}.yaml"
        path.write_text(tiny_study({"phases": PHASES}, trials=0, **changes))
        trained_by = () if name == "doses" else (SleepingTraining(), NoNet())
        for plan in make_plans(str(path), mlruns=folder / "mlruns"):
            with blank_figures():
                assert work(plan, lambda event: None, *trained_by) == []
    return folder / "mlruns"


def counts(mlruns, dose):
    """Training images of each class that the runs of a board have logged."""
    from fer_bench.storage.logged_runs import read_study_runs

    name, value = dose
    study = "doses" if name == "imbalance_ratio" else "noise"
    found = [r.outputs() for r in read_study_runs(mlruns, study)[1] if r.board[name] == value]
    assert len(found) == (4 if study == "doses" else 2)
    assert len({tuple(each.class_counts) for each in found}) == 1
    return dict(zip(found[0].classes, map(int, found[0].class_counts), strict=True))


def test_each_board_was_trained_on_its_own_images_and_tested_on_the_same(mlruns):
    balanced, skewed = (counts(mlruns, ("imbalance_ratio", value)) for value in ("1", "8"))
    assert sum(balanced.values()) == sum(skewed.values()) == 200
    assert set(balanced.values()) == {28, 29}
    assert skewed["happy"] / skewed["disgust"] == pytest.approx(8, rel=0.1)
    clean, noisy = (
        counts(mlruns, ("label_noise", value)) for value in ("0 (happy > neutral)", "0.3 (happy > neutral)")
    )
    wrong = round(0.3 * clean["happy"])
    assert noisy == clean | {"happy": clean["happy"] - wrong, "neutral": clean["neutral"] + wrong}


def test_leaderboard_report_and_bundle_show_the_boards_apart(mlruns, tmp_path):
    from fer_bench.leaderboard.ranking import leaderboard
    from fer_bench.report.page import write_report
    from fer_bench.storage.bundle_writer import write_bundle
    from fer_bench.storage.study_runs import read_runs
    from fer_bench.storage.verify import verify

    for study, column in (("doses", "imbalance_ratio"), ("noise", "label_noise")):
        runs = read_runs(mlruns, study)
        frame = leaderboard(runs.statuses, runs.repeats)
        assert frame.groupby(column)["rank"].apply(sorted).tolist() == [[1, 2], [1, 2]]
        write_bundle(runs, study, tmp_path / f"{study}.zip")
        assert verify(tmp_path / f"{study}.zip").faults == []
        text = write_report(tmp_path / "page.html", mlruns, from_file=tmp_path / f"{study}.zip").read_text()
        data = json.loads(text.split('id="page-data">')[1].split("</script>")[0])
        assert [board["across"] for board in data["boards"]] == [False, False, True]
        values = data["figures"]["3-response_macro_f1"]["data"]["value"]
        assert sorted(values) == pytest.approx(sorted(100 * frame["macro_f1"]), abs=0.01)


def test_without_noise_the_cells_are_those_of_the_plain_study(mlruns, tmp_path):
    from fer_bench.study.plan import make_plan

    path = tmp_path / "noise.yaml"
    path.write_text(tiny_study({"phases": PHASES}, trials=0, repeats=1))
    plain = make_plan(str(path), mlruns=mlruns)
    assert all((mlruns / "results" / task.key).is_dir() for task in (*plain.stages, *plain.tasks))
