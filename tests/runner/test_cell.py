"""Slots of a cell: what fails is recorded and the study goes on; what is half booked is booked."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from fer_bench.errors import UserError
from fer_bench.strategies.base import STRATEGIES, Strategy

STUDY = """
dataset: synthetic
backbones: [compact_cnn]
strategies: [none, bursting]
trials: 2
repeats: 2
train_images: 200
val_images: 60
test_images: 80
recipe:
  image_size: 16
  batch_size: 32
  weights: none
  augmentation: none
  phases: [{trainable: head, epochs: 1}]
search: {dropout: {low: 0.0, high: 0.5}}
"""


@dataclass(frozen=True)
class Bursting(Strategy):
    """Raises in the trainings whose numbers, from 1, are in `bursts`."""

    calls: ClassVar[int] = 0
    bursts: ClassVar[tuple[int, ...]] = ()

    def resample(self, labels: np.ndarray, seed: int, progress: float) -> np.ndarray:
        if seed:  # 0 is for what is said of a strategy before it trains
            Bursting.calls += 1
            if Bursting.calls in Bursting.bursts:
                raise MemoryError("no room for the rare")
        return super().resample(labels, seed, progress)


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FER_BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(Bursting, "bursts", ())
    assert "none" in list(STRATEGIES)  # found before a copy is made
    monkeypatch.setattr(STRATEGIES, "_entries", {**STRATEGIES._entries, "bursting": Bursting})
    Path("mine.yaml").write_text(STUDY)
    return tmp_path


def run(calls_that_burst: tuple[int, ...], *, retry_failed: bool = False, **overrides):
    """Run the study in this process; events by name, and the leaderboard's frame."""
    from fer_bench.leaderboard.ranking import leaderboard
    from fer_bench.runner.worker import work
    from fer_bench.storage.logged_runs import read_study_runs
    from fer_bench.study.plan import make_plan

    plan = replace(make_plan("mine.yaml", **overrides), retry_failed=retry_failed)
    Bursting.calls, Bursting.bursts = 0, calls_that_burst
    Path("mlruns/results").mkdir(parents=True, exist_ok=True)
    events: list[tuple[str, dict]] = []
    work(plan, lambda name, **facts: events.append((name, facts)))
    frame = leaderboard(*read_study_runs(Path("mlruns"), "mine"))
    return [facts for name, facts in events if name == "result"], events[-1][1], frame


def test_a_trial_that_raises_is_recorded_and_the_study_goes_on(workplace):
    results, end, frame = run((2,))
    assert [r["status"] for r in results if r["cell"].endswith("bursting")] == [
        "complete",
        "failed",
        *["complete"] * 2,
    ]
    assert end["failures"] == ["compact_cnn/bursting trial 1: MemoryError: no room for the rare"]
    row = frame.set_index("strategy").loc["bursting"]
    assert "no room for the rare" in row["warnings"]
    assert row["trials"] == 1
    again, after, _ = run(())
    assert again == [], "spent"
    assert after["failures"] == end["failures"], "and still said"
    again, after, frame = run((), retry_failed=True)
    assert [(r["kind"], r["slot"], r["status"]) for r in again][:1] == [("trial", 1, "complete")]
    assert after["failures"] == []
    assert frame.set_index("strategy").loc["bursting"]["trials"] == 2


def test_a_cell_without_any_scored_trial_has_no_repeats(workplace):
    results, end, frame = run((1, 2), strategies=("bursting",))
    assert [r["status"] for r in results] == ["failed", "failed"]
    assert "compact_cnn/bursting: no trial could be scored" in end["failures"]
    assert np.isnan(frame["macro_f1"]).all()


def test_more_trials_repeat_again_only_if_another_trial_is_best(workplace):
    run((), strategies=("none",))
    results, _, frame = run((), strategies=("none",), trials=4)
    kinds = [r["kind"] for r in results]
    assert kinds[:2] == ["trial", "trial"]
    assert kinds[2:] in ([], ["repeat", "repeat"])
    assert (frame["repeats"] == 2).all()
    assert (frame["trials"] == 4).all()


def test_another_study_takes_over_what_the_same_cell_has_done(workplace):
    run((), strategies=("none",))
    Path("other.yaml").write_text(STUDY.replace("[none, bursting]", "[none]"))
    from fer_bench.runner.worker import work
    from fer_bench.storage.logged_runs import read_study_runs
    from fer_bench.study.plan import make_plan

    events = []
    work(make_plan("other.yaml"), lambda name, **facts: events.append(name))
    assert "result" not in events
    _, repeats = read_study_runs(Path("mlruns"), "other")
    assert len(repeats) == 2


def test_a_moved_folder_gets_its_database_anew_with_the_weights_that_were_kept(workplace, tmp_path):
    from fer_bench.inference.kept_repeat import find_kept
    from fer_bench.runner.worker import work
    from fer_bench.study.plan import make_plan

    def kept(folder: Path):
        return find_kept(folder, "mine", "compact_cnn/none", {}, tmp_path)

    run((), strategies=("none",))
    before = kept(Path("mlruns"))
    weights, place = before.weights.read_bytes(), before.place
    moved = Path("mlruns").rename("moved")
    with pytest.raises(UserError, match=r"moved or copied from .*: move it back, or delete its mlflow.db"):
        kept(moved)
    moved = moved.rename("again")  # as MLflow has what it opened still open
    (moved / "mlflow.db").unlink()
    events = []
    work(
        make_plan("mine.yaml", strategies=("none",), mlruns=moved), lambda name, **facts: events.append(name)
    )
    assert "result" not in events
    after = kept(moved)
    assert (after.weights.read_bytes(), after.place) == (weights, place)
    assert after.record.run_id != before.record.run_id


def test_data_that_changed_under_the_plan_is_refused(workplace, monkeypatch):
    from fer_bench.runner.worker import work
    from fer_bench.study.plan import make_plan

    plan = replace(make_plan("mine.yaml"), fingerprint="another")
    Path("mlruns/results").mkdir(parents=True)
    with pytest.raises(UserError, match="has changed"):
        work(plan, lambda name, **facts: None)
