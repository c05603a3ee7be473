"""`fer-bench recommend`: which cell and decision rule meets what is asked, how surely, at which price."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from fer_bench.cli.options import From, Mlruns, Study, console

if TYPE_CHECKING:
    from fer_bench.leaderboard.recommend import Recommendation
    from fer_bench.leaderboard.requirements import Requirement

SHOWN = 8  # candidates
OWN = {"decided": "own rule"}


def recommend(
    require: Annotated[
        list[str], typer.Option(help='A condition, such as "recall/disgust >= 0.6"; may be given again.')
    ],
    study: Study = None,
    maximize: Annotated[
        str, typer.Option(help="The measure to be highest among those that meet it.")
    ] = "macro_f1",
    mlruns: Mlruns = Path("mlruns"),
    from_file: From = None,
) -> None:
    """Say which cell, decided by which rule, is likely to meet all conditions, and what that costs.

    Measures: macro_f1, accuracy, balanced_accuracy, and recall/CLASS, precision/CLASS, f1/CLASS. Rules: the
    strategy's own, argmax, and those that are fitted to validation (prior_shift, tau, bias), which
    fer-bench export --decision puts into the model.

    [bold]Example[/bold]

    fer-bench recommend --study imbalance --require "recall/disgust >= 0.6" --require "accuracy >= 0.65"
    """
    from fer_bench.leaderboard.recommend import recommend as find
    from fer_bench.leaderboard.requirements import parse
    from fer_bench.storage.study_runs import read_runs

    asked = [parse(each) for each in require]
    runs = read_runs(mlruns, study, from_file, with_trials=False)
    for found in find(runs.statuses, runs.repeats, asked, maximize):
        # A bundle holds no weights: they are in the folder that it was made from.
        show(found, asked, maximize, Path("DIR") if from_file else mlruns)


def show(found: Recommendation, asked: list[Requirement], maximize: str, mlruns: Path) -> None:
    """Print what was found of a board, and how to export it from `mlruns`."""
    from fer_bench.study.variants import chosen_by, in_words

    words = [found.title[name] for name in ("recipe_name", "dataset", "split", "budget") if found.title[name]]
    words += filter(None, [in_words(found.title)])
    conditions = " and ".join(map(str, asked))
    console.print(f"[bold]{escape(', '.join(words))}[/bold]: {escape(conditions)}", highlight=False)
    console.print(_answer(found, asked, maximize), highlight=False, markup=False)
    console.print(_table(found, maximize))
    best = found.candidates.iloc[0]
    command = ["fer-bench", "export", "--study", found.title["study"]]
    command += [] if mlruns == Path("mlruns") else ["--mlruns", str(mlruns)]
    for option, value in chosen_by(found.title).items():
        command += [f"--{option}", value] if value else []
    command += ["--cell", f"{best['backbone']}/{best['strategy']}", "--decision", best["rule"]]
    console.print(
        f"Chosen by the test images among {len(found.candidates)}, so the first is flattered. To export it: "
        + shlex.join([*command, "--out", "model.keras"]),
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _answer(found: Recommendation, asked: list[Requirement], maximize: str) -> str:
    from fer_bench.leaderboard.recommend import LIKELY

    best = found.candidates.iloc[0]
    names = dict.fromkeys([*(each.measure for each in asked), maximize])
    scores = ", ".join(f"{name} {100 * best[name]:.1f} %" for name in names)
    lost = f"{100 * best['price']:.1f} points of {maximize} below the best without conditions"
    price = lost if best["price"] > 0 else f"the highest {maximize}, conditions or not"
    which = f"{best['backbone']}/{best['strategy']}, decided by {OWN.get(best['rule'], best['rule'])}"
    meets = f"meets all in {100 * best['chance']:.0f} % of draws of images and seeds"
    if found.met:
        return f"{which}, {meets}. {scores}; {price}."
    nearest = f"The nearest is {which}: it {meets}. {scores}; {price}."
    return f"None does in {100 * LIKELY:.0f} % of draws. {nearest}"


def _table(found: Recommendation, maximize: str) -> Table:
    titles: dict[str, str] = {"chance": "Meets all", "price": f"Price, {maximize}"}
    candidates = found.candidates
    named = ["backbone", "strategy"] if candidates["backbone"].nunique() > 1 else ["strategy"]
    names = [str(name) for name in candidates if name not in ("cell", "backbone", "strategy", "rule")]
    table = Table(
        *(Column(name.capitalize(), no_wrap=True) for name in (*named, "decided by")),
        box=None,
        pad_edge=False,
    )
    for name in names:
        table.add_column(escape(_broken(titles.get(name, name))), justify="right", overflow="fold")
    for row in candidates.head(SHOWN).to_dict("records"):
        shown = [
            f"{100 * row[name]:.0f} %" if name == "chance" else f"{100 * row[name]:.1f}" for name in names
        ]
        table.add_row(*(escape(row[name]) for name in named), OWN.get(row["rule"], row["rule"]), *shown)
    return table


def _broken(title: str) -> str:
    """A column's title in short lines, so that eighty columns hold the table of several measures."""
    return re.sub(r"/|_|,? ", lambda found: found[0].rstrip() + "\n", title)
