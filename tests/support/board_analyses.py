"""Analyses of boards that never were, for reports: numbers of a plausible size, none of them computed."""

import itertools

import numpy as np
import pandas as pd

from fer_bench.leaderboard.analysis import BoardAnalysis
from fer_bench.leaderboard.ranking import COLUMNS

CLASSES = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
COUNTS = (3988, 436, 4097, 7214, 4964, 4829, 3170)
STRATEGIES = (
    *("none", "class_weights", "oversampling", "focal_loss", "logit_adjustment", "mixup", "smote"),
    *("tau_norm", "power_sampling", "ldam", "effective_number", "classifier_retraining"),
)
BACKBONES = ("mobilenet_v2", "vgg16", "resnet50", "convnext_tiny")
TITLE = {
    **{"study": "imbalance", "recipe_name": "", "dataset": "fer2013", "data_fingerprint": "85287487b459"},
    **{"split": "official", "budget": "hour", "images": "28698/3589/3589", "shared_phases": "5 epochs all"},
}
RULES = ("argmax", "decided", "temperature", "prior_shift", "tau", "bias")
PARTS = ("total", "operating_point", "representation", "interaction")
DATA = "314 of 3,589 test images are also in train or val: see dedup_*"


def board_analysis(
    backbones=BACKBONES[:1], strategies=STRATEGIES, repeats=3, classes=CLASSES, seed=0, **title
):
    """A finished board with every pair of backbone and strategy, best first."""
    noise = np.random.default_rng(seed)
    pairs = list(itertools.product(backbones, strategies))
    cells = _cells(pairs, repeats, classes, noise)
    cells = cells.assign(**{key: value for key, value in (TITLE | title).items() if key in cells})
    keys = cells[["cell", "backbone", "strategy"]]
    gained = cells.loc[cells["gain"].notna(), ["cell", "backbone", "strategy", "gain"]]
    return BoardAnalysis(
        title=TITLE | title,
        classes=tuple(classes),
        cells=cells,
        ladder=_ladder(keys, repeats, noise),
        decomposition=_decomposition(gained, noise),
        who_pays=_who_pays(gained, classes, noise),
        exchange=_exchange(gained, classes, noise),
        confusion=_confusion(keys, classes, noise),
        calibration=_calibration(keys, classes, noise),
        reliability=_reliability(keys, noise),
        best_of=_crossed(keys, n=range(1, 5)).assign(expected=lambda f: 0.6 + 0.005 * np.log(f["n"]), of=4),
        curves=_curves(keys, repeats, noise),
        counts=pd.DataFrame(
            {
                "class": classes,
                "train": _counts(classes),
                "val": _counts(classes, 8),
                "test": _counts(classes, 8),
            }
        ),
    )


