"""Faces in the frames of a camera: followed by place, smoothed over time, remembered for minutes."""

from __future__ import annotations

import csv
import io
import itertools
import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fer_bench.inference.face_detector import Box
from fer_bench.inference.face_reader import BATCH_SIZE, FaceReader, ReadFace

SEARCH_SIDE = 320  # pixels of the longer side of the copy of a frame in which faces are searched for
MOST_FACES = BATCH_SIZE  # that are read in a frame, the largest first: one call of the model
SMOOTHING_SECONDS = 0.4  # after which a reading has lost all but 1/e of its weight
FORGOTTEN_SECONDS = 1.0  # after which a face that is no longer found is another one
SAME_FACE = 0.7  # of a face's width: as far as its centre may move from one frame to the next
RATE_SECONDS = 2.0  # over which frames per second are counted
MOST_CAMERAS = 16
MOST_ROWS = 12_000  # of a history: twenty minutes of one face at ten frames per second


@dataclass(frozen=True, eq=False)
class LiveFace:
    """A face in a frame: its number, the same from frame to frame, its box, probabilities (K,), smoothed.

    The number of a face that has gone for a second is given to the next one that comes.
    """

    number: int
    box: Box
    probabilities: np.ndarray


@dataclass(frozen=True, eq=False)
class LiveFrame:
    """What was found in a frame: seconds since the first, faces, the largest first, frames per second."""

    seconds: float
    faces: tuple[LiveFace, ...]
    rate: float


@dataclass(frozen=True, eq=False)
class Row:
    """A face at a time, in a history: probabilities (K,), smoothed; `first` if it was the largest then."""

    seconds: float
    face: int
    first: bool
    probabilities: np.ndarray


class LiveView:
    """What one camera shows: frame by frame, with what was seen before. For one thread at a time.

    `curves_drawn`: when those who show the history did so last, in its seconds.
    """

    def __init__(self, reader: FaceReader, clock: Callable[[], float] = time.monotonic) -> None:
        self.curves_drawn = -math.inf
        self.history = History(reader.classes)
        self._read, self._clock = reader, clock
        self._tracks = Tracks()
        self._times: deque[float] = deque(maxlen=200)
        self._began = math.nan

    def __call__(self, frame: np.ndarray) -> LiveFrame:
        """Read a frame (h, w, 3) uint8, RGB, and remember what was seen in it."""
        found = self._read(frame, SEARCH_SIDE, MOST_FACES)
        now = self._clock()
        if math.isnan(self._began):
            self._began = now
        self._times.append(now)
        live = LiveFrame(now - self._began, tuple(self._tracks.follow(found, now)), self._rate(now))
        self.history.add(live)
        return live

    def _rate(self, now: float) -> float:
        """Frames per second, of the last two seconds; 0 of a single frame."""
        recent = [at for at in self._times if at > now - RATE_SECONDS]
        return (len(recent) - 1) / (now - recent[0]) if now > recent[0] else 0.0


@dataclass
class _Track:
    number: int
    box: Box
    probabilities: np.ndarray
    seen: float


class Tracks:
    """Which face is which from frame to frame, by place, and its probabilities, smoothed exponentially."""

    def __init__(self) -> None:
        self._tracks: list[_Track] = []

    def follow(self, found: Sequence[ReadFace], now: float) -> list[LiveFace]:
        """The faces of a frame at a time in seconds, in the order in which they come."""
        self._tracks = [track for track in self._tracks if now - track.seen <= FORGOTTEN_SECONDS]
        free = list(self._tracks)
        followed = []
        for face in found:
            near = min(free, key=lambda track: _distance(track.box, face.box), default=None)
            if near and _distance(near.box, face.box) <= SAME_FACE:
                free.remove(near)
                old = math.exp((near.seen - now) / SMOOTHING_SECONDS)
                near.probabilities = old * near.probabilities + (1 - old) * face.probabilities
                near.box, near.seen = face.box, now
            else:
                taken = {track.number for track in self._tracks}
                number = next(n for n in itertools.count(1) if n not in taken)
                near = _Track(number, face.box, face.probabilities, now)
                self._tracks.append(near)
            followed.append(LiveFace(near.number, near.box, near.probabilities))
        return followed


def _distance(one: Box, other: Box) -> float:
    """Between the centres of two boxes, in widths of the wider one."""
    (x, y), (u, v) = ((box[0] + box[2], box[1] + box[3]) for box in (one, other))
    width = max(1, *(box[2] - box[0] for box in (one, other)))
    return math.hypot(x - u, y - v) / 2 / width


class History:
    """What was seen, a row for each face in each frame; of more than 12,000 rows the oldest are dropped."""

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = tuple(classes)
        self.rows: deque[Row] = deque(maxlen=MOST_ROWS)

    def add(self, frame: LiveFrame) -> None:
        """Remember the faces of a frame."""
        for place, face in enumerate(frame.faces):
            self.rows.append(Row(frame.seconds, face.number, place == 0, face.probabilities))

    def of_largest_face(self, seconds: float) -> list[Row]:
        """Rows of whichever face was the largest, of the last so many seconds, oldest first."""
        newest_first = list(reversed(self.rows))
        recent = itertools.takewhile(
            lambda row: row.seconds >= newest_first[0].seconds - seconds, newest_first
        )
        return [row for row in recent if row.first][::-1]

    def csv(self) -> str:
        """A table: seconds since the first frame, number of the face, a column per class: 0..1."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["seconds", "face", *self.classes])
        for row in list(self.rows):
            probabilities = (f"{each:.4f}" for each in row.probabilities)
            table.writerow([f"{row.seconds:.2f}", row.face, *probabilities])
        return text.getvalue()


class LiveViews:
    """The view of each camera, by a name; of more than 16 the one unused for longest is dropped."""

    def __init__(self, reader: FaceReader) -> None:
        self._reader = reader
        self._views: OrderedDict[str, LiveView] = OrderedDict()
        self._changing = threading.Lock()

    def of(self, camera: str) -> LiveView:
        """The view of a camera, a new one at its first frame."""
        with self._changing:
            view = self._views.setdefault(camera, LiveView(self._reader))
            self._views.move_to_end(camera)
            if len(self._views) > MOST_CAMERAS:
                self._views.popitem(last=False)
            return view

    def forget(self, camera: str) -> None:
        """Drop what was seen by a camera."""
        with self._changing:
            self._views.pop(camera, None)
