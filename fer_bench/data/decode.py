"""Image files to uint8 arrays of one size; a broken file gives the reason, never an exception.

The import and `predict` read a picture by the same functions, `seen` and `fitted`, so a model gets pixels
like those that it was trained on. CMYK becomes RGB by Pillow's plain formula, and colour profiles (ICC) are
not applied: most sets of faces were made by tools that do neither better, and nearly all pictures are sRGB.
"""

from __future__ import annotations

import io
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fer_bench.data.archive import FileTree
from fer_bench.data.draft import Track

MAX_BYTES = 64 * 2**20
MAX_PIXELS = 64 * 10**6
DEFAULT_SIDE = 112
SMALLEST_SIDE, LARGEST_SIDE = 8, 1024
LEAST_INSIDE = 0.25  # share of a box: with less, the list is of other images, such as uncut ones
LONGEST_SIDE = 2048  # pixels; larger pictures are shrunk to it before anything else
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # and not EPS, which would run Ghostscript
Box = tuple[int, int, int, int]
"""Left, top, right and bottom of a part of an image, pixels; right and bottom are outside of it."""
GREY_MODES = {"1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}


@dataclass(frozen=True)
class Survey:
    """What the headers of image files say: sizes as (width, height), grey or colour.

    `broken`: why some can't be read, by their places among the files.
    """

    sizes: Counter[tuple[int, int]]
    grey: int
    colour: int
    broken: dict[int, str]

    def shape(self, side: int | None, grey: bool | None = None) -> tuple[int, int, int]:
        """(H, W, C) to bring all images to: `side` if given, else the common size, else 112; grey if all are.

        A common size is not kept where a side is shorter than 8 or longer than 1024 pixels.
        """
        width = height = side or DEFAULT_SIDE
        if side is None and len(self.sizes) == 1:
            [common] = self.sizes
            if min(common) >= SMALLEST_SIDE and max(common) <= LARGEST_SIDE:
                width, height = common
        return height, width, 1 if (not self.colour if grey is None else grey) else 3

    def remarks(self, shape: tuple[int, int, int]) -> tuple[str, ...]:
        """Lines about images of other sizes and modes: how many, and what is done to them."""
        height, width, channels = shape
        other = sum(n for size, n in self.sizes.items() if size != (width, height))
        lines = []
        if other:
            often = ", ".join(f"{w}x{h}: {n:,}" for (w, h), n in self.sizes.most_common(3))
            more = f", and {len(self.sizes) - 3:,} more sizes" if len(self.sizes) > 3 else ""
            lines.append(
                f"{other:,} images not {width}x{height} ({often}{more}): short side resized, centre cropped"
            )
        if self.colour if channels == 1 else self.grey:
            mode = "grey" if channels == 1 else "RGB"
            lines.append(f"{self.grey:,} grey and {self.colour:,} colour images: all kept as {mode}")
        return tuple(lines)


def survey(tree: FileTree, faces: Sequence[tuple[str, Box | None]], track: Track) -> Survey:
    """Read the header of every file, of which a box may be the part that counts."""
    sizes: list[tuple[int, int]] = []
    grey, broken = 0, {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        for place, (name, box) in enumerate(track(faces, len(faces))):
            try:
                size, is_grey = _header(tree, name)
                if box:
                    left, top, right, bottom = _inside(box, size)
                    size = right - left, bottom - top
            except Exception as error:  # Pillow's readers raise nearly anything on a broken file
                broken[place] = reason(error)
                continue
            sizes.append(size)
            grey += is_grey
    return Survey(Counter(sizes), grey, len(sizes) - grey, broken)


def decoded(
    tree: FileTree, faces: Sequence[tuple[str, Box | None]], shape: tuple[int, int, int]
) -> Iterator[np.ndarray | str]:
    """Pixels of each file, or of a box in it, `shape` (H, W, C) uint8, or why they can't be read."""
    # One after the other: on FER-2013's small images, threads took twice as long.
    for name, box in faces:
        yield _pixels(tree, name, box, shape)


def _inside(box: Box, size: tuple[int, int]) -> Box:
    """The part of a box that is within an image of a size (width, height); ValueError where too little is."""
    left, top, right, bottom = box
    area = (right - left) * (bottom - top)
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, size[0]), min(bottom, size[1])
    if left >= right or top >= bottom:
        raise ValueError(f"its box {box} holds nothing of the {size[0]}x{size[1]} pixels")
    if (right - left) * (bottom - top) < LEAST_INSIDE * area:
        raise ValueError(f"its box {box} lies outside of its {size[0]}x{size[1]} pixels: is it cut already?")
    return left, top, right, bottom


def _header(tree: FileTree, name: str) -> tuple[tuple[int, int], bool]:
    """(width, height) of an image as it is to be held, and whether it is grey; ValueError for unfit ones."""
    if not tree.sizes[name]:
        raise ValueError("empty file")
    if tree.sizes[name] > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES // 2**20} MiB")
    with tree.open(name) as file, Image.open(file, formats=FORMATS) as image:
        width, height = image.size
        _prepare(image)
        turned = image.getexif().get(0x0112) in (5, 6, 7, 8)
        return (height, width) if turned else (width, height), image.mode in GREY_MODES


def _pixels(tree: FileTree, name: str, box: Box | None, shape: tuple[int, int, int]) -> np.ndarray | str:
    try:
        with tree.open(name) as file:
            data = file.read(MAX_BYTES)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
                longest = max(opened.size)
                image = seen(opened)
        if box:  # in pixels of the file, of which a large one is shrunk
            left, top, right, bottom = (round(edge * max(image.size) / longest) for edge in box)
            image = image.crop(_inside((left, top, right, bottom), image.size))
        return fitted(image, shape)
    except Exception as error:  # see survey
        return reason(error)


def seen(opened: Image.Image) -> Image.Image:
    """An opened picture upright, of 8 bits, on white where it is transparent, at most 2048 pixels a side.

    Of an animation the first frame. Raises ValueError for sizes that aren't read, see `_prepare`.
    """
    return _upright(_shrunk(opened))


def _prepare(opened: Image.Image) -> None:
    """Have a large JPEG decoded straight to a half, quarter or eighth.

    Raises ValueError for a side of fewer than 8 pixels, and for more than 64 million pixels to decode.
    """
    width, height = opened.size
    if min(width, height) < SMALLEST_SIDE:
        raise ValueError(f"{width}x{height} pixels, fewer than {SMALLEST_SIDE} on a side")
    if max(opened.size) > LONGEST_SIDE:
        opened.draft(None, (LONGEST_SIDE, LONGEST_SIDE))
    width, height = opened.size
    if width * height > MAX_PIXELS:
        raise ValueError(f"{width}x{height} pixels, more than {MAX_PIXELS // 10**6} million")


def _shrunk(opened: Image.Image) -> Image.Image:
    """Decode an opened picture to at most 2048 pixels a side, smoothly."""
    _prepare(opened)
    if max(opened.size) <= LONGEST_SIDE:
        return opened
    image = _eight_bits(opened)
    if image.mode in ("1", "P"):  # these would be shrunk without smoothing
        image = image.convert("L" if image.mode == "1" else "RGBA")
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return image


def _upright(opened: Image.Image) -> Image.Image:
    """An opened picture as its photographer held it, 8 bits deep, and on white where it is transparent."""
    image = _eight_bits(ImageOps.exif_transpose(opened))
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def fitted(image: Image.Image, shape: tuple[int, int, int]) -> np.ndarray:
    """Pixels (H, W, C) uint8 of a picture: made grey or RGB, short side resized, centre cropped."""
    height, width, channels = shape
    image = image.convert("L" if channels == 1 else "RGB")
    if image.size != (width, height):
        image = ImageOps.fit(image, (width, height))
    return np.asarray(image).reshape(shape)


def _eight_bits(image: Image.Image) -> Image.Image:
    """A picture of more than 8 bits scaled down to 8; any other unchanged.

    Integers are taken for 16 bits. Floating-point numbers are taken for 0..1, else 0..255, else 0..65535, the
    first of these that holds them all. Raises ValueError for numbers beyond.
    """
    # convert("L") would cut off at 255, which leaves white.
    if not image.mode.startswith(("I", "F")):
        return image
    pixels = np.asarray(image)
    least, most = pixels.min(), pixels.max()
    if not 0 <= least <= most <= 65535:  # nor NaN
        ranges = "0..65535" if image.mode.startswith("I") else "0..1, 0..255 or 0..65535"
        raise ValueError(f"pixels from {least:.6g} to {most:.6g}, expected {ranges}")
    if image.mode.startswith("I"):
        scaled = pixels // 257
    else:
        scaled = pixels * (255 if most <= 1 else 1 if most <= 255 else 1 / 257)
    result = Image.fromarray(scaled.round().astype(np.uint8))
    result.info = dict(image.info)  # where it says which way up the picture is
    if (clear := result.info.pop("transparency", None)) is not None:  # one of 65536 levels
        result.putalpha(Image.fromarray(np.where(pixels == clear, 0, 255).astype(np.uint8)))
    return result


def reason(error: Exception) -> str:
    """Why a picture can't be read, in a phrase."""
    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    if isinstance(error, Image.DecompressionBombError):
        return "too many pixels (" + str(error).split(",")[0] + ")"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).splitlines() or [type(error).__name__])[0]
