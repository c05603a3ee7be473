"""Figures of a dataset: how many images each class has, and what they look like."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fer_bench.data.images import SUBSETS, FaceImages, imbalance_ratio

PER_CLASS = 5
BARS = 0.8  # width of a class's bars together; 1 leaves no room between two classes
COLOURS = ("#5875a4", "#cc8963", "#5f9e6e", "#b55d60")  # of the subsets


def class_distribution(images: FaceImages, path: Path) -> None:
    """Write a bar plot of the images of each class by subset, as imported, to `path` (PNG)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    subsets = [name for name in SUBSETS if images.in_subset(name).any()]
    width = max(6.0, 0.55 * len(images.classes) * len(subsets))
    figure = Figure(figsize=(width, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    thickness, classes = BARS / len(subsets), np.arange(len(images.classes))
    for number, (subset, colour) in enumerate(zip(subsets, COLOURS, strict=False)):
        places = classes + (number + 0.5) * thickness - BARS / 2
        bars = axes.bar(places, images.counts(images.in_subset(subset)), thickness, color=colour)
        bars.set_label("all images" if subset == "none" else subset)
        axes.bar_label(bars, fmt="{:,.0f}", fontsize=7, padding=2)
    if len(subsets) > 1:
        axes.legend(title="subset")
    totals = images.counts()
    axes.set_xticks(range(len(totals)), _shares(images, totals))
    axes.set(xlabel="", ylabel="images", title=_title(images, totals))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.margins(y=0.08)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def sample_sheet(images: FaceImages, path: Path) -> None:
    """Write a sheet of five images of each class, one row a class, to `path` (PNG), always the same."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = len(images.classes)
    figure = Figure(figsize=(1.3 * PER_CLASS + 1.5, 1.3 * rows + 0.6), layout="constrained")
    FigureCanvasAgg(figure)
    cells = figure.subplots(rows, PER_CLASS, squeeze=False)
    for label, (name, row) in enumerate(zip(images.classes, cells, strict=True)):
        of_class = np.flatnonzero((images.labels == label) & ~images.blank())
        sample = np.random.RandomState(label).permutation(of_class)[:PER_CLASS]
        for axes in row:
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        for axes, index in zip(row, sample, strict=False):
            axes.imshow(images.pixels[index].squeeze(), cmap="gray", vmin=0, vmax=255)
        row[0].set_ylabel(name, rotation=0, ha="right", va="center", labelpad=8, fontsize=11)
    height, width = images.pixels.shape[1:3]
    figure.suptitle(f"{images.name}: {PER_CLASS} images of each class, {width}x{height} pixels")
    figure.savefig(path, dpi=150)


def _shares(images: FaceImages, totals: np.ndarray) -> list[str]:
    return [f"{name}\n{100 * n / len(images):.1f} %" for name, n in zip(images.classes, totals, strict=True)]


def _title(images: FaceImages, totals: np.ndarray) -> str:
    most, least = images.classes[totals.argmax()], images.classes[totals.argmin()]
    return f"{images.name}: {len(images):,} images; {most} is {imbalance_ratio(totals):.1f} times {least}"
