"""How training images are changed at random."""

from __future__ import annotations

from pydantic import Field

from fer_bench.study.strict import NotNegative, Share, Strict


class Augmentation(Strict):
    """Random geometry for training images, one affine map per image, and random erasing."""

    later = ("erase",)

    flip: bool = True
    rotation: NotNegative = Field(0.0, le=180)
    """Largest angle, degrees."""
    shift: Share = 0.0
    """Largest shift along each axis, share of the side."""
    zoom: Share = 0.0
    """Largest change of size, share."""
    shear: NotNegative = Field(0.0, lt=90)
    """Largest shear angle, degrees."""
    strength: NotNegative = 1.0
    """Factor on the four ranges above; can be searched. Flips and erasing stay as they are."""
    erase: Share = 0.0
    """Share of images in which a random rectangle is replaced by noise (random erasing)."""

    @property
    def scales(self) -> bool:
        """Whether there is a range that a strength acts on."""
        return any((self.rotation, self.shift, self.zoom, self.shear))