def _counts(classes, divisor=1):
    return [COUNTS[i % len(COUNTS)] // divisor for i in range(len(classes))]


def _cells(pairs, repeats, classes, noise):
    n = len(pairs)
    frame = pd.DataFrame(pairs, columns=["backbone", "strategy"])
    frame["cell"] = [f"{number:016x}" for number in range(n)]
    frame["macro_f1"] = 0.6 + 0.01 * noise.normal(size=n)
    frame = frame.sort_values("macro_f1", ascending=False, ignore_index=True)
    base = frame["backbone"].map(frame[frame["strategy"] == "none"].set_index("backbone")["macro_f1"])
    frame["gain"] = (frame["macro_f1"] - base).where(frame["strategy"] != "none")
    wide = 0.012 if repeats > 1 else np.nan
    for name, half in (
        ("macro_f1", 3 * wide),
        ("gain", wide),
        ("dedup_macro_f1", 3 * wide),
        ("dedup_gain", wide),
    ):
        if name.startswith("dedup"):
            frame[name] = frame[name.removeprefix("dedup_")] - 0.025 * (name == "dedup_macro_f1")
        frame[f"{name}_low"], frame[f"{name}_high"] = frame[name] - half, frame[name] + half
    found = (frame["gain"].abs() > 0.015) & (repeats > 1)
    frame["gain_p"] = np.where(found, 0.01, 0.8) + 0 * frame["gain"] + 0 * wide
    frame["rank"], frame["repeats"], frame["trials"], frame["selected_from"] = range(1, n + 1), repeats, 2, 2
    frame["best_set"] = pd.array(
        (frame["macro_f1"] > frame["macro_f1"].max() - 0.02).tolist() if repeats > 1 else [pd.NA] * n,
        "boolean",
    )
    frame["val_macro_f1"] = frame["macro_f1"] + 0.005 * noise.normal(size=n)
    frame["accuracy"] = frame["macro_f1"] + 0.05 - 0.5 * frame["gain"].fillna(0)
    frame["balanced_accuracy"] = frame["macro_f1"] + 0.02 * noise.random(n)
    for number, name in enumerate(classes):
        frame[f"f1_{name}"] = 0.45 + 0.06 * number + 0.02 * noise.normal(size=n)
    frame["rarest_class_recall"] = 0.4 + 0.2 * noise.random(n)
    frame["steps"], frame["train_seconds"], frame["shared_seconds"] = 2688, 5 + noise.random(n), 914.2
    frame["setup_seconds"], frame["images_per_second"], frame["parameters"] = 0.4, 33_000.0, 2_266_952
    frame["test_images"], frame["recipe"], frame["commits"], frame["reported"] = (
        3589,
        "6092c846",
        "306fe2088",
        "",
    )
    frame["weights"], frame["weights_hash"], frame["warnings"] = "mobilenet_v2.weights.h5", "b5c304ecf", DATA
    frame["shared_rank"], frame["rank_low"], frame["rank_high"] = 1 + np.arange(n) // 3, 1, n
    frame["p_best"] = noise.dirichlet(np.ones(n))
    frame["skew_macro_f1"] = frame["macro_f1"] + 0.02
    frame["nll"], frame["ece"], frame["ece_after"], frame["temperature"] = (
        0.95,
        0.05 + 0.1 * noise.random(n),
        0.02,
        1.1,
    )
    frame["on_front"] = frame["accuracy"].rank(ascending=False) <= 3
    frame["kind"] = "cell"
    return frame.reindex(columns=[*dict.fromkeys([*(c for c in COLUMNS if c != "f1_*"), *frame.columns])])


def _crossed(keys, **values):
    crossed = pd.DataFrame(list(itertools.product(*values.values())), columns=list(values))
    return keys.merge(crossed, how="cross")


def _ladder(keys, repeats, noise):
    frame = _crossed(keys, slot=[-1, *range(repeats)], rule=RULES)
    n, moves = len(frame), ~frame["rule"].isin(["argmax", "temperature"])
    frame["parameter"] = frame["rule"].map({"temperature": 1.2, "tau": 0.4, "bias": 0.3})
    for name in ("val", "test"):
        frame[f"{name}_gain"] = 0.01 * noise.normal(size=n) * moves
        frame[f"{name}_macro_f1"] = 0.6 + frame[f"{name}_gain"]
    return frame.assign(nll=0.95, ece=0.05)


def _decomposition(gained, noise):
    frame = _crossed(gained, part=PARTS)
    frame["value"] = np.where(frame["part"] == "total", frame["gain"], 0.004 * noise.normal(size=len(frame)))
    return frame.drop(columns="gain").assign(low=frame["value"] - 0.01, high=frame["value"] + 0.01)


def _who_pays(gained, classes, noise):
    frame = _crossed(gained.drop(columns="gain"), **{"class": classes, "measure": ["recall", "f1"]})
    frame["none"] = 0.5 + 0.2 * noise.random(len(frame))
    frame["change"] = 0.04 * noise.normal(size=len(frame)) + 0.1 * (frame["class"] == classes[1])
    return frame.assign(
        value=frame["none"] + frame["change"], low=frame["change"] - 0.05, high=frame["change"] + 0.05
    )


def _exchange(gained, classes, noise):
    frame = gained.drop(columns="gain").assign(commonest=classes[-1], rarest=classes[1])
    frame["lost"], frame["won"] = 0.02 * noise.random(len(frame)), 0.1 * noise.random(len(frame))
    return frame.assign(rate=frame["lost"] / frame["won"])


def _confusion(keys, classes, noise):
    frame = _crossed(keys, true=classes, predicted=classes)
    frame["share"] = np.where(frame["true"] == frame["predicted"], 0.6, 0.4 / (len(classes) - 1))
    return frame.assign(count=400 * frame["share"], change=0.02 * noise.normal(size=len(frame)))


def _calibration(keys, classes, noise):
    frame = _crossed(keys, **{"class": ["all", *classes], "after": [False, True]})
    return frame.assign(ece=np.where(frame["after"], 0.02, 0.08) + 0.02 * noise.random(len(frame)))


def _reliability(keys, noise):
    frame = _crossed(keys, after=[False, True], bin=range(15))
    frame["confidence"] = (frame["bin"] + 0.5) / 15
    return frame.assign(accuracy=frame["confidence"] ** 1.2, images=200 + noise.integers(50, size=len(frame)))


def _curves(keys, repeats, noise):
    frame = _crossed(
        keys, slot=range(repeats), epoch=range(1, 7), measure=["train/loss", "val/loss", "val/macro_f1"]
    )
    return frame.assign(value=0.5 + frame["epoch"] / 50 + 0.01 * noise.normal(size=len(frame)))
