"""Pictures in every form that a set of faces may hold: modes, depths, orientations, sizes."""

from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = (("red", (250, 10, 20)), ("green", (10, 240, 30)), ("blue", (20, 30, 250)))
GREY = (
    *("deep.png", "deep.tif", "integers.tif", "float.tif", "deep_clear.png", "grey_alpha.png"),
    *("one_bit.png", "huge_one_bit.png"),
)
"""Names of the grey ones."""


def bands(side: int = 48) -> Image.Image:
    """Red, green and blue bands above one another in a square; the left quarter is dark."""
    image = Image.new("RGB", (side, side))
    for number, (_, colour) in enumerate(COLOURS):
        image.paste(colour, (0, number * side // 3, side, (number + 1) * side // 3))
    image.paste((5, 5, 5), (0, 0, side // 4, side))
    return image


def write_odd_pictures(folder: Path) -> list[str]:
    """Write one picture of each form to a folder; their names, sorted."""
    folder.mkdir(parents=True, exist_ok=True)
    colour, grey = bands(), bands().convert("L")
    levels = np.asarray(grey)
    shown = Image.fromarray(np.where(np.indices((48, 48))[1] < 24, 255, 90).astype(np.uint8))
    for turned in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = turned
        colour.resize((60, 40)).save(folder / f"exif{turned}.jpg", exif=exif)
    deep = levels.astype(np.uint16) * 257
    Image.fromarray(deep).save(folder / "deep.png")
    Image.fromarray(deep).save(folder / "deep.tif")
    Image.fromarray(deep.astype(np.int32)).save(folder / "integers.tif")
    Image.fromarray(levels / np.float32(255)).save(folder / "float.tif")
    Image.fromarray(deep).save(folder / "deep_clear.png", transparency=int(deep[0, 0]))
    for name, image in (("rgba.png", colour), ("grey_alpha.png", grey)):
        image = image.copy()
        image.putalpha(shown)
        image.save(folder / name)
    palette = colour.quantize(8)
    palette.save(folder / "palette.png")
    palette.save(folder / "palette_clear.png", transparency=palette.getpixel((0, 0)))
    colour.convert("CMYK").save(folder / "cmyk.jpg", quality=95)
    grey.convert("1").save(folder / "one_bit.png")
    rolls = [Image.fromarray(np.roll(levels, 9 * n, axis=0)) for n in range(3)]
    rolls[0].save(folder / "moving.gif", save_all=True, append_images=rolls[1:])
    bands(3000).save(folder / "huge.png")
    bands(5000).save(folder / "huge.jpg", quality=90)
    bands(3000).quantize(8).save(folder / "huge_palette.png")
    bands(2400).convert("1").save(folder / "huge_one_bit.png")
    colour.resize((9, 8)).save(folder / "small.png")
    return sorted(path.name for path in folder.iterdir())
