"""A portrait in the public domain, out of scikit-image: NASA's photograph of Eileen Collins, 512x512."""

from PIL import Image

FACE = (171, 63, 277, 170)  # box, within a few pixels
EYES = ((203, 101), (245, 102))


def astronaut() -> Image.Image:
    """The portrait, RGB."""
    from skimage import data

    return Image.fromarray(data.astronaut())


def group(*places: tuple[int, int, int]) -> Image.Image:
    """A grey picture of 1200x600 with the portrait's face at (left, top), its square so many pixels wide."""
    whole = Image.new("RGB", (1200, 600), (128, 128, 128))
    face = astronaut().crop((144, 36, 304, 196))  # the face with hair around it
    for left, top, side in places:
        whole.paste(face.resize((side, side), Image.Resampling.BICUBIC), (left, top))
    return whole
