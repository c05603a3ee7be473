"""Expressions over the time of a video: how long each one lasts, and from when to when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fer_bench.inference.video_predictions import FramePrediction


@dataclass(frozen=True)
class Stretch:
    """Sampled frames after one another with the same likeliest class, None where they have no face.

    start, end: seconds; probability: the mean of the class's own, NaN without faces.
    """

    expression: str | None
    start: float
    end: float
    probability: float

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.end - self.start


@dataclass(frozen=True, eq=False)
class Timeline:
    """Sampled frames of a video: seconds (n,) ascending, probabilities (n, K), NaN without a face.

    durations: (n,) seconds until the next sampled frame; of the last one as long as most, within the video.
    """

    file: str
    classes: tuple[str, ...]
    seconds: np.ndarray
    durations: np.ndarray
    probabilities: np.ndarray

    @property
    def with_face(self) -> float:
        """Share of the time in which a face was found, 0..1."""
        return float(np.average(~np.isnan(self.probabilities[:, 0]), weights=self.durations))

    @property
    def end(self) -> float:
        """When the last sampled frame ends, seconds."""
        return float(self.seconds[-1] + self.durations[-1])

    def durations_by_class(self) -> dict[str, float]:
        """Seconds in which each class is the likeliest, the longest first."""
        likeliest = _likeliest(self.probabilities)
        total = {name: float(self.durations[likeliest == k].sum()) for k, name in enumerate(self.classes)}
        return dict(sorted(total.items(), key=lambda item: -item[1]))

    def stretches(self) -> list[Stretch]:
        """Stretches of one expression, or of none, in the order of time."""
        likeliest = _likeliest(self.probabilities)
        starts = np.flatnonzero(np.diff(likeliest, prepend=-2))
        ends = [*starts[1:], len(likeliest)]
        found = []
        for start, end in zip(starts, ends, strict=True):
            k = likeliest[start]
            name = self.classes[k] if k >= 0 else None
            probability = float(self.probabilities[start:end, k].mean()) if k >= 0 else np.nan
            until = float(self.seconds[end]) if end < len(likeliest) else self.end
            found.append(Stretch(name, float(self.seconds[start]), until, probability))
        return found


def timeline(predictions: Sequence[FramePrediction], classes: Sequence[str]) -> Timeline:
    """Put the predictions of one video, at least one, in order; of several faces in a frame the first."""
    first = {each.moment.number: each for each in reversed(predictions)}
    frames = [first[number] for number in sorted(first)]
    none = np.full(len(classes), np.nan)
    seconds = np.array([each.moment.seconds for each in frames])
    length = frames[-1].moment.length
    usual = float(np.median(np.diff(seconds))) if len(frames) > 1 else length or 1.0
    rest = length - float(seconds[-1]) if length else usual
    durations = np.append(np.diff(seconds), min(usual, rest) if rest > 0 else usual)
    probabilities = [none if each.probabilities is None else each.probabilities for each in frames]
    return Timeline(frames[0].file, tuple(classes), seconds, durations, np.stack(probabilities))


def _likeliest(probabilities: np.ndarray) -> np.ndarray:
    """Index of each row's likeliest class, -1 for NaN."""
    return np.where(np.isnan(probabilities[:, 0]), -1, np.nan_to_num(probabilities).argmax(axis=1))


def clock(seconds: float, digits: int = 1) -> str:
    """A time as m:ss or h:mm:ss, with `digits` behind the point."""
    rounded = round(seconds, digits)
    minutes, rest = divmod(rounded, 60)
    hours, minutes = divmod(int(minutes), 60)
    shown = f"{rest:0{3 + digits if digits else 2}.{digits}f}"
    return f"{hours}:{minutes:02}:{shown}" if hours else f"{minutes}:{shown}"
