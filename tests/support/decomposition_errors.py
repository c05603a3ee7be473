"""How often the parts of a gain are wrong, and how often they are found: python
tests/support/decomposition_errors.py

Each board (logit_boards.py) has `none`, two strategies that only move the threshold, by half the log prior
and by all of it, and one that truly separates better. A line for each number of seeds, kind and size of their
noise: the seed error over the image error of a representation; in percent, intervals of the representation of
the first two that leave out 0, which is the truth, and intervals of their other parts that leave out the mean
over boards; then how often the representation of the last is found, with what that share should be by theory:
for the width that its intervals have, and for an interval that knew the noise exactly; its size and half its
interval in points.
"""

import argparse
import sys
from typing import NamedTuple

import numpy as np
from logit_boards import LOG_PRIOR, TEST, VAL, Trained, board
from scipy.stats import norm

from fer_bench.evaluation.bootstrap import image_weights
from fer_bench.evaluation.comparisons import RepeatedScore
from fer_bench.evaluation.decisions import TAUS, fit_tau, fit_temperature, shifted
from fer_bench.evaluation.decomposition import PARTS, Decomposition, score_at_tau
from fer_bench.evaluation.influence import by_group, macro_f1
from fer_bench.evaluation.intervals import intervals

STRATEGIES = (Trained(), Trained(shift=0.5), Trained(shift=1.0), Trained(better=1.05))
LABELS, VAL_LABELS = (np.repeat(np.arange(7), counts) for counts in (TEST, VAL))
IMAGES = np.arange(len(LABELS))
NOISE = (0.04, 0.1, 0.3)  # of seeds: about a quarter, one and three times the image error
DRAWS = 200


class Errors(NamedTuple):
    ratio: float
    moved: float
    total: float
    operating_point: float
    interaction: float
    found: float
    expected: float
    known: float
    size: float
    half: float


def errors(noise, seeds, heavy, boards):
    """Shares of boards that go wrong or right, as in the module's first lines."""
    weights = np.concatenate(list(image_weights(np.arange(len(VAL_LABELS)), DRAWS)))
    rng = np.random.default_rng([seeds, round(1e4 * noise), heavy])
    effects = [_parts(*board(rng, STRATEGIES, seeds, noise, heavy), weights) for _ in range(boards)]
    value = np.array([[[part.value for part in cell.values()] for cell in each] for each in effects])
    low, high = (
        np.reshape(ends, value.shape)
        for ends in intervals([part for each in effects for cell in each for part in cell.values()])
    )
    truth = value.mean(axis=0)
    truth[:2, PARTS.index("representation")] = 0
    wrong = dict(zip(PARTS, ((low > truth) | (high < truth))[:, :2].mean(axis=(0, 1)), strict=True))
    place = 2, PARTS.index("representation")
    half, size, spread = ((high - low) / 2)[:, *place], value[:, *place].mean(), value[:, *place].std(ddof=1)
    parts = [each[2]["representation"] for each in effects]
    by_seed = np.mean([(each.ratio - 1) * each.unit for each in parts])
    return Errors(
        ratio=(max(by_seed, 0) / np.mean([each.images for each in parts])) ** 0.5,
        moved=wrong["representation"],
        total=wrong["total"],
        operating_point=wrong["operating_point"],
        interaction=wrong["interaction"],
        found=np.mean(low[:, *place] > 0),
        expected=np.mean(norm.sf((half - size) / spread)),
        known=norm.sf(1.96 - size / spread),
        size=100 * size,
        half=100 * np.median(half),
    )


def _parts(val, test, weights):
    """The parts of the gain of each cell over the first, from logits (cells, seeds, n, 7)."""
    decided, at_tau = [], []
    slots = tuple(range(test.shape[1]))
    for of_val, of_test in zip(val, test, strict=True):
        scores, influence = macro_f1(LABELS, of_test.argmax(axis=2), 7)
        decided.append(RepeatedScore("", slots, scores, by_group(influence, IMAGES)))
        found = [_at_tau(*run, weights) for run in zip(of_val, of_test, strict=True)]
        at_tau.append(RepeatedScore("", slots, *map(np.stack, zip(*found, strict=True))))
    parts = Decomposition(decided, at_tau)
    return [parts.parts(cell, 0) for cell in range(1, len(test))]


def _at_tau(val, test, weights):
    temperature = fit_temperature(val, VAL_LABELS)
    tau, drawn = fit_tau(val / temperature, VAL_LABELS, LOG_PRIOR, weights)
    decisions = shifted(test / temperature, LOG_PRIOR, TAUS)
    return score_at_tau(LABELS, decisions, IMAGES, 7, tau, drawn)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--count", type=int, default=250, help="boards for each line, two moved cells in each"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 5])
    parser.add_argument("--noise", type=float, nargs="+", default=NOISE)
    parser.add_argument("--heavy", action="store_true", help="seed noise from Student's t with 3 degrees")
    chosen = parser.parse_args()
    sys.stdout.write("seeds  ratio  moved  total  point  inter  found  width  known   size   half\n")
    for seeds in chosen.seeds:
        for noise in chosen.noise:
            found = errors(noise, seeds, chosen.heavy, chosen.count)
            shares = "  ".join(f"{100 * share:5.1f}" for share in found[1:8])
            sys.stdout.write(
                f"{seeds:>5}{found.ratio:>7.2f}  {shares}  {found.size:5.2f}  {found.half:5.2f}\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
