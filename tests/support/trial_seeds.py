"""Which seeds should the trials of a cell have? python tests/support/trial_seeds.py

A training's score is the worth of its parameters (standard deviation 1), plus what its seed does to all
parameters alike, plus what it does to these alone (interaction). Four rules choose parameters, each from T
trainings: `own`: T parameters, each with a seed of its own; `one`: all with the same seed; `own 2`, `one 2`:
T - 2 parameters, and the best two once more with a second seed. Behind shared phases STAGE of the variance of
seeds is the stage's, which all trials go on from; the second try goes on from another one.

A line for each size of the noise of seeds, over the spread of parameters, and share of interaction in its
variance; in each column what a rule's choice is worth, in percent of the best of T chosen without noise:

                          T = 2         4                     8                     16
phases  noise  inter   own  one   own  one own2 one2   own  one own2 one2   own  one own2 one2
own      0.25   0.50      98  100     99  100   55   55     98   99   88   89     97   99   95   96
own      1.00   0.00      73  102     73  102   46   56     71  101   71   90     71  100   74   96
own      1.00   0.50      69   80     69   80   43   48     70   83   70   78     71   82   74   83
own      1.00   1.00      74   71     69   70   46   46     71   71   71   71     70   70   75   75
own      3.00   0.50      33   41     32   45   23   30     33   42   34   44     34   41   36   48
shared   1.00   0.50      76   78     81   84   51   52     80   81   77   78     78   81   81   83

So trials share one seed. But for the error of the simulation, 3, it is never worse than seeds of their own,
and up to three times better. A second try takes trainings from the search: with 2 or 4 trials it can't pay;
with 16 it gains 5 to 8 where the interaction is as large as the spread of parameters, and loses up to 5
elsewhere.
"""

import argparse
import sys

import numpy as np

STAGE = 0.8
TRIALS = (2, 4, 8, 16)
RULES = ("own", "one", "own 2", "one 2")
TITLE = """\
                          T = 2         4                     8                     16
phases  noise  inter   own  one   own  one own2 one2   own  one own2 one2   own  one own2 one2
"""


def worth(rule, trials, noise, interaction, shared, studies=4000):
    """Mean worth of the parameters that a rule chooses; NaN where it has too few trainings to."""
    seeds, again = rule.partition(" ")[::2]
    tried = trials - 2 if again else trials
    if tried < 2:
        return np.nan
    rng = np.random.default_rng([trials, round(100 * noise), round(100 * interaction), shared])
    parameters = rng.normal(size=(studies, tried))
    scores = parameters + _seeds(rng, seeds, noise, interaction, shared, parameters.shape)
    if again:
        best = np.argsort(-scores, axis=1)[:, :2]
        parameters, scores = (np.take_along_axis(values, best, axis=1) for values in (parameters, scores))
        scores += parameters + _seeds(rng, seeds, noise, interaction, shared, parameters.shape)
    chosen = scores.argmax(axis=1)[:, None]
    return float(np.take_along_axis(parameters, chosen, axis=1).mean())


def _seeds(rng, seeds, noise, interaction, shared, shape):
    """What seeds add to scores (studies, trainings), one seed or one each, behind the same stage."""
    stage = STAGE if shared else 0.0
    alike, alone = noise * np.sqrt([1 - interaction, interaction])
    of_stage = stage**0.5 * (alike * rng.normal(size=(shape[0], 1)) + alone * rng.normal(size=shape))
    common = (shape[0], 1) if seeds == "one" else shape
    return of_stage + (1 - stage) ** 0.5 * (alike * rng.normal(size=common) + alone * rng.normal(size=shape))


def best_of(trials, studies=400_000):
    """Mean of the largest of so many draws from a standard normal distribution."""
    return np.random.default_rng(0).normal(size=(studies // trials, trials)).max(axis=1).mean()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=4000, help="for each figure")
    parser.add_argument("--noise", type=float, nargs="+", default=[0.25, 0.5, 1, 2, 3])
    parser.add_argument("--interaction", type=float, nargs="+", default=[0.0, 0.25, 0.5, 1.0])
    chosen = parser.parse_args()
    most = {trials: best_of(trials) for trials in TRIALS}
    columns = [(trials, rule) for trials in TRIALS for rule in RULES if trials > 3 or " " not in rule]
    sys.stdout.write(TITLE)
    for shared in (False, True):
        for noise in chosen.noise:
            for interaction in chosen.interaction:
                found = [
                    100 * worth(rule, trials, noise, interaction, shared, chosen.studies) / most[trials]
                    for trials, rule in columns
                ]
                phases = "shared" if shared else "own"
                figures = "".join(
                    f"{'  ' if rule == 'own' else ''}{share:5.0f}"
                    for (_, rule), share in zip(columns, found, strict=True)
                )
                sys.stdout.write(f"{phases:<8}{noise:>5.2f}{interaction:>7.2f} {figures}\n")


if __name__ == "__main__":
    main()
