"""The leaderboard as a table of the page, and what others reported beside it."""

from __future__ import annotations

import json

import pandas as pd

from fer_bench.leaderboard.terminal import LEVEL
from fer_bench.leaderboard.warnings import marks
from fer_bench.report.board_view import BoardView
from fer_bench.report.formats import count, interval, percent, points, present, word
from fer_bench.report.tables import Column, Table, table

NAMES = {
    "macro_f1": "Macro-F1",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
}

DEDUPLICATED = [
    Column("dedup_macro_f1", "Dedup.", percent, "macro-F1 without test images that are in train or val"),
    Column(
        "near_dedup_macro_f1",
        "Near d.",
        percent,
        "macro-F1 without test images that have a near-duplicate in train or val",
    ),
]


def leaderboard_table(view: BoardView) -> Table:
    """A row for each cell, best first, in percent and points."""
    cells = view.cells
    frame = cells.assign(
        place=[_place(row) for _, row in cells.iterrows()],
        f1_interval=[interval(*ends) for ends in _ends(cells, "macro_f1")],
        gain_interval=[interval(*ends, points) for ends in _ends(cells, "gain")],
        real=["*" if p < LEVEL else "" for p in cells["gain_p"].fillna(1).astype(float)],
        marks=marks(cells),
    )
    frame["gain_words"] = [
        f"{points(gain)}{mark}" for gain, mark in zip(frame["gain"], frame["real"], strict=True)
    ]
    rarest = f"recall of {view.rarest_in_test}, the class with the fewest test images"
    names = [Column("backbone", "Backbone")] if view.several_backbones else []
    columns = [Column("place", "#", str, "shared rank"), *names, Column("strategy", "Strategy")]
    columns += [Column("macro_f1", "Macro-F1", percent), Column("f1_interval", "95 % interval", str)]
    columns += [Column("gain_words", "Gain", str), Column("gain_interval", "95 % interval", str)]
    columns += [
        Column("balanced_accuracy", "Bal. acc.", percent, "balanced accuracy: mean recall of the classes")
    ]
    columns += [Column("accuracy", "Acc.", percent, "accuracy")]
    columns += [Column("rarest_class_recall", "Rarest", percent, rarest)]
    columns += [
        Column(
            "p_best",
            "P(best)",
            percent,
            "share of draws of images and seeds in which it is the best, in percent: flatters who was lucky",
        )
    ]
    columns += DEDUPLICATED
    columns += [Column("repeats", "n", count, "repeats")]
    columns = [column for column in columns if frame[column.key].map(word).ne("").any()]
    columns += [Column("marks", "Notes")] if any(frame["marks"]) else []
    return table(frame, f"Leaderboard: {view.heading}", columns)


def ensembles(view: BoardView) -> Table | None:
    """For each cell the ensemble of its repeats, beside their mean."""
    frame = view.ensembles
    if frame.empty:
        return None
    frame = frame.assign(single=frame["c"].map(view.cells["macro_f1"]))
    frame["more"] = frame["macro_f1"] - frame["single"]
    columns = [*view.cell_columns, Column("macro_f1", "Macro-F1", percent)]
    columns += [Column("single", "Mean of its repeats", percent), Column("more", "Difference", points)]
    columns += [Column("balanced_accuracy", "Bal. acc.", percent), Column("accuracy", "Acc.", percent)]
    return table(frame, "Ensembles: mean probability of a cell's repeats, in percent; unranked", columns)


def _ends(cells: pd.DataFrame, name: str) -> list[tuple[float, float]]:
    return list(zip(cells[f"{name}_low"], cells[f"{name}_high"], strict=True))


def _place(row: pd.Series) -> str:
    """Shared rank, with ≈ where a cell may be as good as the best and ? where nobody can know."""
    if not present(row["rank"]):
        return ""
    shared = row["shared_rank"] if present(row["shared_rank"]) else row["rank"]
    if row["rank"] == 1:
        return count(shared)
    return count(shared) + ("?" if not present(row["best_set"]) else "≈" if row["best_set"] else "")


def reported(view: BoardView) -> Table | None:
    """What others reported of the system, beside the best cell that was measured here."""
    words = next(filter(None, view.cells["reported"].fillna("")), "{}")
    found: dict[str, float] = json.loads(words)
    if not found:
        return None
    first = view.tested.iloc[0] if len(view.tested) else pd.Series(dtype=float)
    rows = [
        {
            "name": NAMES.get(name, name),
            "reported": value,
            "measured": first.get(name.replace("f1/", "f1_")),
        }
        for name, value in found.items()
    ]
    columns = [Column("name", "Score"), Column("reported", "Reported by others", _share)]
    columns.append(Column("measured", f"Best here: {first.get('label', '')}", _share))
    return table(pd.DataFrame(rows), "Figures that others reported, in percent", columns)


def _share(value: float) -> str:
    """Percent of a share; other numbers, such as of images, as they are."""
    return percent(value) if not present(value) or 0 <= value <= 1 else f"{value:g}"
