import csv
import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from fer_bench.errors import UserError
from fer_bench.evaluation.bootstrap import cross_seeds, image_draws, interval
from fer_bench.evaluation.metrics import scores
from fer_bench.files import check_csv, write_csv
from fer_bench.leaderboard.ranking import leaderboard
from fer_bench.leaderboard.terminal import table
from fer_bench.storage.databases import check_folder
from fer_bench.storage.records import CellStatus, HeldOut, Predictions, RepeatRecord

CLASSES = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
BOARD = {
    "study": "imbalance",
    "dataset": "fer2013",
    "data_fingerprint": "0123456789abcdef0123",
    "split": "official",
    "budget": "quick",
    "images": "2000/400/500",
}
LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(7), [68, 8, 73, 122, 87, 83, 59]))
N = len(LABELS)
TWINS = "50 of 500 test images are also in train or val: see dedup_*"


def predictions(predicted, labels=LABELS, prefix="Test"):
    n = len(labels)
    ids = np.array([f"{prefix}_{i}" for i in range(n)])
    images = HeldOut(labels, np.arange(n), np.arange(n) % 10 > 0, ids)
    return Predictions(images, np.asarray(predicted, np.int32))


def guesses(skill, seed, labels=LABELS):
    """A share `skill` right; images that are hard are hard for everybody."""
    hard, noise = np.random.default_rng(1).random(len(labels)), np.random.default_rng(seed)
    right = hard + 0.1 * noise.normal(size=len(labels)) < skill
    return np.where(right, labels, noise.integers(7, size=len(labels)))


def repeat(backbone="mobilenet_v2", strategy="none", slot=0, skill=0.5, predicted=None, **changes):
    found = predictions(guesses(skill, 10 + slot) if predicted is None else predicted)
    metrics = {"steps": 120.0, "train_seconds": 3.5 + slot, "images_per_second": 900.0, "parameters": 2e6}
    metrics["setup_seconds"] = 2.5
    labels = found.images.labels
    for kind, used in (("test", slice(None)), ("test_dedup", found.images.dedup)):
        logits = np.eye(7)[found.predicted[used]]
        metrics |= {f"{kind}/{k}": v for k, v in scores(labels[used], logits, CLASSES).items()}
    fields = {
        "cell": f"{backbone}-{strategy}",
        "board": BOARD,
        "recipe": "r1",
        "shared_key": backbone,
        "selected_from": 2,
        "seed": 1000 + slot,
        "run_id": f"run-{backbone}-{strategy}-{slot}",
        "commit": "abc1234",
        "started": 1.7e9 + slot,
        "metrics": metrics,
        "tags": {"weights": "none"},
        "predictions": lambda: found,
    }
    return RepeatRecord(backbone=backbone, strategy=strategy, slot=slot, **(fields | changes))


def status(backbone="mobilenet_v2", strategy="none", repeats=2, **changes):
    fields = {
        "cell": f"{backbone}-{strategy}",
        "board": BOARD,
        "recipe": "r1",
        "trials_done": 2,
        "trials_failed": 0,
        "trials_planned": 2,
        "repeats_done": repeats,
        "repeats_planned": repeats,
    }
    return CellStatus(backbone=backbone, strategy=strategy, **(fields | changes))


def example():
    """Two backbones, three strategies, three repeats; one cell unfinished, one collapsed, one too good."""
    skills = {("mobilenet_v2", "none"): 0.50, ("mobilenet_v2", "class_weights"): 0.53}
    skills |= {("mobilenet_v2", "oversampling"): 0.62, ("compact_cnn", "none"): 0.42}
    statuses = [status(*cell, repeats=3) for cell in skills]
    repeats = [repeat(*cell, slot, skill) for cell, skill in skills.items() for slot in range(3)]
    statuses.append(
        status("compact_cnn", "class_weights", repeats_done=1, repeats_planned=3, trials_failed=1)
    )
    repeats.append(repeat("compact_cnn", "class_weights", 0, 0.4))
    statuses.append(status("compact_cnn", "focal_loss", repeats=3))
    collapsed = np.full(N, 3)
    repeats += [repeat("compact_cnn", "focal_loss", slot, predicted=collapsed) for slot in range(3)]
    statuses.append(status("vgg16", "none", trials_done=0, repeats_done=0))
    return statuses, repeats


@pytest.fixture(scope="module")
def frame():
    return leaderboard(*example())


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


