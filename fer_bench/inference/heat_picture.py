"""Pictures of heat: a face beside the same face with its heat over it, captioned; many of them on a sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import colormaps
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

SIDE = 336  # pixels of a face's height, roughly: a whole number of times its own
GAP, LINE, LETTERS = 12, 28, 18  # pixels
MOST_LETTERS = 70  # of a line of the caption
COLUMNS, ROWS = 3, 6  # of a sheet
STRONGEST = 0.7  # of the colour, where the heat is 1
THIRDS = (("upper", "left"), ("middle", "centre"), ("lower", "right"))


@dataclass(frozen=True, eq=False)
class Explained:
    """What the model says of a picture, and why.

    file: its name, safe to print; pixels (H, W, C) uint8 as the model sees them; heat (H, W) float32, 0..1,
    of what speaks for the class `explained`; probabilities by class, likeliest first; notes on the picture.
    """

    file: str
    pixels: np.ndarray
    heat: np.ndarray
    explained: str
    probabilities: dict[str, float]
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """The likeliest two classes, and the one that is explained where it is none of them."""
        shown = dict.fromkeys([*list(self.probabilities)[:2], self.explained])
        return ", ".join(f"{name} {self.probabilities[name]:.1%}" for name in shown)

    @property
    def hottest(self) -> str:
        """Which ninth of the picture has most of the heat, in words: "lower centre"; "" without heat."""
        if not self.heat.any():
            return ""
        rows, columns = (np.array_split(np.arange(side), 3) for side in self.heat.shape)
        ninths = np.array([[self.heat[np.ix_(row, column)].sum() for column in columns] for row in rows])
        row, column = np.unravel_index(ninths.argmax(), ninths.shape)
        return f"{THIRDS[row][0]} {THIRDS[column][1]}"

    @property
    def caption(self) -> str:
        """What the picture shows, in a line: also its description for those who can't see it."""
        where = f"most of it {self.hottest}" if self.hottest else "nothing does"
        return f"bright: what speaks for {self.explained} ({where})"


def draw(explained: Explained) -> Image.Image:
    """The face as the model sees it, the same with its heat, and what the model says below."""
    factor = max(1, round(SIDE / explained.heat.shape[0]))
    height, width = (side * factor for side in explained.heat.shape)
    face = Image.fromarray(explained.pixels.squeeze()).convert("RGB")
    face = face.resize((width, height), Image.Resampling.BICUBIC)
    whole = Image.new("RGB", (max(2 * width + 3 * GAP, 2 * SIDE), height + 2 * GAP + 3 * LINE), "white")
    left = (whole.width - 2 * width - GAP) // 2
    whole.paste(face, (left, GAP))
    whole.paste(_heated(face, explained.heat), (left + width + GAP, GAP))
    pen = ImageDraw.Draw(whole)
    for number, line in enumerate((explained.verdict, explained.caption, explained.file)):
        at = left, height + 2 * GAP + number * LINE
        pen.text(at, _cut(line), "black" if number < 2 else "#595959", _font())
    return whole


def _heated(face: Image.Image, heat: np.ndarray) -> Image.Image:
    """A face with heat (H, W) over it, the hotter the more it covers."""
    smooth = Image.fromarray(heat.astype("float32")).resize(face.size, Image.Resampling.BICUBIC)
    strength = np.clip(np.asarray(smooth), 0, 1)[..., None]
    colours = colormaps["inferno"](strength[..., 0])[..., :3] * 255
    grey = np.asarray(face.convert("L").convert("RGB"))
    covered = grey + STRONGEST * np.sqrt(strength) * (colours - grey)
    return Image.fromarray(covered.round().astype(np.uint8))


@cache
def _font() -> ImageFont.FreeTypeFont:
    """Matplotlib's own, which has most letters."""
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), LETTERS)


def _cut(line: str) -> str:
    """A line that fits below a picture, its middle left out."""
    half = MOST_LETTERS // 2
    return line if len(line) <= MOST_LETTERS else f"{line[:half]}…{line[1 - half :]}"


def sheets(pictures: Sequence[Image.Image]) -> list[Image.Image]:
    """Pictures of one size on as few sheets as hold them, in rows of three."""
    full = COLUMNS * ROWS
    return [_sheet(pictures[begin : begin + full]) for begin in range(0, len(pictures), full)]


def _sheet(pictures: Sequence[Image.Image]) -> Image.Image:
    width, height = pictures[0].size
    columns = min(COLUMNS, len(pictures))
    whole = Image.new("RGB", (columns * width, -(-len(pictures) // columns) * height), "white")
    for place, picture in enumerate(pictures):
        row, column = divmod(place, columns)
        whole.paste(picture, (column * width, row * height))
    return whole


def save(picture: Image.Image, path: Path, description: str) -> None:
    """Write a PNG file, with a description for those who can't see it."""
    about = PngInfo()
    about.add_itxt("Description", description)
    picture.save(path, pnginfo=about)
