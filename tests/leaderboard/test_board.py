"""Rows of one board: scores, intervals, gains and warnings."""

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from leaderboard_records import (
    LABELS,
    TWINS,
    N,
    example,
    guesses,
    repeat,
    status,
    with_near_duplicates,
    with_untuned,
)
from rich.console import Console

from fer_bench.evaluation.comparisons import Comparisons, RepeatedScore
from fer_bench.evaluation.influence import by_group, macro_f1
from fer_bench.evaluation.intervals import holm, intervals, p_values
from fer_bench.leaderboard.ranking import leaderboard
from fer_bench.leaderboard.terminal import table
from fer_bench.storage.records import HeldOut, Predictions


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


def test_intervals_and_gains_are_those_of_the_comparisons(frame):
    _, repeats = example()
    cells = {}
    for each in repeats:
        cells.setdefault((each.backbone, each.strategy), []).append(each.predictions().predicted)
    frame = frame.set_index(["backbone", "strategy"])
    for prefix, subset in (("", np.ones(N, bool)), ("dedup_", np.arange(N) % 10 > 0)):
        board, names = compared(cells, subset), list(cells)
        ours, none = names.index(("mobilenet_v2", "oversampling")), names.index(("mobilenet_v2", "none"))
        row = frame.loc[names[ours]]
        score, gain = board.score(ours), board.difference(ours, none)
        for name, found in (("macro_f1", score), ("gain", gain)):
            low, high = (end[0] for end in intervals([found]))
            columns = row[[prefix + name, f"{prefix}{name}_low", f"{prefix}{name}_high"]].tolist()
            assert columns == pytest.approx([found.value, low, high])
            assert low < found.value < high
        gains = [
            board.difference(names.index((b, s)), names.index((b, "none"))) for b, s in names if s != "none"
        ]
        want = dict(zip([n for n in names if n[1] != "none"], holm(p_values(gains)), strict=True))
        assert {name: frame.loc[name, f"{prefix}gain_p"] for name in want} == pytest.approx(
            want, abs=1e-6, nan_ok=True
        )


def compared(cells, subset):
    found = []
    for (backbone, _), runs in cells.items():
        scores, influence = macro_f1(LABELS[subset], np.stack(runs)[:, subset], 7)
        found.append(
            RepeatedScore(
                backbone, tuple(range(len(runs))), scores, by_group(influence, np.arange(subset.sum()))
            )
        )
    return Comparisons(found)


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


def test_a_gain_is_taken_only_where_nothing_but_the_strategy_differs():
    repeats = [repeat(slot=s, shared_key="other weights", started=1.0) for s in (0, 1)]
    for strategy in ("focal_loss", "oversampling"):
        repeats += [repeat(strategy=strategy, slot=s, skill=0.6) for s in (0, 1)]
    statuses = [status(strategy=s) for s in ("none", "focal_loss", "oversampling")]
    frame = leaderboard(statuses, repeats).set_index("strategy")
    assert frame["gain"].isna().all()
    assert frame["rank"].fillna(0).tolist() == [1, 2, 0]
    assert "other weights or images than in newer runs" in frame.loc["none", "warnings"]


def test_a_single_repeat_has_neither_sd_nor_interval():
    statuses = [status(repeats=1), status(strategy="focal_loss", repeats=1)]
    frame = leaderboard(statuses, [repeat(), repeat(strategy="focal_loss", skill=0.6)])
    empty = ["macro_f1_low", "macro_f1_high", "macro_f1_sd", "gain_low", "best_set"]
    assert frame[empty].isna().all(axis=None)
    assert frame["gain"].notna().sum() == 1
    assert frame["rank"].tolist() == [1, 2]
    (screen := Console(width=100, file=io.StringIO())).print(table(frame))
    assert " 2? " in screen.file.getvalue() and "? may be as good as the best" in screen.file.getvalue()


# `none` with the defaults of all that is searched


def test_an_untuned_cell_stands_on_the_board_with_its_gain_and_without_a_rank():
    frame = leaderboard(*with_untuned()).set_index("strategy")
    assert frame.index.tolist() == ["class_weights", "none", "none (defaults)"]
    assert frame["rank"].tolist()[:2] == [1, 2] and frame["rank"].isna().tolist() == [False, False, True]
    row = frame.loc["none (defaults)"]
    assert row["gain"] == pytest.approx(row["macro_f1"] - frame.loc["none", "macro_f1"])
    assert row["gain_low"] < row["gain"] < row["gain_high"] < 0
    assert (row["trials"], row["selected_from"]) == (0, 2), "of one table with the others"
    assert row["warnings"].startswith("untuned and not ranked")
    assert not frame["warnings"].str.contains("not ranked together").any()
    console = Console(width=200, file=io.StringIO())
    console.print(table(leaderboard(*with_untuned())))
    assert "none (defaults)" in console.file.getvalue()
    assert console.file.getvalue().count("best of 2 trials") == 1


