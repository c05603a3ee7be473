"""Measured results as a Markdown table, from the CSVs in experiments/: scores in percent, gains in points."""

from pathlib import Path

import pandas as pd

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
SCORES = {"accuracy": "accuracy", "F1 of disgust": "f1_disgust", "recall of disgust": "rarest_class_recall"}


def result_table(*studies: str) -> str:
    """A row per cell, or per recipe where studies have several; macro-F1 and gain with 95 % intervals."""
    board = pd.concat(pd.read_csv(EXPERIMENTS / f"{study}.csv") for study in studies)
    recipes, gains = "recipe_name" in board and board["recipe_name"].notna().all(), board["gain"].notna().any()
    rows = []
    for _, row in board.iterrows():
        macro_f1 = " ".join([_percent(row["macro_f1"]), _interval(row, "macro_f1", _percent)])
        gain = "" if pd.isna(row["gain"]) else f"{_points(row['gain'])} {_interval(row, 'gain', _points)}"
        rows.append(
            {
                **({"study": f"`{row['study']}`", "recipe": f"`{row['recipe_name']}`"} if recipes else {}),
                **({} if recipes else {"cell": f"`{row['backbone']}/{row['strategy']}`"}),
                "macro-F1": macro_f1,
                **({"gain": gain} if gains else {}),
                **{title: _percent(row[column]) for title, column in SCORES.items()},
            }
        )
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"


def _interval(row, name, form) -> str:
    return f"[{form(row[f'{name}_low'])}, {form(row[f'{name}_high'])}]"
