"""What the demo shows, as HTML: a picture with boxes, bars of all classes for each face, curves over time."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from typing import Protocol

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fer_bench.inference.face_detector import Box
from fer_bench.inference.live import FORGOTTEN_SECONDS, LiveFrame, Row

# Told apart by people who see colours differently, too, and readable on light and on dark.
COLOURS = ("#d55e00", "#8f9a1f", "#9467bd", "#e0a100", "#3d85c6", "#d6649f", "#7f8c8d", "#1b9e77", "#a6761d")
INK = "#111111"  # of a label on one of these colours
BESIDE = 2  # faces whose bars stand beside their picture; those of more stand below
LONGEST_SIDE = 1280  # pixels of a picture as it is shown
JPEG_QUALITY = 85
CURVE_SECONDS = 60.0
FIRST_SECONDS = 15.0  # that the curves' axis has at first; it grows to the above
WIDTH, HEIGHT, LEFT, BOTTOM = 480, 190, 44, 24  # of the curves, and their margins


class SeenFace(Protocol):
    """A face that was read, in a picture or in a frame."""

    @property
    def box(self) -> Box:
        """Left, top, right, bottom in pixels."""

    @property
    def probabilities(self) -> np.ndarray:
        """(K,), in the order of the classes."""


def colour(k: int) -> str:
    """The colour of class k, the same wherever it is shown."""
    return COLOURS[k % len(COLOURS)]


def data_address(image: Image.Image) -> str:
    """A picture as an address that holds it: it is written to no file."""
    content = io.BytesIO()
    image.save(content, "JPEG", quality=JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode("ascii")


def with_boxes(
    image: Image.Image, faces: Sequence[SeenFace], numbers: Sequence[int], classes: Sequence[str]
) -> Image.Image:
    """A copy of a picture, its longer side at most 1,280 pixels, with a box and the likeliest class per face.

    Where there are several faces, each has its number before it.
    """
    shown = image.convert("RGB")
    shown.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    factor = shown.width / image.width
    pen = ImageDraw.Draw(shown)
    line = max(2, round(max(shown.size) / 250))
    font = ImageFont.load_default(max(14, round(max(shown.size) / 30)))
    for face, number in zip(faces, numbers, strict=True):
        left, top, right, bottom = (round(edge * factor) for edge in face.box)
        k = int(np.argmax(face.probabilities))
        pen.rectangle((left, top, right, bottom), outline=colour(k), width=line)
        label = f"{classes[k]} {face.probabilities[k]:.0%}"
        _label(
            pen, (left, top), f"{number}: {label}" if len(faces) > 1 else label, colour(k), font, shown.size
        )
    return shown


def _label(
    pen: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    text: str,
    fill: str,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    size: tuple[int, int],
) -> None:
    """Write a label above a box, or inside where there is no room, and within the picture."""
    _, _, width, height = pen.textbbox((0, 0), text, font=font)
    left, top = corner
    left = max(0, min(left, size[0] - int(width) - 8))
    top = top - int(height) - 6 if top > height + 6 else top
    pen.rectangle((left, top, left + width + 8, top + height + 6), fill=fill)
    pen.text((left + 4, top + 2), text, fill=INK, font=font)


def bars(faces: Sequence[SeenFace], numbers: Sequence[int], classes: Sequence[str]) -> str:
    """For each face its likeliest class, and a bar for every class."""
    return "".join(
        f'<section class="fb-face"><h2>{f"Face {number}: " if len(faces) > 1 else ""}'
        f"{escape(classes[int(np.argmax(face.probabilities))])}</h2>"
        f'<ul class="fb-bars">{_bars_of(face.probabilities, classes)}</ul></section>'
        for face, number in zip(faces, numbers, strict=True)
    )


def _bars_of(probabilities: np.ndarray, classes: Sequence[str]) -> str:
    return "".join(
        f'<li><span class="fb-name">{escape(name)}</span><span class="fb-track">'
        f'<span class="fb-bar" style="width:{probability:.1%};background:{colour(k)}"></span></span>'
        f'<span class="fb-share">{probability:.0%}</span></li>'
        for k, (name, probability) in enumerate(zip(classes, probabilities, strict=True))
    )


def message(text: str) -> str:
    """A line about what came or didn't."""
    return f'<p class="fb-line" role="status">{escape(text)}</p>'


