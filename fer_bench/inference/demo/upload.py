"""What was sent to the demo as a picture, read as safely as at import."""

from __future__ import annotations

import io
import warnings

from PIL import Image

from fer_bench.data.decode import FORMATS, MAX_BYTES, reason, seen
from fer_bench.errors import UserError


def read_picture(content: bytes) -> Image.Image:
    """A picture from the bytes of its file: upright, RGB, at most 2048 pixels a side.

    Raises UserError for what is no picture, is damaged, or is larger than 64 MiB or 64 million pixels.
    """
    if len(content) > MAX_BYTES:
        raise UserError(f"Not read: larger than {MAX_BYTES // 2**20} MiB")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
                return seen(opened).convert("RGB")
    except Exception as error:  # Pillow's readers raise nearly anything on a broken file
        why = reason(error) if content else "an empty file"
        expected = ", ".join(FORMATS)
        raise UserError(
            f"Not read: {why}. Expected a picture ({expected}) of at most 64 million pixels"
        ) from None
