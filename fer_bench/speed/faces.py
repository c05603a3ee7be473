"""Faces in group pictures: what YuNet and Haar's cascade find, and how long they take."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from fer_bench.speed.group_pictures import GROUP_PICTURES, load
from fer_bench.speed.side_by_side import Contest, Figure, compared, contest

if TYPE_CHECKING:
    from fer_bench.inference.face_detector import Box, Name

AGAINST = "Haar's cascade"


@dataclass(frozen=True)
class Searched:
    """A round: faces found, boxes that are none or a face's second one, and milliseconds a picture."""

    found: int
    false: int
    milliseconds: float


def measure() -> list[Figure]:
    """What both detectors find in the pictures of `group_pictures.load`; raises UserError without these."""
    load()
    return compare(rounds=5)


def compare(rounds: int, contest: Contest = contest) -> list[Figure]:
    """Faces found, false and missed ones, and time a picture, of YuNet beside Haar's cascade."""
    searched = contest({name: partial(searching, name) for name in ("yunet", "haar")}, rounds)
    yunet, haar = searched["yunet"], searched["haar"]
    faces = sum(len(picture.noses) for picture in GROUP_PICTURES)
    pictures = len(GROUP_PICTURES)
    times = [[each.milliseconds for each in side] for side in (yunet, haar)]
    return [
        _counts(f"of {faces} faces in {pictures} pictures, found", yunet[0].found, haar[0].found),
        _counts("missed", faces - yunet[0].found, faces - haar[0].found),
        _counts("false ones", yunet[0].false, haar[0].false),
        compared("a picture of 800 px", "ms", times[0], AGAINST, times[1]),
    ]


def searching(name: Name) -> Callable[[], Searched]:
    """A round searches every picture, which was shrunk before, with one detector."""
    from fer_bench.inference.face_detector import LONGEST_SIDE, FaceDetector, shrunk

    detector = FaceDetector(name)
    pictures = [(*shrunk(pixels, LONGEST_SIDE), picture.noses) for pixels, picture in load()]

    def search_all() -> Searched:
        found = false = 0
        seconds = 0.0
        for pixels, times, noses in pictures:
            begun = time.perf_counter()
            boxes = [face.box for face in detector(pixels)]
            seconds += time.perf_counter() - begun
            right = count_found(boxes, [(x / times, y / times) for x, y in noses])
            found += right
            false += len(boxes) - right
        return Searched(found, false, 1000 * seconds / len(pictures))

    return search_all


def count_found(boxes: Sequence[Box], noses: Sequence[tuple[float, float]]) -> int:
    """How many noses lie in a box, each box counted for one of them."""
    unused = sorted(boxes, key=lambda box: box[2] - box[0])
    found = 0
    for x, y in noses:
        holding = [box for box in unused if box[0] <= x < box[2] and box[1] <= y < box[3]]
        if holding:
            unused.remove(holding[0])
            found += 1
    return found


def _counts(what: str, yunet: int, haar: int) -> Figure:
    ratio = yunet / haar if haar else float("nan")
    return Figure(what, yunet, "", AGAINST, haar, ratio)
