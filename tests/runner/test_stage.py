"""Stages: trained once for all that goes on from them, kept, fetched, and said when they are damaged."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from stand_ins import NoNet, ScriptedTraining
from tiny_study import tiny_study

from fer_bench.errors import UserError
from fer_bench.leaderboard.ranking import leaderboard
from fer_bench.runner.events import Event, SlotEnded
from fer_bench.storage.logged_runs import read_study_runs
from fer_bench.study.plan import make_plan

PHASES = [
    {"trainable": "all", "epochs": 1, "shared": True},
    {"trainable": "head", "epochs": 1, "augmentation": "none"},
]
RECIPE = {"image_size": 16, "phases": PHASES}
STAGES = [("stage", 0, "complete"), ("stage", 1, "complete")]


@pytest.fixture(autouse=True)
def study(workplace, empty_stores):
    shutil.copytree(empty_stores, "mlruns")
    Path("mine.yaml").write_text(tiny_study(recipe=RECIPE, trials=1))


def run(*script: float | Exception, study: str = "mine.yaml", retry_failed: bool = False, **options):
    """Run a study in this process, its trainings as told: kind, slot and status of each, and what failed."""
    from fer_bench.runner.worker import work

    plan = replace(make_plan(study, **options), retry_failed=retry_failed)
    plan.results.mkdir(parents=True, exist_ok=True)
    events: list[Event] = []
    failures = work(plan, events.append, ScriptedTraining(*script), NoNet())
    ended = [event for event in events if isinstance(event, SlotEnded)]
    return [(each.kind, each.slot, each.status) for each in ended], failures


def frame(study: str = "mine", mlruns: str = "mlruns"):
    return leaderboard(*read_study_runs(Path(mlruns), study)).set_index("strategy")


def weights() -> list[Path]:
    return sorted(Path("mlruns/results").glob("*/stage-*.weights.h5"))


def test_a_stage_is_trained_once_for_all_strategies_trials_and_repeats():
    trained, failures = run(*[0.5] * 8)
    assert trained[:2] == STAGES
    assert [kind for kind, _, _ in trained[2:]] == ["trial", "repeat", "repeat"] * 2
    assert failures == []
    assert run() == ([], [])
    again, _ = run(0.5, 0.5, 0.5, repeats=3)
    assert again == [("stage", 2, "complete"), ("repeat", 2, "complete"), ("repeat", 2, "complete")]
    rows = frame()
    assert (rows["shared_seconds"] == rows["train_seconds"]).all(), "a stand-in takes as long for both"
    assert (rows["shared_phases"] == "1 epochs all").all()


def test_without_trials_the_defaults_are_repeated():
    trained, failures = run(*[0.5] * 6, trials=0)
    assert trained == [*STAGES, *[("repeat", 0, "complete"), ("repeat", 1, "complete")] * 2]
    assert failures == []
    assert run(trials=0) == ([], [])
    rows = frame()
    assert rows["rank"].tolist() == [1, 2]
    assert (rows["trials"] == 0).all()
    assert (rows["warnings"].str.contains("unfinished")).sum() == 0


def test_what_goes_on_from_a_stage_that_failed_says_so_and_the_rest_goes_on():
    trained, failures = run(ValueError("no luck"), *[0.5] * 3, trials=0)
    assert trained[:2] == [("stage", 0, "failed"), ("stage", 1, "complete")]
    assert failures[0] == "compact_cnn stage 0: ValueError: no luck"
    assert len(failures) == 3, "the stage, and a repeat of each strategy"
    assert all("its stage 0 failed: ValueError: no luck" in failure for failure in failures[1:])
    assert run(trials=0)[0] == [], "spent"
    again, failures = run(*[0.5] * 3, retry_failed=True, trials=0)
    assert again == [("stage", 0, "complete"), *[("repeat", 0, "complete")] * 2]
    assert failures == []


def test_stages_are_fetched_where_the_folder_of_results_is_gone():
    run(*[0.5] * 8)
    before = {path.parent.name: path.read_bytes() for path in weights()}
    shutil.rmtree("mlruns/results")
    assert run() == ([], [])
    assert {path.parent.name: path.read_bytes() for path in weights()} == before
    for path in weights():
        path.unlink()
    assert run() == ([], [])
    assert {path.parent.name: path.read_bytes() for path in weights()} == before


def test_a_stage_whose_weights_are_gone_for_good_is_trained_again():
    run(*[0.5] * 8)
    for path in [weights()[0], *Path("mlruns/artifacts").rglob(weights()[0].name)]:
        path.unlink()
    trained, _ = run(0.5)
    assert [kind for kind, _, _ in trained] == ["stage"]


def test_damaged_weights_of_a_stage_are_one_clear_line():
    run(*[0.5] * 8)
    for path in weights():
        content = path.read_bytes()
        path.write_bytes(content[:-5000] + bytes(byte ^ 1 for byte in content[-5000:]))
    with pytest.raises(UserError) as caught:
        run(*[0.5] * 3, repeats=3, trials=1, strategies=("none", "oversampling", "class_weights"))
    said = str(caught.value)
    assert len(said.splitlines()) == 1
    assert "a stage's weights are damaged or others (SHA-256" in said
    assert "delete the folder" in said
    for path in weights():
        shutil.rmtree(path.parent)
    trained, failures = run(*[0.5] * 8, repeats=3, strategies=("none", "oversampling", "class_weights"))
    assert "stage" not in [kind for kind, _, _ in trained], "they are fetched"
    assert failures == []


def test_another_study_with_the_same_shared_phases_takes_its_stages_over():
    run(*[0.5] * 8)
    longer = {**RECIPE, "phases": [PHASES[0], {**PHASES[1], "epochs": 2}]}
    Path("other.yaml").write_text(tiny_study(recipe=longer, trials=0, strategies=["none"]))
    trained, _ = run(0.5, 0.5, study="other.yaml")
    assert trained == [("repeat", 0, "complete"), ("repeat", 1, "complete")]


def test_boards_with_and_without_shared_phases_never_mix():
    run(*[0.5] * 8)
    alone = [{**PHASES[0], "shared": False}, PHASES[1]]
    Path("mine.yaml").write_text(tiny_study(recipe={**RECIPE, "phases": alone}, trials=1))
    run(*[0.5] * 6)
    both = leaderboard(*read_study_runs(Path("mlruns"), "mine"), all_recipes=True)
    assert sorted(both["shared_phases"]) == ["", "", "1 epochs all", "1 epochs all"]
    assert both.loc[both["shared_phases"] == "", "rank"].tolist() == [1, 2]
    assert both.loc[both["shared_phases"] != "", "rank"].isna().all(), "no longer in the plan"
    assert both.loc[both["shared_phases"] == "", "shared_seconds"].isna().all()
    assert set(frame()["shared_phases"]) == {""}, "of two recipes the newest counts"


def test_a_plan_counts_each_stage_once():
    plan = make_plan("mine.yaml", repeats=3)
    assert [stage.slot for stage in plan.stages] == [0, 1, 2]
    assert plan.slots == 3 + 2 * (1 + 3)
    assert plan.hours == pytest.approx(sum(s.hours for s in plan.stages) + sum(t.hours for t in plan.tasks))
    assert {task.stages for task in plan.tasks} == {tuple(stage.key for stage in plan.stages)}
    assert len({task.seed_key for task in (*plan.tasks, *plan.stages)}) == 1, "one seed for each repeat"


@pytest.mark.parametrize(
    ("phases", "said"),
    [
        ([{**PHASES[0]}], "all are shared"),
        ([PHASES[1], PHASES[0]], "a shared phase comes before all that are not shared"),
        ([PHASES[0], {**PHASES[1], "augmentation": "strong"}], "expected recipe, none, or keys and values"),
        ([{**PHASES[1], "reset_head": True}], "the head of the first phase is drawn anew in any case"),
    ],
)
def test_phases_that_make_no_sense_are_one_clear_line(phases, said):
    Path("mine.yaml").write_text(tiny_study(recipe={**RECIPE, "phases": phases}))
    with pytest.raises(UserError) as caught:
        make_plan("mine.yaml")
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
