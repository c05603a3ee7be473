"""How often intervals and ranks of boards of equal cells are wrong: python tests/support/interval_errors.py

Each board has cells that differ by chance only (`--boards margins`: those that the intervals were made on;
`confusions`: others, the default). A line for each number of seeds, kind and size of their noise: seed error
over image error of a gain; in percent, gains whose 95 % interval leaves out the truth, those of the cell that
fares worst, boards where any gain is called real after Holm's correction, cells that are denied to be as good
as the leader, and cells whose own interval leaves out the truth; then half of a gain's interval in points.
"""

import argparse
import sys
from dataclasses import replace
from typing import NamedTuple

import confusion_boards
import margin_boards
import numpy as np

from fer_bench.evaluation.comparisons import Comparisons, RepeatedScore
from fer_bench.evaluation.influence import by_group, macro_f1
from fer_bench.evaluation.intervals import holm, intervals, p_values

MAKERS = {"margins": margin_boards.board, "confusions": confusion_boards.board}
# Noise of seeds for a seed error of about a quarter, one and three times the image error of a gain.
NOISE = {"margins": (0.015, 0.045, 0.12), "confusions": (0.02, 0.08, 0.25)}
KINDS = {"equal": ((1,), False), "unequal": ((0.5, 1, 2, 1), False), "heavy": ((1,), True)}


class Errors(NamedTuple):
    ratio: float
    gain: float
    worst: float
    any_gain: float
    denied: float
    own: float
    half: float


class Found(NamedTuple):
    p: np.ndarray
    half: float
    own: float
    denied: float
    noise: np.ndarray  # variance of a gain by its seeds and by images


def errors(maker, noise, seeds, kind, boards, backbones=4, cells=4):
    """Shares of boards that go wrong, as in the module's first lines; boards of `backbones` times `cells`."""
    spread, heavy = KINDS[kind]
    spread = np.resize(np.array(spread, float), cells)

    def made(start, count):
        rng = np.random.default_rng([start, seeds, round(1e4 * noise), cells, len(kind)])
        for _ in range(count):
            yield compared(*MAKERS[maker](rng, backbones, cells, seeds, noise, spread, heavy))

    truth = _truth(made(0, boards), spread, backbones)
    found = [_found(board, truth, cells) for board in made(1, boards)]
    p = np.stack([each.p for each in found])
    by_cell = np.reshape(p < 0.05, (boards, backbones, -1)).mean(axis=(0, 1))
    seed_noise, image_noise = (np.mean([each.noise[i] for each in found]) for i in (0, 1))
    return Errors(
        ratio=(max(seed_noise, 0) / image_noise) ** 0.5,
        gain=by_cell.mean(),
        worst=by_cell.max(),
        any_gain=np.mean([(holm(each) < 0.05).any() for each in p]),
        denied=np.mean([each.denied for each in found]),
        own=np.mean([each.own for each in found]),
        half=100 * np.median([each.half for each in found]),
    )


def compared(labels, predictions):
    """A board's cells to be compared, backbone by backbone; predictions (backbones, cells, seeds, n)."""
    slots = tuple(range(predictions.shape[2]))
    cells = []
    for backbone, of_backbone in enumerate(predictions):
        for runs in of_backbone:
            scores, influence = macro_f1(labels, runs, 7)
            influence = by_group(influence, np.arange(len(labels)))
            cells.append(RepeatedScore(str(backbone), slots, scores, influence))
    return Comparisons(cells)


def _truth(boards, spread, backbones):
    """Score over all images and seeds of each cell: the mean of all cells with its noise."""
    every = np.mean([[cell.scores.mean() for cell in board.cells] for board in boards], axis=0)
    kinds = np.tile(spread, backbones)
    return np.array([every[kinds == each].mean() for each in kinds])


def _found(board, truth, cells):
    """What is said of one board; scores less the truth, so that nothing is to be found."""
    equal = [replace(cell, scores=cell.scores - true) for cell, true in zip(board.cells, truth, strict=True)]
    board, every = Comparisons(equal), range(len(equal))
    gains = [board.difference(cell, cell - cell % cells) for cell in every if cell % cells]
    low, high = intervals(gains)
    own_low, own_high = intervals([board.score(cell) for cell in every])
    return Found(
        p=p_values(gains),
        half=np.median(high - low) / 2,
        own=np.mean((own_low > 0) | (own_high < 0)),
        denied=1 - np.mean(board.as_good(every)),
        noise=np.mean([((gain.ratio - 1) * gain.unit, gain.images) for gain in gains], axis=0),
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--boards", choices=sorted(MAKERS), default="confusions")
    parser.add_argument("--count", type=int, default=500, help="boards for each line")
    parser.add_argument("--seeds", type=int, nargs="+", default=[2, 3, 5, 10])
    parser.add_argument("--backbones", type=int, default=4)
    parser.add_argument(
        "--cells", type=int, default=4, help="of each backbone, one of them without a strategy"
    )
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    chosen = parser.parse_args()
    sys.stdout.write("kind    seeds  ratio   gain  worst    any  denied    own   half\n")
    for kind in chosen.kinds:
        for seeds in chosen.seeds:
            for noise in NOISE[chosen.boards]:
                found = errors(
                    chosen.boards, noise, seeds, kind, chosen.count, chosen.backbones, chosen.cells
                )
                shares = "  ".join(f"{100 * share:5.1f}" for share in found[1:-1])
                sys.stdout.write(f"{kind:<8}{seeds:>5}{found.ratio:>7.2f}  {shares}  {found.half:5.2f}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
