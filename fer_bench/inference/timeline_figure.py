"""A figure of expressions over the time of a video."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fer_bench.inference.timeline import Timeline, clock

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 400  # means that a curve shows at most: more couldn't be told apart
LIKELIEST, OTHERS, NO_FACE = "#0072b2", "#a8cce3", "#e4e4e4"  # dark and light of one hue, and grey
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)  # seconds
MOST_TICKS = 6


def draw(timeline: Timeline) -> Figure:
    """A strip for each class with its probability over time, dark where it is the likeliest.

    Grey across all strips where no face was found. Of more than 400 frames, means over equal times are drawn.
    """
    from matplotlib.figure import Figure

    edges, probabilities = binned(timeline)
    rows = len(timeline.classes)
    drawn = Figure(figsize=(6.4, 1.5 + 0.46 * rows), dpi=200)
    drawn.set_layout_engine("constrained", hspace=0.0, h_pad=0.03)
    strips = np.ravel(drawn.subplots(rows, 1, sharex=True))
    durations = timeline.durations_by_class()
    found = max(sum(durations.values()), 1e-9)
    likeliest = np.nan_to_num(probabilities, nan=-1.0).argmax(axis=1)
    for k, (name, axes) in enumerate(zip(timeline.classes, strips, strict=True)):
        _strip(axes, edges, probabilities[:, k], likeliest == k)
        axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=12)
        share = f"{durations[name] / found:.0%}"
        axes.text(1.01, 0.5, share, transform=axes.transAxes, va="center", fontsize=12, color="0.3")
    _time_axis(strips[-1], edges)
    drawn.suptitle(f"{timeline.file[-40:]}: probability of each expression, 0 to 100 %", fontsize=12)
    none = "; grey: no face found" if np.isnan(probabilities).any() else ""
    strips[-1].set_xlabel(f"time; dark: the likeliest (share on the right){none}", fontsize=11)
    return drawn


def binned(timeline: Timeline) -> tuple[np.ndarray, np.ndarray]:
    """Edges (b + 1,) in seconds and mean probabilities (b, K) between them, NaN without a face."""
    knots = np.append(timeline.seconds, timeline.end)
    edges = knots if len(knots) <= BINS + 1 else np.linspace(knots[0], knots[-1], BINS + 1)
    faces = ~np.isnan(timeline.probabilities[:, :1])
    integrand = np.hstack([np.nan_to_num(timeline.probabilities), faces]) * timeline.durations[:, np.newaxis]
    integral = np.vstack([np.zeros(integrand.shape[1]), integrand.cumsum(axis=0)])
    between = np.diff(np.stack([np.interp(edges, knots, column) for column in integral.T], axis=1), axis=0)
    seconds = between[:, -1:]
    empty = np.full((len(between), len(timeline.classes)), np.nan)
    return edges, np.divide(between[:, :-1], seconds, out=empty, where=seconds > 1e-9)


def _strip(axes: Axes, edges: np.ndarray, probability: np.ndarray, is_likeliest: np.ndarray) -> None:
    """Draw one class; a value holds from its edge to the next one."""
    times, heights = np.repeat(edges, 2)[1:-1], np.repeat(probability, 2)
    dark, gap = np.repeat(is_likeliest, 2), np.isnan(heights)
    axes.fill_between(times, 0, 1, where=gap, color=NO_FACE, linewidth=0)
    axes.fill_between(times, 0, heights, where=~gap, color=OTHERS, linewidth=0)
    axes.fill_between(times, 0, np.where(dark, heights, 0), where=~gap & dark, color=LIKELIEST, linewidth=0)
    axes.set(ylim=(0, 1), yticks=[])
    axes.tick_params(length=0, labelsize=11)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color("0.7")


def _time_axis(axes: Axes, edges: np.ndarray) -> None:
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    span = edges[-1] - edges[0]
    step = next((each for each in TICKS if span / each <= MOST_TICKS), span / MOST_TICKS)
    axes.set_xlim(edges[0], edges[-1])
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: clock(seconds, 1 if step < 1 else 0)))
