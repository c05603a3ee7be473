"""A picture from a camera; it is kept in memory only."""

from __future__ import annotations

from PIL import Image

from fer_bench.errors import UserError
from fer_bench.inference.capture import capture

SETTLING = 15  # frames, about half a second: many cameras begin dark, until they have set their exposure


def snapshot(number: int) -> Image.Image:
    """Take one RGB picture with a camera, 0 for the first; UserError where there is none that can be used."""
    frame = None
    with capture(number) as camera:
        for _ in range(SETTLING):
            taken, pixels = camera.read() if camera else (False, None)
            frame = pixels if taken else frame
    if frame is None:
        raise UserError(
            f"camera {number}: OpenCV gets no picture from it (not there, in use by another program, or not "
            "permitted); 0 is the first camera"
        )
    return Image.fromarray(frame[..., ::-1].copy())