def picture(image: Image.Image, faces: Sequence[SeenFace], classes: Sequence[str], said: str) -> str:
    """A picture with its boxes, what is to be said of it, and the bars of its faces."""
    numbers = range(1, len(faces) + 1)
    address = data_address(with_boxes(image, faces, numbers, classes))
    layout = "fb-result fb-many" if len(faces) > BESIDE else "fb-result"
    return (
        f'<div class="{layout}"><img src="{address}" alt="Your picture; {escape(said)}"><div>{message(said)}'
        f'<div class="fb-faces">{bars(faces, numbers, classes)}</div></div></div>'
    )


def live(frame: LiveFrame, classes: Sequence[str]) -> str:
    """Frames per second, and the bars of the faces in a frame."""
    numbers = [face.number for face in frame.faces]
    found = {0: "no face: look into the camera, with light from the front", 1: "1 face"}
    said = found.get(len(numbers), f"{len(numbers)} faces")
    return (
        f'<p class="fb-line"><b class="fb-rate">{frame.rate:.0f}</b> frames per second · {said}</p>'
        f'<div class="fb-faces">{bars(frame.faces, numbers, classes)}</div>'
    )


def waiting(classes: Sequence[str]) -> str:
    """What stands in the place of `live` until a camera shows something."""
    nothing = _bars_of(np.zeros(len(classes)), classes)
    faces = f'<section class="fb-face"><ul class="fb-bars">{nothing}</ul></section>'
    return f"{message('No frame yet')}{faces}"


def curves(rows: Sequence[Row], classes: Sequence[str]) -> str:
    """Probability of each class over the last minute, of the largest face, with a legend."""
    last = rows[-1].seconds if rows else 0.0
    end = max(last, FIRST_SECONDS)
    lines = "".join(
        f'<polyline class="fb-curve" stroke="{colour(k)}" points="{_points(part, k, end)}"/>'
        for part in _by_face(rows)
        for k in range(len(classes))
    )
    legend = "".join(
        f'<li><span class="fb-key" style="background:{colour(k)}"></span>{escape(name)}</li>'
        for k, name in enumerate(classes)
    )
    said = "Probability of each class over time"
    size = f"0 0 {WIDTH} {HEIGHT}"
    return (
        '<h2 class="fb-title">The last minute, of the largest face</h2>'
        f'<svg class="fb-curves" viewBox="{size}" role="img" aria-label="{said}">{_axes(end)}{lines}</svg>'
        f'<ul class="fb-legend">{legend}</ul>'
    )


def _by_face(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows in stretches of the same face without a gap, so that no line joins two people."""
    parts: list[list[Row]] = []
    for row in rows:
        before = parts[-1][-1] if parts else None
        if not before or before.face != row.face or row.seconds > before.seconds + FORGOTTEN_SECONDS:
            parts.append([])
        parts[-1].append(row)
    return parts


def _points(rows: Sequence[Row], k: int, end: float) -> str:
    step = max(1, len(rows) // 240)  # a point for every two pixels is enough
    return " ".join(
        f"{_across(row.seconds, end):.1f},{_down(float(row.probabilities[k])):.1f}" for row in rows[::step]
    )


def _across(seconds: float, end: float) -> float:
    shown = min(end, CURVE_SECONDS)
    return LEFT + (seconds - end + shown) / shown * (WIDTH - LEFT - 8)


def _down(probability: float) -> float:
    return 8 + (1 - probability) * (HEIGHT - BOTTOM - 8)


def _axes(end: float) -> str:
    shares = "".join(
        f'<path class="fb-grid" d="M{LEFT} {_down(share):.0f}H{WIDTH - 8}"/>'
        f'<text class="fb-tick fb-left" x="{LEFT - 6}" y="{_down(share) + 4:.0f}">{share:.0%}</text>'
        for share in (0, 0.5, 1)
    )
    step = 10 if end > 2 * FIRST_SECONDS else 5
    first = int(np.ceil(max(0, end - CURVE_SECONDS) / step)) * step
    times = "".join(
        f'<text class="fb-tick" x="{_across(at, end):.0f}" y="{HEIGHT - 6}">{at} s</text>'
        for at in range(first, int(end) + 1, step)
        if _across(at, end) < WIDTH - 16
    )
    return shares + times
