"""Video files, written when needed: of shades, of faces, as phones and accidents leave them."""

import os
import struct
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # read once in a process, by a writer, too
SIZE = 96, 64  # width and height of a clip of shades


def write_clip(path: Path, frames: Sequence[np.ndarray], rate: float = 10, codec: str = "MJPG") -> Path:
    """Write frames (h, w, 3) uint8, RGB, all of one size; .avi for MJPG, .mp4 for mp4v."""
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), rate, (width, height))
    assert writer.isOpened()
    for frame in frames:
        writer.write(frame[..., ::-1].copy())
    writer.release()
    return path


def shades(number: int, size: tuple[int, int] = SIZE) -> list[np.ndarray]:
    """Frames of one shade each: frame i is 2 * i; the upper left corner is red."""
    frames = []
    for i in range(number):
        frame = np.full((*size[::-1], 3), 2 * i, np.uint8)
        frame[:16, :32] = 255, 0, 0
        frames.append(frame)
    return frames


def on_pages(faces: Sequence[Image.Image | None]) -> list[np.ndarray]:
    """Frames of 320x240 with a face each, 200 pixels high, or none."""
    frames = []
    for face in faces:
        whole = Image.new("RGB", (320, 240), (128, 128, 128))
        if face:
            whole.paste(face, (60, 20))
        frames.append(np.asarray(whole))
    return frames


def turned(path: Path) -> Path:
    """Have an MP4 file say, as phones do, that its frames are to be turned by 90 degrees to the right."""
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 44
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def with_steps(path: Path, *runs: tuple[int, int]) -> Path:
    """Have an MP4 file show (number, ticks) of frames: so many for so many ticks each, and so on."""
    data = bytearray(path.read_bytes())
    start = data.index(b"stts") - 4
    before = struct.unpack_from(">I", data, start)[0]
    body = struct.pack(">4sII", b"stts", 0, len(runs)) + b"".join(struct.pack(">II", *run) for run in runs)
    data[start : start + before] = struct.pack(">I", 4 + len(body)) + body
    for name in (b"stbl", b"minf", b"mdia", b"trak", b"moov"):  # it lies in these; mdat comes before them
        place = data.index(name) - 4
        size = struct.unpack_from(">I", data, place)[0] + 4 + len(body) - before
        struct.pack_into(">I", data, place, size)
    path.write_bytes(data)
    return path


def cut(path: Path, share: float) -> Path:
    """Keep this share of a file's bytes."""
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    return path
