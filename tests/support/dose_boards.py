"""Runs of a study that never were, on boards of several imbalance ratios or shares of wrong labels."""

from leaderboard_records import BOARD, repeat, status

NOTHING = {"recipe_name": "", "imbalance_ratio": "", "imbalance_profile": "", "label_noise": ""}
SKILLS = {  # of each strategy, by imbalance ratio
    "none": {"1": 0.6, "4": 0.5, "16": 0.4},
    "oversampling": {"1": 0.6, "4": 0.56, "16": 0.52},
    "focal_loss": {"1": 0.6, "4": 0.5, "16": 0.4},
}


def dose_runs(skills=SKILLS, repeats=3, knob="imbalance_ratio", **board):
    """Statuses and repeats: each strategy's skill by dose; each dose has 600 training images."""
    statuses, runs = [], []
    for strategy, by_dose in skills.items():
        for dose, skill in by_dose.items():
            tags = BOARD | NOTHING | {"images": "600/400/500", knob: dose} | board
            key = {"board": tags, "cell": f"{strategy}-{dose}"}
            statuses.append(status(strategy=strategy, repeats=repeats, **key))
            for slot in range(repeats):
                shared = {"shared_key": f"compact_cnn-{dose}", **key}
                runs.append(repeat(strategy=strategy, slot=slot, skill=skill, **shared))
    return statuses, runs
