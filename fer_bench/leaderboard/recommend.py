"""Which cell, decided by which rule, meets what is asked, how surely, and at which price."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fer_bench.errors import UserError
from fer_bench.evaluation.comparisons import Comparisons
from fer_bench.evaluation.intervals import seed_variance
from fer_bench.leaderboard.board import Board
from fer_bench.leaderboard.ranking import find_boards
from fer_bench.leaderboard.requirements import Requirement, check_measure, measures
from fer_bench.leaderboard.ruled import RuledBoard, named
from fer_bench.leaderboard.tested import Score
from fer_bench.storage.records import BOARD, CellStatus, RepeatRecord

RULES = ("decided", "argmax", "prior_shift", "tau", "bias")
LIKELY = 0.8  # share of draws from which on a candidate is said to meet what is asked
DRAWS = 10_000


@dataclass(frozen=True, eq=False)
class Recommendation:
    """What a board has to offer.

    title: what its cells have in common, by the names in BOARD. candidates: cells by decision rules, those
    first that are likely to meet all requirements, best first by what is maximised, then the others, nearest
    first. Columns: cell, backbone, strategy, rule, chance (of meeting all), the mean over repeats of each
    measure asked for, and price: what is given up of the maximised measure, against the best of all
    candidates.
    """

    title: dict[str, str]
    candidates: pd.DataFrame

    @property
    def met(self) -> bool:
        """Whether the first of the candidates is likely to meet what is asked."""
        return bool(self.candidates["chance"].iloc[0] >= LIKELY)


def recommend(
    statuses: Iterable[CellStatus],
    repeats: Iterable[RepeatRecord],
    requirements: Sequence[Requirement],
    maximise: str = "macro_f1",
) -> list[Recommendation]:
    """Rank cells and decision rules of each board by what is asked of them.

    The chance of a candidate is the share of draws, of other images and seeds, in which the mean over its
    repeats meets all requirements: normal, with the covariance of its measures over test images and the
    variance over seeds, which is itself known from a few repeats only. Rules are taken as fitted to this
    validation. Cells of a single repeat, and those that have no rank, are left out. Raises UserError for a
    measure that isn't known, where no cell is left, and as `find_boards` does.
    """
    boards = [board for board in find_boards(statuses, repeats) if board.test]
    found = [_of_board(board, requirements, maximise) for board in boards]
    if not any(len(each.candidates) for each in found):
        raise UserError(
            "no finished cell has two repeats yet: how sure a choice is can't be told from one; finish the "
            "run, with --repeats 2 or more"
        )
    return [each for each in found if len(each.candidates)]


def _of_board(board: Board, requirements: Sequence[Requirement], maximise: str) -> Recommendation:
    ruled = RuledBoard(board)
    known = measures(ruled.classes, np.unique(ruled.labels).tolist())
    asked = list(dict.fromkeys([maximise, *(each.measure for each in requirements)]))
    for name in asked:
        check_measure(name, list(known))
    table = _candidates(ruled, {name: known[name] for name in asked}, requirements)
    table["nearly"] = table["chance"].round(2)  # finer differences are of the draws
    table["price"] = table[maximise].max() - table[maximise]
    likely = table["chance"] >= LIKELY
    first = table[likely].sort_values(maximise, ascending=False, kind="stable")
    others = table[~likely].sort_values(["nearly", "margin"], ascending=False, kind="stable")
    head = ruled.cells[0].head
    return Recommendation(
        title={name: head.board.get(name, "") for name in BOARD},
        candidates=pd.concat([first, others], ignore_index=True).drop(columns=["margin", "nearly"]),
    )


def _candidates(
    board: RuledBoard, asked: Mapping[str, Score], requirements: Sequence[Requirement]
) -> pd.DataFrame:
    """Ranked cells of several repeats by each rule that decides otherwise than they do by themselves."""
    places = [list(asked).index(each.measure) for each in requirements]
    rows = []
    for rule in RULES:
        scores = [board.compare(rule, score) for score in asked.values()]
        seeds_alike = _correlation(scores)
        for cell, runs in enumerate(board.runs):
            own = all(np.array_equal(run.predicted["decided"], run.predicted[rule]) for run in runs.values())
            known = len(runs) > 1 and not board.cells[cell].unranked
            if known and (rule == "decided" or not own):
                means, drawn = _draws(scores, cell, seeds_alike)
                rows.append(
                    board.names(cell)
                    | {"rule": rule, "chance": _chance(drawn, requirements, places)}
                    | {"margin": _margin(means, requirements, places)}
                    | dict(zip(asked, means, strict=True))
                )
    return pd.DataFrame(rows, columns=named(("rule", "chance", "margin", *asked)))


def _chance(drawn: np.ndarray, requirements: Sequence[Requirement], places: Sequence[int]) -> float:
    """Share of draws (D, M) that meet all requirements."""
    met = [each.margin(drawn[:, place]) >= 0 for each, place in zip(requirements, places, strict=True)]
    return float(np.mean(np.all(met, axis=0))) if met else 1.0


def _margin(means: np.ndarray, requirements: Sequence[Requirement], places: Sequence[int]) -> float:
    """By how much the mean measures (M,) meet the requirement that they meet least."""
    margins = [float(each.margin(means[place])) for each, place in zip(requirements, places, strict=True)]
    return min(margins, default=0.0)


def _correlation(scores: Sequence[Comparisons]) -> np.ndarray:
    """How measures (M, M) go together over the seeds of a cell, from all cells."""
    residuals = [np.concatenate([cell.scores - cell.scores.mean() for cell in each.cells]) for each in scores]
    together = np.stack(residuals) @ np.stack(residuals).T
    size = np.sqrt(np.diag(together))
    return np.divide(together, np.outer(size, size), out=np.eye(len(size)), where=np.outer(size, size) > 0)


def _draws(
    scores: Sequence[Comparisons], cell: int, seeds_alike: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Means (M,) of a cell's measures and draws (D, M) of what they may be."""
    rng = np.random.default_rng(0)
    effects = [each.score(cell) for each in scores]
    influence = np.stack([each.cells[cell].influence.mean(axis=0) for each in scores])
    means = np.array([each.value for each in effects])
    luck = rng.random(DRAWS)
    seeds = np.stack([seed_variance(each, luck) for each in effects], axis=1)
    drawn = means + rng.normal(size=(DRAWS, len(means))) @ _root(influence @ influence.T).T
    return means, drawn + np.sqrt(seeds) * (rng.normal(size=(DRAWS, len(means))) @ _root(seeds_alike).T)


def _root(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0))
