"""How far a head is tilted: the turn after which YuNet is surest of the face.

The eyes that YuNet locates don't tell: on faces turned by 30 degrees they are 4 degrees off level.
"""

from __future__ import annotations

import threading

import numpy as np
from PIL import Image

from fer_bench.errors import UserError
from fer_bench.inference.face_detector import Box, open_yunet, why_haar

TURNS = np.arange(-60, 61, 15)  # degrees
SIDE = 160  # pixels of the square that is searched
FACE_SIDE = 96  # pixels of the face in its middle
OFF_CENTRE = 30  # pixels, to either side, by which a found face may be off
LEAST_SCORE = 0.3
SCORE_RANGE = 0.08  # turns with a score that is lower by more don't count


class HeadTilt:
    """Measures how far heads are tilted, up to 60 degrees; can be called from several threads.

    Raises UserError where YuNet can't be run.
    """

    def __init__(self) -> None:
        if reason := why_haar():
            raise UserError(f"aligning faces needs YuNet: {reason}")
        self._of_thread = threading.local()

    def __call__(self, image: Image.Image, box: Box) -> float:
        """Degrees, clockwise, by which the head in a box of a picture is tilted; 0.0 where none is seen.

        It is the mean of turns, weighted by how far each one's score is above the lowest that counts.
        """
        region = _region(image, box)
        scores = np.array([self._score(region, float(turn)) for turn in TURNS])
        if not scores.any():
            return 0.0
        return float(np.average(TURNS, weights=np.maximum(scores - scores.max() + SCORE_RANGE, 0)))

    def _score(self, region: Image.Image, turn: float) -> float:
        """YuNet's highest score of a face in the middle of a region that is turned so, 0.0 without one."""
        import cv2

        if not hasattr(self._of_thread, "net"):
            self._of_thread.net = open_yunet(LEAST_SCORE)
            self._of_thread.net.setInputSize((SIDE, SIDE))
        edge = (region.width - SIDE) // 2
        square = region.rotate(turn, Image.Resampling.BILINEAR).crop((edge, edge, edge + SIDE, edge + SIDE))
        try:
            _, rows = self._of_thread.net.detect(cv2.cvtColor(np.asarray(square), cv2.COLOR_RGB2BGR))
        except cv2.error:  # from within the net: no turn is better than the others
            return 0.0
        rows = np.reshape([] if rows is None else rows, (-1, 15))
        centres = rows[:, :2] + rows[:, 2:4] / 2
        central = np.abs(centres - SIDE / 2).max(axis=1, initial=0) < OFF_CENTRE
        return float(rows[central, 14].max(initial=0))


def _region(image: Image.Image, box: Box) -> Image.Image:
    """A box and what is around it, RGB, so large that the square to search lies within at each turn."""
    left, top, right, bottom = box
    side = round(SIDE * 2**0.5)
    reach = max(right - left, bottom - top) * side / FACE_SIDE / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    edges = round(x - reach), round(y - reach), round(x + reach), round(y + reach)
    return image.convert("RGB").crop(edges).resize((side, side))
