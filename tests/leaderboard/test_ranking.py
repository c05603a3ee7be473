"""Which cells are ranked together, in which order, and what the CSV holds."""

import csv
import io

import numpy as np
import pytest
from leaderboard_records import BOARD, LABELS, TWINS, example, guesses, predictions, repeat, status
from rich.console import Console

from fer_bench.errors import UserError
from fer_bench.files import write_csv
from fer_bench.leaderboard.ranking import leaderboard
from fer_bench.leaderboard.terminal import table


def test_one_row_a_cell_best_first_unfinished_below(frame):
    assert list(zip(frame["backbone"], frame["strategy"], strict=True)) == [
        ("mobilenet_v2", "oversampling"),
        ("mobilenet_v2", "class_weights"),
        ("mobilenet_v2", "none"),
        ("compact_cnn", "none"),
        ("compact_cnn", "focal_loss"),
        ("compact_cnn", "class_weights"),
        ("vgg16", "none"),
    ]
    assert frame["rank"].fillna(0).tolist() == [1, 2, 3, 4, 5, 0, 0]
    assert frame["warnings"].iloc[5] == f"unfinished: 1 of 3 repeats; 1 of 2 trials failed; {TWINS}"
    assert frame["warnings"].iloc[6] == "unfinished: 0 of 2 trials; unfinished: 0 of 2 repeats"
    assert frame["warnings"].iloc[4] == f"collapsed: 3 of 3 repeats predict one class only; {TWINS}"


def test_boards_are_kept_apart():
    other = BOARD | {"split": "test_as_validation"}
    tags = {"selects_on_test": "true"}
    repeats = [repeat(slot=s) for s in (0, 1)]
    repeats += [repeat(slot=s, skill=0.6, board=other, tags=tags, cell="x") for s in (0, 1)]
    frame = leaderboard([status(), status(board=other, cell="x")], repeats)
    assert frame["split"].tolist() == ["official", "test_as_validation"]
    assert frame["rank"].tolist() == [1, 1]
    leak = "validation is the test set: never ranked with the others"
    assert frame["warnings"].tolist() == [TWINS, f"{leak}; {TWINS}"]


def test_other_numbers_of_images_make_another_board():
    fewer = BOARD | {"images": "1000/400/500"}
    repeats = [repeat(slot=s) for s in (0, 1)]
    repeats += [repeat(strategy="focal_loss", slot=s, skill=0.6, board=fewer) for s in (0, 1)]
    frame = leaderboard([status(), status(strategy="focal_loss", board=fewer)], repeats)
    assert frame["images"].tolist() == ["1000/400/500", "2000/400/500"]
    assert frame["rank"].tolist() == [1, 1]
    assert frame["gain"].isna().all()


def test_cells_of_another_recipe_stand_apart():
    repeats = [repeat(slot=s) for s in (0, 1)]
    repeats += [repeat("vgg16", slot=s, recipe="r0", started=1.0, skill=0.6) for s in (0, 1)]
    frame = leaderboard([status(), status("vgg16", recipe="r0")], repeats)
    assert frame[["recipe", "rank"]].to_numpy().tolist() == [["r1", 1], ["r0", 1]]


def test_cells_selected_from_unequal_numbers_of_trials_are_not_ranked_together():
    repeats = [repeat(slot=s, selected_from=4, started=2e9) for s in (0, 1)]
    repeats += [repeat(strategy="focal_loss", slot=s, skill=0.6) for s in (0, 1)]
    frame = leaderboard([status(), status(strategy="focal_loss"), status("vgg16", repeats_done=0)], repeats)
    assert frame["selected_from"].tolist() == [4, 4, 2]
    assert frame["rank"].fillna(0).tolist() == [1, 0, 1]
    assert frame["gain"].isna().all()
    assert "selected from 4 trials, other cells from 2: not ranked together" in frame["warnings"].iloc[0]
    assert "selected from 2 trials, other cells from 4: not ranked together" in frame["warnings"].iloc[2]
    console = Console(file=io.StringIO(), width=120)
    console.print(table(frame))
    assert "best of 4 trials" in console.file.getvalue() and "best of 2 trials" in console.file.getvalue()


def test_the_newest_recipe_counts():
    old = [repeat(slot=s, cell="old", recipe="r0", skill=0.6, started=1.0) for s in (0, 1)]
    new = [repeat(slot=s) for s in (0, 1)]
    frame = leaderboard([status(), status(cell="old", recipe="r0")], old + new)
    assert frame["cell"].tolist() == ["mobilenet_v2-none"]
    both = leaderboard([status()], old + new, all_recipes=True)
    assert both["cell"].tolist() == ["mobilenet_v2-none", "old"]
    assert both["rank"].fillna(0).tolist() == [1, 0]
    assert both["warnings"].iloc[1] == f"not a cell of the study as it is now; {TWINS}"


def test_cells_tested_on_other_images_stand_apart():
    fewer = LABELS[:200]
    old = [
        repeat(
            strategy="focal_loss",
            slot=s,
            started=1.0,
            predictions=lambda s=s: predictions(guesses(0.6, s, fewer), fewer),
        )
        for s in (0, 1)
    ]
    new = [repeat(slot=s) for s in (0, 1)]
    waiting = status("vgg16", repeats_done=0)
    frame = leaderboard([status(), status(strategy="focal_loss"), waiting], old + new)
    assert frame["test_images"].tolist() == [500, 500, 200]
    assert frame["rank"].fillna(0).tolist() == [1, 0, 1]
    assert np.isnan(frame["gain"].iloc[2])
    mixed = [new[0], repeat(slot=1, predictions=lambda: predictions(guesses(0.6, 1), prefix="Other"))]
    with pytest.raises(UserError, match="tested on different images"):
        leaderboard([status()], mixed)


def test_csv(tmp_path, frame):
    path = tmp_path / "made" / "leaderboard.csv"
    write_csv(frame, path)
    first = path.read_bytes()
    statuses, repeats = example()
    write_csv(leaderboard(statuses[::-1], repeats[::-1]), path)
    assert path.read_bytes() == first
    assert [p.name for p in path.parent.iterdir()] == ["leaderboard.csv"]
    rows = list(csv.DictReader(io.StringIO(first.decode())))
    assert list(rows[0])[:8] == [
        "recipe_name",
        "dataset",
        "split",
        "budget",
        "backbone",
        "strategy",
        "rank",
        "repeats",
    ]
    assert list(rows[0])[-1] == "warnings"
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4", "5", "", ""]
    assert rows[0]["macro_f1"] == f"{frame['macro_f1'][0]:.6g}"
    assert rows[0]["best_set"] == "True"


def test_boards_of_recipes_stand_as_they_were_begun_and_versions_are_told_apart():
    def run(name, version, started):
        of = {"board": {**BOARD, "recipe_name": name}, "recipe": version, "cell": name + version}
        done = [repeat(slot=slot, started=started, **of) for slot in range(2)]
        return status(**of), done

    runs = [run("b", "r1", 1.0), run("a", "r1", 2.0), run("b", "r2", 3.0)]
    frame = leaderboard([s for s, _ in runs], [r for _, done in runs for r in done], all_recipes=True)
    assert frame["recipe_name"].tolist() == ["b", "b", "a"]
    assert frame["recipe"].tolist()[:2] == ["r2", "r1"]
    (screen := Console(width=200, file=io.StringIO())).print(table(frame))
    shown = screen.file.getvalue()
    assert shown.count("version r1") == shown.count("version r2") == 1
