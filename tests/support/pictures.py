"""Pictures to read: noise, pages with faces on them, and one that is larger than it seems."""

import struct
import zlib

import numpy as np
from PIL import Image


def noise(seed: int = 0, size: tuple[int, int] = (48, 48)) -> Image.Image:
    """Grey noise of (width, height)."""
    return Image.fromarray(np.random.RandomState(seed).randint(0, 256, size[::-1], dtype=np.uint8))


def page(*faces: tuple[int, int, Image.Image]) -> Image.Image:
    """A grey page of 640x400 with faces at (left, top)."""
    whole = Image.new("L", (640, 400), 128)
    for left, top, face in faces:
        whole.paste(face, (left, top))
    return whole


def bomb(width: int, height: int) -> bytes:
    """A PNG of a hundred bytes that says it has so many pixels."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(bytes(64)))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