def test_numbers_are_those_of_the_records(frame):
    repeats, row = example()[1], frame.iloc[0]
    mine = [r for r in repeats if r.strategy == "oversampling"]
    values = [r.metrics["test/accuracy"] for r in mine]
    assert row["accuracy"] == pytest.approx(np.mean(values))
    assert row["accuracy_sd"] == pytest.approx(np.std(values, ddof=1))
    assert row["f1_disgust"] == pytest.approx(np.mean([r.metrics["test/f1/disgust"] for r in mine]))
    assert row["dedup_macro_f1"] == pytest.approx(np.mean([r.metrics["test_dedup/macro_f1"] for r in mine]))
    recalls = [(r.predictions().predicted[LABELS == 1] == 1).mean() for r in mine]
    assert row["rarest_class_recall"] == pytest.approx(np.mean(recalls))
    assert (row["train_seconds"], row["steps"], row["parameters"]) == (4.5, 120, 2_000_000)
    assert (row["setup_seconds"], row["selected_from"], row["images"]) == (2.5, 2, "2000/400/500")
    assert (row["data_fingerprint"], row["test_images"], row["commits"]) == ("0123456789ab", 500, "abc1234")


def test_intervals_are_those_of_the_crossed_bootstrap(frame):
    repeats = example()[1]
    frame = frame.set_index(["backbone", "strategy"])
    draws = {
        strategy: [
            cross_seeds(each)
            for each in image_draws(
                LABELS,
                np.stack(
                    [r.predictions().predicted for r in repeats if r.cell == f"mobilenet_v2-{strategy}"]
                ),
                np.arange(N),
                np.arange(N) % 10 > 0,
                7,
            )
        ]
        for strategy in ("none", "oversampling")
    }
    row = frame.loc["mobilenet_v2", "oversampling"]
    ours, none = draws["oversampling"], draws["none"]
    assert (row["macro_f1_low"], row["macro_f1_high"]) == pytest.approx(interval(ours[0]))
    assert (row["dedup_macro_f1_low"], row["dedup_macro_f1_high"]) == pytest.approx(interval(ours[1]))
    gain = interval(ours[0] - none[0])
    assert (row["gain_low"], row["gain_high"]) == pytest.approx(gain)
    assert row["gain"] == pytest.approx(row["macro_f1"] - frame.loc[("mobilenet_v2", "none"), "macro_f1"])
    assert row["dedup_macro_f1_low"] < row["dedup_macro_f1"] < row["dedup_macro_f1_high"]


def test_best_set_and_gain(frame):
    frame = frame.set_index(["backbone", "strategy"])
    assert frame.loc[("mobilenet_v2", "oversampling"), "best_set"]
    assert not frame.loc[("mobilenet_v2", "none"), "best_set"]
    assert frame["gain"].isna().tolist() == [False, False, True, True, False, False, True]
    equal = leaderboard(
        [status(), status("vgg16")], [repeat(b, slot=s) for b in ("mobilenet_v2", "vgg16") for s in (0, 1)]
    )
    assert equal["best_set"].tolist() == [True, True]


def test_gain_uses_the_slots_that_both_have():
    repeats = [repeat(slot=0, skill=0.3), repeat(slot=2, skill=0.6)]
    repeats += [repeat(strategy="focal_loss", slot=slot, skill=0.6) for slot in (0, 1, 2)]
    frame = leaderboard([status(), status(strategy="focal_loss", repeats=3)], repeats)
    row = frame[frame["strategy"] == "focal_loss"].iloc[0]
    f1 = {(r.strategy, r.slot): r.metrics["test/macro_f1"] for r in repeats}
    pairs = [f1["focal_loss", slot] - f1["none", slot] for slot in (0, 2)]
    assert row["gain"] == pytest.approx(np.mean(pairs))
    assert "gain over 2 of 3 repeats" in row["warnings"]


def test_a_single_repeat_has_neither_sd_nor_interval():
    statuses = [status(repeats=1), status(strategy="focal_loss", repeats=1)]
    frame = leaderboard(statuses, [repeat(), repeat(strategy="focal_loss", skill=0.6)])
    empty = ["macro_f1_low", "macro_f1_high", "macro_f1_sd", "gain_low", "best_set"]
    assert frame[empty].isna().all(axis=None)
    assert frame["gain"].notna().sum() == 1
    assert frame["rank"].tolist() == [1, 2]
    (screen := Console(width=100, file=io.StringIO())).print(table(frame))
    assert " 2? " in screen.file.getvalue() and "? may be as good as the best" in screen.file.getvalue()


