"""Tables of which class pays for a gain: changes by class, the exchange rate, and confusions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from fer_bench.evaluation.influence import f1, recall
from fer_bench.evaluation.intervals import intervals
from fer_bench.evaluation.metrics import confusion_counts
from fer_bench.leaderboard.ruled import RuledBoard, named

MEASURES: dict[str, Callable] = {"recall": recall, "f1": f1}


def who_pays(board: RuledBoard) -> pd.DataFrame:
    """Recall and F1 of each class, by the strategy's own decision, and the change over `none`.

    With 95 % intervals, each for itself: of a hundred that hold nothing five leave out 0.
    """
    rows: list[dict] = []
    for measure, score in MEASURES.items():
        for label in np.sort(board.rarity):
            rows += _changes(board, measure, score, int(label))
    return pd.DataFrame(rows, columns=named(("class", "measure", "value", "none", "change", "low", "high")))


def _changes(board: RuledBoard, measure: str, score: Callable, label: int) -> list[dict]:
    scores = board.compare("decided", partial(score, label=label))
    pairs = board.board.baselines
    changes = {cell: found for cell, none in pairs.items() if (found := scores.difference(cell, none))}
    ends = dict(zip(changes, zip(*intervals(list(changes.values())), strict=True), strict=True))
    rows = []
    for cell in range(len(board.cells)):
        low, high = ends.get(cell, (np.nan, np.nan))
        none = float(scores.cells[pairs.get(cell, cell)].scores.mean())
        rows.append(
            board.names(cell)
            | {"class": board.classes[label], "measure": measure, "value": scores.score(cell).value}
            | {"none": none if cell in changes else np.nan}
            | {"change": changes[cell].value if cell in changes else np.nan, "low": low, "high": high}
        )
    return rows


def exchange(changes: pd.DataFrame, commonest: str, rarest: str) -> pd.DataFrame:
    """Recall that the commonest class lost per recall that the rarest won, from the table of `who_pays`.

    The rate is NaN where the interval of what was won holds 0, and where there is none: then nothing is known
    to be won.
    """
    found = changes[(changes["measure"] == "recall") & changes["change"].notna()].set_index(named(()))
    lost, won = (found[found["class"] == name] for name in (commonest, rarest))
    table = pd.DataFrame({"lost": -lost["change"], "won": won["change"]})
    table["rate"] = (table["lost"] / table["won"]).where(won["low"] > 0)
    table = table.assign(commonest=commonest, rarest=rarest)
    return table.reset_index()[named(("commonest", "rarest", "lost", "won", "rate"))]


def confusion(board: RuledBoard) -> pd.DataFrame:
    """What the images of each class are taken for, mean over repeats; the change is over `none`."""
    classes = range(len(board.classes))
    counts = [
        board.mean(cell, lambda run: confusion_counts(board.labels, run.predicted["decided"], len(classes)))
        for cell in range(len(board.cells))
    ]
    images = np.bincount(board.labels, minlength=len(classes))[:, None]
    shares = [np.divide(each, images, out=np.full(each.shape, np.nan), where=images > 0) for each in counts]
    rows = []
    for cell, (count, share) in enumerate(zip(counts, shares, strict=True)):
        baseline = board.board.baselines.get(cell)
        change = share - shares[baseline] if baseline is not None else np.full(share.shape, np.nan)
        rows += [
            board.names(cell)
            | {"true": board.classes[true], "predicted": board.classes[predicted]}
            | {"share": share[true, predicted], "count": count[true, predicted]}
            | {"change": change[true, predicted]}
            for true, predicted in np.ndindex(share.shape)
        ]
    return pd.DataFrame(rows, columns=named(("true", "predicted", "share", "count", "change")))
