"""All tables of a board of records that never were, and what they must agree on."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from leaderboard_records import CLASSES, example, repeat, status, with_untuned

from fer_bench.leaderboard.analysis import analyse
from fer_bench.storage.records import SCORED, TrialRecord


@pytest.fixture(scope="module")
def analysis():
    (board,) = analyse(*example())
    return board


def test_cells_are_the_rows_of_the_leaderboard_and_their_ensembles_below(analysis, frame):
    cells = analysis.cells
    assert cells[cells["kind"] == "cell"]["cell"].tolist() == frame["cell"].tolist()
    assert cells[frame.columns][: len(frame)].to_csv() == frame.to_csv()
    ensembles = cells[cells["kind"] == "ensemble"]
    assert len(ensembles) == (frame["repeats"] > 1).sum()
    assert ensembles["rank"].isna().all() and not ensembles["on_front"].any()
    assert ensembles["macro_f1"].between(0, 1).all() and ensembles["macro_f1_low"].isna().all()


def test_shared_ranks_lie_within_their_intervals_and_chances_sum_to_one(analysis):
    ranked = analysis.cells[analysis.cells["rank"].notna()]
    assert ranked["shared_rank"].iloc[0] == 1
    assert (ranked["rank_low"] <= ranked["rank_high"]).all()
    assert ranked["p_best"].sum() == pytest.approx(1)
    assert analysis.cells[analysis.cells["rank"].isna()]["shared_rank"].isna().all()


def test_parts_sum_to_the_gain_of_the_leaderboard(analysis):
    parts = analysis.decomposition.pivot(index="cell", columns="part", values="value")
    gains = analysis.cells[analysis.cells["kind"] == "cell"].set_index("cell")["gain"]
    rest = parts[["operating_point", "representation", "interaction"]].sum(axis=1)
    np.testing.assert_allclose(rest, parts["total"], atol=1e-12)
    np.testing.assert_allclose(parts["total"], gains[parts.index], atol=1e-6)
    assert (analysis.decomposition["low"] <= analysis.decomposition["high"]).sum() >= 4


def test_an_untuned_cell_has_parts_too_and_changes_those_of_no_other():
    statuses, repeats = with_untuned()
    (found,), (without,) = analyse(statuses, repeats), analyse(statuses[:2], repeats[:6])
    for name in ("decomposition", "who_pays"):
        table, other = getattr(found, name), getattr(without, name)
        assert "none (defaults)" in set(table["strategy"])
        rest = table[table["strategy"] != "none (defaults)"].reset_index(drop=True)
        pd.testing.assert_frame_equal(rest, other.reset_index(drop=True))


def test_the_ladder_of_means_is_the_mean_of_the_ladders(analysis):
    ladder = analysis.ladder
    one = ladder[(ladder["cell"] == "mobilenet_v2-class_weights") & (ladder["rule"] == "tau")]
    mean, repeats = one[one["slot"] == -1], one[one["slot"] >= 0]
    assert mean["test_gain"].item() == pytest.approx(repeats["test_gain"].mean())
    fixed = ladder[ladder["rule"] == "temperature"]
    assert (fixed["test_gain"] == 0).all() and (fixed["val_gain"] == 0).all()
    assert (ladder["val_gain"][ladder["rule"] == "tau"] >= 0).all(), "fitted to these images"


def test_who_pays_agrees_with_the_leaderboard(analysis):
    f1 = analysis.who_pays[analysis.who_pays["measure"] == "f1"].pivot(
        index="cell", columns="class", values="value"
    )
    cells = analysis.cells[analysis.cells["kind"] == "cell"].set_index("cell")
    for name in CLASSES:
        np.testing.assert_allclose(f1[name], cells[f"f1_{name}"][f1.index], atol=1e-6)
    of_none = analysis.who_pays[analysis.who_pays["strategy"] == "none"]
    assert of_none["change"].isna().all()


def test_exchange_says_nothing_where_nothing_is_known_to_be_won(analysis):
    changes = analysis.who_pays.query("measure == 'recall' and `class` == 'disgust'").set_index("cell")
    for row in analysis.exchange.to_dict("records"):
        assert (row["commonest"], row["rarest"]) == ("happy", "disgust")
        if changes["low"][row["cell"]] > 0:
            assert row["rate"] == pytest.approx(row["lost"] / row["won"])
        else:
            assert np.isnan(row["rate"])


def test_confusions_count_every_image(analysis):
    counts = analysis.confusion.groupby("cell")["count"].sum()
    np.testing.assert_allclose(counts, 500)
    shares = analysis.confusion.groupby(["cell", "true"])["share"].sum()
    np.testing.assert_allclose(shares, 1)


def test_best_of_takes_what_was_drawn_blindly():
    head = {"backbone": "mobilenet_v2", "strategy": "none", "seed": 1, "board": status().board}
    values = [0.9, 0.1, 0.2, None, 0.4, 0.2, 0.2, 0.2, 0.9]  # slot 0 has the defaults, slot 8 is modelled
    trials = [TrialRecord(cell="mobilenet_v2-none", slot=s, value=v, **head) for s, v in enumerate(values)]
    (board,) = analyse([status()], [repeat(slot=s) for s in (0, 1)], trials)
    assert board.best_of["n"].tolist() == [1, 2, 3, 4, 5, 6]
    assert set(board.best_of["of"]) == {6}
    assert board.best_of["expected"].iloc[0] == pytest.approx(np.mean([0.1, 0.2, 0.4, 0.2, 0.2, 0.2]))
    assert board.best_of["expected"].iloc[-1] == pytest.approx(0.4)


def test_a_board_of_single_repeats_has_values_and_no_intervals():
    repeats = [repeat(slot=0), repeat(strategy="focal_loss", slot=0, skill=0.6)]
    (board,) = analyse([status(repeats=1), status(strategy="focal_loss", repeats=1)], repeats)
    assert board.decomposition["value"].notna().all() and board.decomposition["low"].isna().all()
    assert board.cells["p_best"].isna().all() and (board.cells["kind"] == "cell").all()


def test_models_from_elsewhere_have_a_board_on_which_nothing_is_fitted():
    def scored(skill):
        found = repeat(skill=skill)
        given = found.outputs()
        nothing = {name: getattr(given, name)[:0] for name in ("val_labels", "val_logits", "val_predicted")}
        outputs = replace(given, class_counts=0 * given.class_counts, history=[], **nothing)
        board, tags = {**status().board, "recipe_name": SCORED}, {"scored": "true"}
        names = {
            "backbone": f"theirs{skill}",
            "strategy": "unknown",
            "cell": f"key{skill}",
            "shared_key": f"{skill}",
        }
        done = status(repeats=1, board=board, trials_done=0, trials_planned=0)
        changed = replace(found, board=board, tags=tags, outputs=lambda: outputs, selected_from=0, **names)
        return replace(done, backbone=changed.backbone, strategy="unknown", cell=changed.cell), changed

    done, theirs = zip(scored(0.4), scored(0.6), strict=True)
    (board,) = analyse(done, theirs)
    assert board.cells["kind"].tolist() == ["cell", "cell"]
    assert board.cells["macro_f1_low"].notna().all()
    assert board.cells["ece"].notna().all() and board.cells[["ece_after", "temperature"]].isna().all(
        axis=None
    )
    for table in (board.ladder, board.decomposition, board.exchange, board.curves, board.best_of):
        assert table.empty
    assert not board.calibration["after"].any() and len(board.calibration)
    assert set(board.who_pays["class"]) == set(CLASSES) and board.who_pays["change"].isna().all()
    assert board.counts["train"].isna().all() and board.counts["test"].sum() == 500


def test_what_was_not_tested_yet_is_no_board():
    assert analyse([status(repeats_done=0, trials_done=0)], []) == []