def test_an_untuned_cell_changes_no_number_of_the_others():
    statuses, repeats = with_untuned()
    without = leaderboard(statuses[:2], repeats[:6]).set_index("strategy")
    found = leaderboard(statuses, repeats).set_index("strategy").loc[without.index]
    pd.testing.assert_frame_equal(found, without)


def test_an_untuned_cell_that_is_the_tuned_one_once_more_has_no_gain():
    statuses, repeats = with_untuned()
    same = [
        replace(each, predictions=of.predictions) for each, of in zip(repeats[6:], repeats[:3], strict=True)
    ]
    frame = leaderboard(statuses, [*repeats[:6], *same]).set_index("strategy")
    row = frame.loc["none (defaults)", ["gain", "gain_low", "gain_high", "gain_p"]]
    assert row.tolist() == [0, 0, 0, 1]
    assert frame.loc["class_weights", "gain_high"] - frame.loc["class_weights", "gain_low"] > 0


def test_an_untuned_cell_stands_beside_the_tuned_one_whatever_that_was_selected_from():
    statuses, repeats = with_untuned()
    more = [replace(each, selected_from=4) for each in repeats[3:6]]
    frame = leaderboard(statuses, [*repeats[:3], *more, *repeats[6:]]).set_index("strategy")
    assert frame["selected_from"].to_dict() == {"class_weights": 4, "none": 2, "none (defaults)": 2}


@pytest.mark.parametrize(
    ("planned", "said"),
    [
        ([3, 3, 3, 5, 5], "2 of 5 repeats were added when 3 had been tested"),
        ([5, 5, 5, 5, 5], ""),
        (["", "", "", "", ""], ""),
        ([5, 3, 3, 5, 5], "2 of 5 repeats were added when 3 had been tested"),
        ([1, 5, 5, 5, 5], "4 of 5 repeats were added when 1 had been tested"),
    ],
    ids=["added", "planned at once", "unknown", "one trained anew", "all but one"],
)
def test_repeats_that_were_added_when_others_had_been_tested_are_said(planned, said):
    repeats = [
        repeat(slot=slot, tags={"planned_repeats": str(number)}) for slot, number in enumerate(planned)
    ]
    (row,) = leaderboard([status(repeats=5)], repeats).to_dict("records")
    assert [each for each in row["warnings"].split("; ") if "added" in each] == ([said] if said else [])


def test_validation_images_that_are_in_train_are_said():
    (row,) = leaderboard([status()], [repeat(slot=n, tags={"val_twins": "1234"}) for n in (0, 1)]).to_dict(
        "records"
    )
    assert "1,234 validation images are also in train: selection trusts them too much" in row["warnings"]
    (row,) = leaderboard([status()], [repeat(slot=n, tags={"val_twins": "0"}) for n in (0, 1)]).to_dict(
        "records"
    )
    assert "validation images" not in row["warnings"]


def test_scores_without_near_duplicates_are_those_of_the_images_without():
    repeats = [repeat(strategy=s, slot=n, skill=k) for s, k in (("none", 0.5), ("ldam", 0.6)) for n in (0, 1)]
    frame = leaderboard([status(), status(strategy="ldam")], [*map(with_near_duplicates, repeats)])
    near = np.arange(N) % 5 > 0
    runs = {(r.backbone, r.strategy): [] for r in repeats}
    for each in repeats:
        runs[each.backbone, each.strategy].append(each.predictions().predicted)
    score, gain = (found := compared(runs, near)).score(1), found.difference(1, 0)
    row = frame[frame["strategy"] == "ldam"].iloc[0]
    for name, effect in (("macro_f1", score), ("gain", gain)):
        columns = row[[f"near_dedup_{name}{end}" for end in ("", "_low", "_high")]].tolist()
        assert columns == pytest.approx([effect.value, *(ends[0] for ends in intervals([effect]))])
    right = [(p.predictions().predicted == LABELS)[near].mean() for p in repeats[2:]]
    assert row["near_dedup_accuracy"] == pytest.approx(np.mean(right))
    assert "100 of 500 test images have a near-duplicate in train or val: see near_dedup_*" in row["warnings"]
    assert TWINS in row["warnings"]


def test_older_runs_have_no_scores_without_near_duplicates():
    repeats = [repeat(slot=slot) for slot in (0, 1)]
    old = leaderboard([status()], repeats).iloc[0]
    columns = [name for name in old.index if name.startswith("near_dedup")]
    assert len(columns) == 12 and old[columns].isna().all()
    assert "near-duplicate" not in old["warnings"]
    for mixed in (
        [repeats[0], with_near_duplicates(repeats[1])],
        [with_near_duplicates(repeats[0]), repeats[1]],
    ):
        row = leaderboard([status()], mixed).iloc[0]
        assert 0 < row["near_dedup_macro_f1_low"] < row["near_dedup_macro_f1"], "what both predict is there"
        assert np.isnan(row["near_dedup_accuracy"]), "what one didn't log isn't a mean of both"
