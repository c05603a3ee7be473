"""Views of an image at test time, whose logits are averaged: mirrored or not, still or shifted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

SHIFTS_PER_SIDE = 48  # a shift is a 48th of the side: 2 pixels of 96


@dataclass(frozen=True)
class View:
    """A view: mirrored or not, then shifted by so many pixels to the right and downwards."""

    mirrored: bool = False
    right: int = 0
    down: int = 0

    def places(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns, (S,) int32 each, of an image that stand in those of its view.

        Beyond the border the nearest pixel is repeated.
        """
        rows, columns = (np.clip(np.arange(size) - by, 0, size - 1) for by in (self.down, self.right))
        return rows.astype("int32"), (size - 1 - columns if self.mirrored else columns).astype("int32")


def views(kind: Literal["flip", "ten"] | None, size: int) -> tuple[View, ...]:
    """The views of images of this side, the image itself first.

    flip: it and its mirror image; ten: both of these still, and shifted by a 48th of the side to the left,
    right, top and bottom.
    """
    if kind is None:
        return (View(),)
    by = max(1, round(size / SHIFTS_PER_SIDE))
    shifts = [(0, 0), (by, 0), (-by, 0), (0, by), (0, -by)] if kind == "ten" else [(0, 0)]
    return tuple(View(mirrored, *shift) for shift in shifts for mirrored in (False, True))
