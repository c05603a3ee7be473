"""The leaderboard as printed."""

import io

import pandas as pd
import pytest
from dose_boards import dose_runs
from leaderboard_records import BOARD, repeat, status
from rich.console import Console

from fer_bench.leaderboard.ranking import leaderboard
from fer_bench.leaderboard.terminal import DETECTED, detectable_gains, table
from fer_bench.storage.records import SCORED


def test_a_name_is_never_broken_where_a_narrower_layout_has_room():
    statuses = [status(strategy=name) for name in ("none", "class_weights")]
    done = [repeat(slot=slot, strategy=name) for slot in range(2) for name in ("none", "class_weights")]
    frame = leaderboard(statuses, done)
    for width in range(72, 140):
        (screen := Console(width=width, file=io.StringIO())).print(table(frame))
        assert "class_weights" in screen.file.getvalue(), width


def test_a_warning_of_all_rows_is_written_once():
    tags = {"notes": "drawn faces"}
    repeats = [repeat(strategy=n, slot=s, tags=tags) for n in ("none", "focal_loss") for s in (0, 1)]
    repeats[0] = repeat(slot=0, tags=tags | {"warnings": "no-op"})
    console = Console(file=io.StringIO(), width=120)
    console.print(table(leaderboard([status(), status(strategy="focal_loss")], repeats)))
    lines = [line.strip() for line in console.file.getvalue().splitlines()]
    assert lines.count("All: drawn faces") == 1
    assert [line for line in lines if line.startswith("a ")] == ["a no-op"]


def test_the_title_of_a_board_names_its_training_set():
    console = Console(width=120, file=io.StringIO())
    console.print(table(leaderboard(*dose_runs())))
    titles = [line for line in console.file.getvalue().splitlines() if "split official" in line]
    assert [title.partition(", budget")[0] for title in titles] == [
        f"imbalance ratio {ratio}: fer2013, split official" for ratio in ("1", "16", "4")
    ]


def test_models_from_elsewhere_stand_last_and_with_intervals_of_images(frame):
    board = {**BOARD, "recipe_name": SCORED, "budget": ""}
    theirs = repeat("theirs", "unknown", board=board, tags={"scored": "true"}, started=1.0)
    done = status("theirs", "unknown", 1, board=board, trials_done=0, trials_planned=0)
    both = leaderboard([status(), done], [theirs, *(repeat(slot=slot) for slot in (0, 1))])
    assert both["backbone"].tolist() == ["mobilenet_v2", "theirs"]
    assert both["rank"].tolist() == [1, 1]
    console = Console(file=io.StringIO(), width=120)
    console.print(table(both))
    _, text = console.file.getvalue().split(SCORED)
    assert "over test images alone, of these very nets" in text
    assert "seeds" not in text and "take three or more" not in text
    assert "[" in next(line for line in text.splitlines() if "theirs" in line)


@pytest.mark.parametrize("width", [80, 120, 160])
def test_table_fits_the_terminal(frame, width):
    console = Console(file=io.StringIO(), width=width)
    console.print(table(frame))
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for word in (
        "fer2013",
        "official",
        "quick",
        "mobilenet_v2",
        "class_weights",
        "unfinished: 1 of 3 repeats",
    ):
        assert word in text
    assert ("disg." in text) == (width > 80)


def test_real_gains_are_marked_and_the_choice_of_validation_is_said():
    skills = {"none": 0.5, "oversampling": 0.62, "focal_loss": 0.505}
    repeats = [repeat(strategy=name, slot=s, skill=skill) for name, skill in skills.items() for s in range(3)]
    for each in repeats:
        each.metrics["val/macro_f1"] = 0.6 if each.strategy == "focal_loss" else 0.5
    frame = leaderboard([status(strategy=name, repeats=3) for name in skills], repeats)
    rows = frame.set_index("strategy")
    assert rows.loc["oversampling", "gain_p"] < 0.05 < rows.loc["focal_loss", "gain_p"]
    assert rows["val_macro_f1"].to_dict() == pytest.approx(
        {"oversampling": 0.5, "focal_loss": 0.6, "none": 0.5}
    )
    (screen := Console(width=300, file=io.StringIO())).print(table(frame))
    shown = screen.file.getvalue()
    assert f"{100 * rows.loc['oversampling', 'gain']:+.1f}* [" in shown
    assert f"{100 * rows.loc['focal_loss', 'gain']:+.1f}  [" in shown
    assert "1 of 2 gains or losses are real at 5 % for all together (Holm's correction, marked *)." in shown
    score = f"{100 * rows.loc['focal_loss', 'macro_f1']:.1f}"
    assert f"Validation would choose mobilenet_v2 with focal_loss, on test {score}; the best of 3" in shown


def test_no_cells():
    console = Console(file=io.StringIO())
    console.print(table(leaderboard([], [])))
    assert "Nothing to rank" in console.file.getvalue()


def test_what_others_reported_stands_below_each_recipe_s_own_table():
    tags = {"reported": '{"accuracy": 0.5054, "f1/happy": 0.39, "validation_loss": 1.341}'}
    boards = [BOARD | {"recipe_name": name} for name in ("as_written", "as_should_be")]
    repeats = [repeat(slot=s, tags=tags, board=b, cell=b["recipe_name"]) for b in boards for s in (0, 1)]
    frame = leaderboard([status(board=b, cell=b["recipe_name"]) for b in boards], repeats)
    assert list(frame["recipe_name"]) == ["as_should_be", "as_written"] and list(frame["rank"]) == [1, 1]
    assert set(frame["reported"]) == {tags["reported"]}
    console = Console(file=io.StringIO(), width=150)
    console.print(table(frame))
    shown = console.file.getvalue()
    for name in ("as_written", "as_should_be"):
        assert f"{name}: " in shown
    rows = [line.split() for line in shown.splitlines() if line.strip().startswith("reported  ")]
    assert rows == [["reported", "50.5", "39.0"]] * 2
    assert "accuracy 0.5054, f1_happy 0.39, validation_loss 1.341" in shown


def test_data_of_one_name_that_are_not_the_same_are_told_apart():
    other = BOARD | {"data_fingerprint": "b" * 64}
    repeats = [repeat(slot=s) for s in (0, 1)] + [repeat(slot=s, board=other, cell="x") for s in (0, 1)]
    console = Console(file=io.StringIO(), width=120)
    console.print(table(leaderboard([status(), status(board=other, cell="x")], repeats)))
    assert f"({'b' * 12})" in console.file.getvalue()


def test_gains_that_cant_be_are_not_among_those_that_could_be_told():
    rows = pd.DataFrame(
        {"gain_low": [0, -0.01, -0.02, None], "gain_high": [0, 0.01, 0.02, None]}, dtype=float
    )
    assert detectable_gains(rows) == [f"{DETECTED * 2:.1f}", f"{DETECTED * 4:.1f}"]
    assert detectable_gains(rows[:1]) == detectable_gains(rows[3:]) == []
