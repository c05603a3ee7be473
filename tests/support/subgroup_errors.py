"""How often equal groups of images are called different: python tests/support/subgroup_errors.py

Each board (logit_boards.py) has four equal cells; test images are put into groups by chance. A line for each
division into groups, number of seeds and size of their noise: in percent, gaps of macro-F1 and of accuracy
whose interval leaves out 0; then the mean gap of macro-F1 in points, and what is said to be expected.
"""

import argparse
import sys
from typing import NamedTuple

import numpy as np
from logit_boards import TEST, Trained, board

from fer_bench.evaluation.comparisons import RepeatedScore
from fer_bench.evaluation.influence import by_group
from fer_bench.evaluation.subgroups import gaps, group_accuracy, group_macro_f1, told_classes

LABELS = np.repeat(np.arange(7), TEST)
DIVISIONS = {
    "halves": (0.5, 0.5),
    "small": (0.97, 0.03),
    "three": (0.6, 0.3, 0.1),
    "six": (0.3, 0.25, 0.2, 0.15, 0.07, 0.03),
}
CELLS = 4


class Errors(NamedTuple):
    macro_f1: float
    accuracy: float
    gap: float
    by_chance: float


def errors(division, seeds, noise, boards, images):
    """Shares of boards that go wrong, as in the module's first lines."""
    rng = np.random.default_rng([len(DIVISIONS[division]), seeds, round(1e3 * noise), images])
    found = [_gaps(rng, DIVISIONS[division], seeds, noise, images) for _ in range(boards)]
    macro_f1, accuracy = (np.array([each[name] for each in found if name in each]) for name in (0, 1))
    return Errors(
        (macro_f1[..., 1] > 0).mean(),
        (accuracy[..., 1] > 0).mean(),
        100 * macro_f1[..., 0].mean(),
        100 * macro_f1[..., 3].mean(),
    )


def _gaps(rng, shares, seeds, noise, images):
    """Gaps (CELLS, 4) of macro-F1, by 0 where there is one, and of accuracy, by 1, of one board."""
    used = rng.permutation(len(LABELS))[:images]
    _, logits = board(rng, [Trained()] * CELLS, seeds, noise)
    labels, predicted = LABELS[used], logits.argmax(axis=-1)[..., used]
    group = rng.choice(len(shares), images, p=shares)
    members = [group == number for number in range(len(shares))]
    told = set.intersection(*(set(told_classes(labels, each)) for each in members))
    measures = {1: group_accuracy}
    if len(told) > 1:
        measures[0] = lambda *given: group_macro_f1(*given, tuple(sorted(told)))
    return {
        name: gaps([[_repeated(score, labels, runs, each) for runs in predicted] for each in members])
        for name, score in measures.items()
    }


def _repeated(score, labels, runs, members):
    scores, influence = score(labels, runs, members)
    return RepeatedScore("", tuple(range(len(runs))), scores, by_group(influence, np.arange(len(labels))))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--boards", type=int, default=250)
    boards = parser.parse_args().boards
    sys.stdout.write("groups   images seeds noise | macro-F1 accuracy | gap  by chance\n")
    for images in (1200, len(LABELS)):
        for division in DIVISIONS:
            for seeds, noise in ((2, 0.1), (3, 0.04), (3, 0.3), (5, 0.1)):
                found = errors(division, seeds, noise, boards, images)
                sys.stdout.write(
                    f"{division:8} {images:6} {seeds:5} {noise:5} | {100 * found.macro_f1:7.1f} "
                    f"{100 * found.accuracy:8.1f} | {found.gap:4.1f} {found.by_chance:5.1f}\n"
                )
                sys.stdout.flush()


if __name__ == "__main__":
    main()
