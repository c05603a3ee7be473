"""What a plan shows on a terminal."""

import io
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from fer_bench.cli.options import plural
from fer_bench.cli.plan_view import duration, show_plans
from fer_bench.study.plan import make_plan, make_plans

STUDY = """
    dataset: synthetic
    backbones: [compact_cnn]
    strategies: [none, oversampling]
    train_images: 300
    val_images: 100
    test_images: 1000
    recipe: {image_size: 32, batch_size: 32, weights: none, phases: [{trainable: all, epochs: 2}]}
    budgets:
      quick: {repeats: 3}
"""
RECIPES = (
    STUDY
    + """
    recipes:
      long_one: {recipe: {augmentation: {rotation: 10}}}
      other_order: {strategies: [oversampling, none]}
      like_the_first: {recipe: {augmentation: {rotation: 20}}}
"""
)
BARE = {"image_size": 32, "batch_size": 32, "weights": "none", "augmentation": "none"}


@pytest.fixture
def study_file(monkeypatch, tmp_path):
    """Writes a study and gives the path of its file; no images are imported."""
    monkeypatch.setenv("FER_BENCH_HOME", str(tmp_path / "home"))

    def write(text: str) -> str:
        (tmp_path / "mine.yaml").write_text(textwrap.dedent(text))
        return str(tmp_path / "mine.yaml")

    return write


def shown(plans, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    show_plans(plans, console)
    return console.file.getvalue().splitlines()


def test_the_plan_says_why_what_and_what_is_wrong_with_it(study_file):
    plan = replace(make_plan(study_file(STUDY)), notes=("augmented copies [many]",), twins=91, val_twins=3)
    lines = shown([plan], width=200)
    assert lines[0] == "budget quick, as the faces are synthetic (others: )"
    assert "300 train, 100 val, 1,000 test images" in lines[1]
    assert lines[2] == "note: augmented copies [many]"
    assert lines[3].startswith("note: 91 of the 1,000 test images are also in train or val")
    assert lines[4].startswith("note: 3 of the 100 validation images are also in train")
    assert "2 cells x (1 trial + 3 repeats), at most 18 steps" in lines[5]


def test_what_precision_was_chosen_is_said_on_one_line(study_file):
    plan = replace(make_plan(study_file(STUDY)), precision="precision: float32 for compact_cnn (a reason)")
    assert shown([plan], width=200).count(plan.precision) == 1


def test_what_recipes_share_is_said_once(study_file):
    lines = shown(make_plans(study_file(RECIPES)))
    assert len([line for line in lines if line.startswith("note: a stand-in")]) == 1
    assert len([line for line in lines if line.startswith("2 cells x")]) == 3
    assert lines[-1].startswith("3 boards, roughly ") and lines[-1].endswith(" in all")
    heads = [line.rstrip() for line in lines if line.startswith(("mine, recipe", "Backbones", "Effective"))]
    assert [line.partition(": synth")[0] for line in heads] == [
        "mine, recipe long_one", "Backbones", "Effective class prior, %",
        "mine, recipe other_order", "Backbones: as above", "Effective class prior, %",
        "mine, recipe like_the_first", "Backbones: as above", "Effective class prior, %: as above",
    ]  # fmt: skip


def test_training_sets_are_told_apart(study_file):
    lines = shown(make_plans(study_file(STUDY + "    imbalance_ratio: [1, 10]\n")), width=200)
    heads = [line for line in lines if line.startswith("mine")]
    assert [head.partition(": synth")[0] for head in heads] == [
        "mine, imbalance ratio 1", "mine, imbalance ratio 10"
    ]  # fmt: skip
    assert all("300 train, 100 val" in head for head in heads)


def test_names_stay_whole_at_80_columns_and_warnings_stand_below(study_file):
    still = {**BARE, "augmentation": {"rotation": 10, "strength": 0.0}}
    options = {"strategies": ("none", "targeted_augmentation"), "recipe": still}
    lines = shown(make_plans(study_file(STUDY), mlruns=Path("[red]m[/x]"), **options))
    assert any(line.startswith("targeted_augmentation  ") for line in lines)
    assert lines[-1].rstrip() == "targeted_augmentation: no-op: changes nothing on this data"
    assert "results in [red]m[/x]" in " ".join(lines)


@pytest.mark.parametrize(
    ("hours", "text"),
    [(0.001, "4 s"), (0.5, "30 min"), (1.9, "114 min"), (2, "2.0 h"), (71.9, "71.9 h"), (2400, "100 days")],
)
def test_a_duration_has_the_unit_that_suits_it(hours, text):
    assert duration(hours) == text


def test_one_thing_has_no_s():
    assert [plural(1, "cell"), plural(2, "cell")] == ["1 cell", "2 cells"]