def test_a_name_is_never_broken_where_a_narrower_layout_has_room():
    statuses = [status(strategy=name) for name in ("none", "class_weights")]
    done = [repeat(slot=slot, strategy=name) for slot in range(2) for name in ("none", "class_weights")]
    frame = leaderboard(statuses, done)
    for width in range(72, 140):
        (screen := Console(width=width, file=io.StringIO())).print(table(frame))
        assert "class_weights" in screen.file.getvalue(), width


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


def test_alarms():
    tags = {"honest_ceiling": "0.4", "warnings": "pretrained on faces; tilted beyond flat"}
    tags |= {"notes": "no split, augmented copies", "alarms": "collapsed: one predicted class on val"}
    found = leaderboard([status()], [repeat(slot=s, tags=tags) for s in (0, 1)])["warnings"].iloc[0]
    assert "above the honest ceiling 0.4 of one model: look for a leak" in found
    for phrase in ("tilted beyond flat", "no split, augmented copies", "one predicted class on val", TWINS):
        assert found.count(phrase) == 1


def test_without_twins_nothing_is_said_of_them():
    images = HeldOut(LABELS, np.arange(N), np.ones(N, bool), np.arange(N).astype(str))
    repeats = [
        repeat(slot=s, predictions=lambda s=s: Predictions(images, guesses(0.5, s).astype(np.int32)))
        for s in (0, 1)
    ]
    row = leaderboard([status()], repeats).iloc[0]
    assert row["warnings"] == ""
    assert (row["dedup_macro_f1_low"], row["dedup_macro_f1_high"]) == (
        row["macro_f1_low"],
        row["macro_f1_high"],
    )


def test_other_numbers_of_images_make_another_board():
    fewer = BOARD | {"images": "1000/400/500"}
    repeats = [repeat(slot=s) for s in (0, 1)]
    repeats += [repeat(strategy="focal_loss", slot=s, skill=0.6, board=fewer) for s in (0, 1)]
    frame = leaderboard([status(), status(strategy="focal_loss", board=fewer)], repeats)
    assert frame["images"].tolist() == ["1000/400/500", "2000/400/500"]
    assert frame["rank"].tolist() == [1, 1]
    assert frame["gain"].isna().all()


def test_a_gain_is_taken_only_where_nothing_but_the_strategy_differs():
    repeats = [repeat(slot=s, shared_key="other weights", started=1.0) for s in (0, 1)]
    for strategy in ("focal_loss", "oversampling"):
        repeats += [repeat(strategy=strategy, slot=s, skill=0.6) for s in (0, 1)]
    statuses = [status(strategy=s) for s in ("none", "focal_loss", "oversampling")]
    frame = leaderboard(statuses, repeats).set_index("strategy")
    assert frame["gain"].isna().all()
    assert frame["rank"].fillna(0).tolist() == [1, 2, 0]
    assert "other weights or images than in newer runs" in frame.loc["none", "warnings"]


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


def test_a_warning_of_all_rows_is_written_once():
    tags = {"notes": "drawn faces"}
    repeats = [repeat(strategy=n, slot=s, tags=tags) for n in ("none", "focal_loss") for s in (0, 1)]
    repeats[0] = repeat(slot=0, tags=tags | {"warnings": "no-op"})
    console = Console(file=io.StringIO(), width=120)
    console.print(table(leaderboard([status(), status(strategy="focal_loss")], repeats)))
    lines = [line.strip() for line in console.file.getvalue().splitlines()]
    assert lines.count("All: drawn faces") == 1
    assert [line for line in lines if line.startswith("a ")] == ["a no-op"]


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


def test_a_name_too_long_for_a_file_is_told_when_it_is_written():
    path = Path("x" * 300)
    check_csv(path)
    check_folder(path)
    with pytest.raises(UserError, match=r"can't be written .*too long.*; name a file"):
        write_csv(leaderboard([], []), path)


@pytest.mark.parametrize("out", ["", "/dev/null", "."])
def test_a_csv_goes_to_a_file_only(out):
    with pytest.raises(UserError, match="expected the name of a file"):
        check_csv(Path(out))


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
