"""Measured results as a Markdown table, from the CSVs in experiments/: scores in percent, gains in points."""

from pathlib import Path

import pandas as pd

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
SCORES = {"accuracy": "accuracy", "F1 of disgust": "f1_disgust", "recall of disgust": "rarest_class_recall"}


def result_table(*studies: str) -> str:
    """A row per cell, or per recipe where studies have several; macro-F1 and gain with 95 % intervals."""
    board = pd.concat(pd.read_csv(EXPERIMENTS / f"{study}.csv") for study in studies)
    if "recipe_name" in board and board["recipe_name"].notna().all():
        columns = {"study": _code(board["study"]), "recipe": _code(board["recipe_name"])}
    else:
        columns = {"cell": _code(board["backbone"] + "/" + board["strategy"])}
    columns["macro-F1"] = _with_interval(board, "macro_f1", ".1f")
    if board["gain"].notna().any():
        columns["gain"] = _with_interval(board, "gain", "+.1f")
    columns |= {title: [f"{100 * share:.1f}" for share in board[name]] for title, name in SCORES.items()}
    lines = [list(columns), ["---"] * len(columns), *zip(*columns.values(), strict=True)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def dose_table(study: str, dose: str) -> str:
    """A row per strategy, a column per dose: macro-F1 of `none`, gains over it with 95 % intervals."""
    board = pd.read_csv(EXPERIMENTS / f"{study}.csv").sort_values([dose, "rank"])
    doses = list(board[dose].unique())
    last = board[board[dose] == doses[-1]]
    table: dict[str, list[str]] = {"strategy": _code(last["strategy"])}
    for value in doses:
        here = board[board[dose] == value].set_index("strategy").loc[last["strategy"]]
        scores = [f"{100 * score:.1f}" for score in here["macro_f1"]]
        gains = _with_interval(here, "gain", "+.1f")
        table[f"{dose.replace('_', ' ')} {value:g}"] = [
            gain or score for gain, score in zip(gains, scores, strict=True)
        ]
    lines = [list(table), ["---"] * len(table), *zip(*table.values(), strict=True)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _code(names: pd.Series) -> list[str]:
    return [f"`{name}`" for name in names]


def _with_interval(board: pd.DataFrame, name: str, form: str) -> list[str]:
    rows = 100 * board[[name, f"{name}_low", f"{name}_high"]]
    return [
        "" if pd.isna(value) else f"{value:{form}} [{low:{form}}, {high:{form}}]"
        for value, low, high in rows.itertuples(index=False)
    ]
