"""Figures of one run: confusion matrix, training curves, and images that it made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from sklearn import metrics as sk

NAMES = {"train": "training", "val": "validation"}
COLOURS = {"train": "#0173b2", "val": "#de8f05"}  # blue and orange, which no colour blindness confuses
LIGHT = 0.48  # of the scale of blues: dark letters are read up to it, white ones above


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, classes: Sequence[str]) -> Figure:
    """Two panels of the same confusion matrix: images counted, and percent of each true class.

    labels and predicted are (n,) int in 0..K-1 for the K `classes`. A class without images has an empty row
    in the second panel. Colour runs from light to dark in one hue, which no colour blindness hides.
    """
    counts = sk.confusion_matrix(labels, predicted, labels=np.arange(len(classes)))
    rows = counts.sum(axis=1, keepdims=True)
    percent = np.divide(100 * counts, rows, out=np.full(counts.shape, np.nan), where=rows > 0)
    side = max(3.6, 1.4 + 0.42 * len(classes))
    figure = Figure(figsize=(2 * side + 0.6, side + 0.5), layout="constrained", dpi=110)
    left, right = figure.subplots(1, 2)
    _heat(left, counts, "d", classes, counts.max())
    left.set_title(f"Images ({counts.sum():,})")
    left.set_ylabel("true")
    _heat(right, percent, ".0f", classes, 100)
    right.set_title("Percent of the true class")
    return figure


def curves(history: Sequence[Mapping[str, float]], phases: Sequence[str]) -> Figure:
    """Accuracy, macro-F1 and loss by epoch of training and validation; dashed lines where a phase begins.

    `history` has one row an epoch with the keys {train,val}/{accuracy,macro_f1,loss}, as many as there are,
    and "phase", an index into `phases`, the names of the phases. Epochs are counted from 1.
    """
    figure = Figure(figsize=(9, 3.9), layout="constrained", dpi=110)
    scores, losses = figure.subplots(1, 2)
    for metric, style in (("accuracy", "-"), ("macro_f1", ":")):
        _lines(scores, history, metric, style)
    _lines(losses, history, "loss", "-")
    scores.set(ylabel="share", ylim=(0, 1))
    losses.set(ylabel="cross-entropy")
    for axes in (scores, losses):
        _mark_phases(axes, history, phases)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlim(0.5, max(len(history), 1) + 0.5)
        if axes.lines:
            axes.legend(frameon=False, fontsize=8)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def made_images(sheet: np.ndarray, classes: Sequence[str]) -> Figure:
    """Real images on the left and made ones on the right, a row for each class.

    `sheet` is (K, 2, n, H, W, 1 or 3) uint8: of each class n real ones, then n made ones. Black where there
    are none.
    """
    number, _, columns, height, width, _ = sheet.shape
    figure = Figure(
        figsize=(1.2 + 1.3 * columns, 0.4 + 0.65 * number * height / width), layout="constrained", dpi=110
    )
    for place, (axes, title) in enumerate(zip(figure.subplots(1, 2), ("Real", "Made"), strict=True)):
        rows = [np.concatenate(list(images), axis=1) for images in sheet[:, place]]
        axes.imshow(np.concatenate(rows).squeeze(-1) if sheet.shape[-1] == 1 else np.concatenate(rows),
                    cmap="gray", vmin=0, vmax=255, interpolation="nearest")  # fmt: skip
        axes.set_title(title)
        axes.set_xticks([])
        axes.set_yticks((np.arange(number) + 0.5) * height, classes if place == 0 else [""] * number)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    return figure


def _lines(axes: Axes, history: Sequence[Mapping[str, float]], metric: str, style: str) -> None:
    """Draw one metric of training and validation, each where it was measured."""
    for subset, colour in COLOURS.items():
        key = f"{subset}/{metric}"
        points = [(epoch, row[key]) for epoch, row in enumerate(history, start=1) if key in row]
        if points:
            label = f"{NAMES[subset]} {metric.replace('macro_f1', 'macro-F1')}"
            axes.plot(*zip(*points, strict=True), style, color=colour, label=label, marker=".", markersize=4)


def _mark_phases(axes: Axes, history: Sequence[Mapping[str, float]], phases: Sequence[str]) -> None:
    """Name each phase above its first epoch, a dashed line before it; names close together are stacked."""
    numbers = [int(row.get("phase", 0)) for row in history]
    begins = [i for i, number in enumerate(numbers) if i == 0 or number != numbers[i - 1]]
    level, before = 0, -len(numbers)
    for begin in begins if len(begins) > 1 else []:
        if begin:
            axes.axvline(begin + 0.5, color="0.4", linestyle="--", linewidth=1)
        level = level + 1 if begin - before < 0.2 * len(numbers) else 0
        axes.annotate(
            phases[numbers[begin]],
            (begin + 0.5, 1),
            xycoords=axes.get_xaxis_transform(),
            xytext=(2, 2 + 10 * level),
            textcoords="offset points",
            fontsize=8,
            color="0.3",
            va="bottom",
        )
        before = begin


def _heat(axes: Axes, values: np.ndarray, form: str, classes: Sequence[str], most: float) -> None:
    """Draw a matrix (K, K) as coloured cells with its numbers, from 0 to `most`; NaN as an empty cell."""
    size = 9 if len(classes) <= 10 else 90 / len(classes)
    axes.pcolormesh(values, cmap="Blues", vmin=0, vmax=most, edgecolors="white", linewidth=0.5)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            colour = "0.15" if value <= LIGHT * most else "white"
            place = (column + 0.5, row + 0.5)
            text = axes.text(*place, f"{value:{form}}", ha="center", va="center", color=colour, size=size)
            text.set_in_layout(False)  # it lies in its cell: to measure all of them takes long
    axes.set(xlabel="predicted", ylim=(len(classes), 0))
    middles = np.arange(len(classes)) + 0.5
    axes.set_xticks(middles, classes, rotation=45)
    axes.set_yticks(middles, classes)
    axes.spines[:].set_visible(False)
