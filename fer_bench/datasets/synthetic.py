"""Drawn grey faces with seven expressions in FER-2013's shares: to try the tool on, and to test it.

A face is some fifty numbers (identity, view, movements) and a few dozen shapes evaluated on the pixel grid,
many faces at a time. The movements follow, loosely, the action units that go with the basic expressions
(P. Ekman, W. V. Friesen, J. C. Hager: Facial Action Coding System, 2002).

Only + - * / and square roots make the pixels, which every processor rounds alike, from a random stream that
NumPy promises to keep: the images, and so their fingerprint, are the same on every machine.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from fer_bench.data import cache
from fer_bench.data.images import SUBSETS, FaceImages
from fer_bench.datasets.base import DATASETS, Dataset

SIDE, CHUNK = 48, 64  # pixels; faces drawn at a time: few enough to stay in the processor's cache
SIZES = {"train": 5600, "val": 1400, "test": 2800}
# Training images per class.
FER2013 = dict(angry=3995, disgust=436, fear=4097, happy=7215, neutral=4965, sad=4830, surprise=3171)
CLASSES = tuple(FER2013)

# fmt: off
# What a face is like, whatever it expresses: uniform between two numbers; lengths in halves of the side.
IDENTITY = {
    "head_width": (0.7, 0.86),          "head_height": (0.94, 1.08),        "jaw": (0.02, 0.24),
    "skin": (0.55, 0.86),               "hair": (0.06, 0.62),               "hair_volume": (0.02, 0.24),
    "hairline": (-0.86, -0.62),         "hair_part": (-0.35, 0.35),         "hair_bow": (0.1, 0.5),
    "hair_length": (-0.5, 1.4),         "strands": (0, 0.2),                "eye_spacing": (0.34, 0.41),
    "eye_width": (0.17, 0.22),          "eye_height": (0.085, 0.115),       "eye_tilt": (-0.03, 0.02),
    "iris": (0.05, 0.4),                "brow_height": (-0.45, -0.38),      "brow_width": (0.2, 0.25),
    "brow_thickness": (0.028, 0.058),   "brow_arch": (0.02, 0.08),          "brow_slant": (-0.02, 0.02),
    "nose_length": (0.2, 0.27),         "nose_width": (0.09, 0.14),         "mouth_height": (0.52, 0.6),
    "mouth_width": (0.27, 0.34),        "mouth_curve": (-0.025, 0.025),     "lip": (0.035, 0.07),
    "lip_tone": (0.62, 0.88),
}
# How it is seen. Angles as the tangent of half of them; `softness` in pixels is the width of an edge.
VIEW = {
    "shift_x": (-0.07, 0.07),           "shift_y": (-0.055, 0.055),         "scale": (1.02, 1.14),
    "half_turn": (-0.05, 0.05),         "yaw": (-0.07, 0.07),               "gaze": (-0.04, 0.04),
    "light_x": (-0.2, 0.2),             "light_y": (-0.16, 0.06),           "roundness": (0.1, 0.35),
    "background": (0.2, 0.8),           "background_slope": (-0.2, 0.2),    "contrast": (0.82, 1.1),
    "brightness": (-0.06, 0.08),        "softness": (1, 1.6),               "noise": (0.006, 0.025),
}
# Movements at full intensity, 0 at rest; a row is a class. raise: brows; slant: inner ends of the brows up;
# together: brows; lid: upper lid up; squint: lower lid up; wrinkle: nose; smile: corners of the mouth up;
# wide: mouth; open: jaw; sneer: upper lip up.
MOVEMENTS = ("raise", "slant", "together", "lid", "squint", "wrinkle", "smile", "wide", "open", "sneer")
EXPRESSIONS = {
    "angry":    ( -0.9,    -1,     1,  -0.1,   0.4,   0.2,  -0.5,  -0.1,   0.1,     0),
    "disgust":  ( -0.6,  -0.5,   0.5,  -0.4,   0.8,     1,  -0.6,     0,  0.15,     1),
    "fear":     (  0.7,   0.6,   0.7,   0.9,  -0.1,     0,  -0.4,   0.5,  0.45,     0),
    "happy":    (  0.1,     0,     0,  -0.2,   0.6,     0,     1,   0.6,   0.4,   0.1),
    "neutral":  (    0,     0,     0,     0,     0,     0,     0,     0,     0,     0),
    "sad":      (    0,     1,   0.4,  -0.5,   0.1,     0,  -0.9, -0.15,     0,     0),
    "surprise": (    1,   0.1,  -0.1,     1,  -0.2,     0,     0,  -0.5,     1,     0),
}
# fmt: on
# Who is taken for whom: each face leans towards a neighbour by up to LEAN, and a few stand half-way between.
NEIGHBOURS = {
    "angry": ("disgust", "sad", "neutral"),
    "disgust": ("angry", "angry", "sad"),
    "fear": ("surprise", "surprise", "sad"),
    "happy": ("neutral", "surprise", "neutral"),
    "neutral": ("sad", "angry", "happy"),
    "sad": ("neutral", "neutral", "fear"),
    "surprise": ("fear", "fear", "happy"),
}
LEAN, HALF_WAY = 0.5, 0.04  # the latter a share of the faces
TREMBLE = 0.16  # standard deviation added to every movement

Traits = dict[str, np.ndarray]  # name -> (N, 1, 1) float32
Value = np.ndarray | float


@DATASETS.register("synthetic")
class Synthetic(Dataset):
    """Drawn faces at 48x48, seven expressions, FER-2013's class shares; no download."""

    title = "drawn faces in FER-2013's class shares, 48x48 grey (a stand-in)"
    licence = "MIT: drawn by fer-bench, no photographs"

    def load(self) -> FaceImages:
        """Draw train, val and test (seconds), or read what was drawn; pixels (9800, 48, 48, 1) read-only."""
        return _load()


@functools.cache
def _load() -> FaceImages:
    faces = cache.computed_once("synthetic", _draw_all, Path(__file__))
    return FaceImages(
        pixels=faces["pixels"],
        labels=faces["labels"],
        subsets=np.repeat([SUBSETS.index(s) for s in SIZES], list(SIZES.values())).astype(np.uint8),
        ids=np.array([f"{s}/{i:04d}" for s, size in SIZES.items() for i in range(size)]),
        classes=CLASSES,
        name="synthetic",
        source="drawn by fer_bench.datasets.synthetic",
        notes=("a stand-in: drawn faces, not people; numbers on it say nothing about real faces",),
    )


def _draw_all() -> dict[str, np.ndarray]:
    labels, pixels = [], []
    for seed, size in enumerate(SIZES.values()):
        rng = np.random.RandomState([2013, seed])
        labels.append(rng.permutation(np.repeat(np.arange(len(CLASSES), dtype=np.int32), counts(size))))
        pixels.append(draw(labels[-1], rng))
    return {"pixels": np.concatenate(pixels), "labels": np.concatenate(labels)}


def counts(size: int) -> np.ndarray:
    """Images per class, (7,) int64, adding up to `size` with FER-2013's shares (largest remainders)."""
    exact = size * np.array(list(FER2013.values())) / sum(FER2013.values())
    whole = np.floor(exact).astype(np.int64)
    whole[np.argsort(whole - exact, kind="stable")[: size - whole.sum()]] += 1
    return whole


def draw(labels: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """Draw a new person for each label (N,), an index into CLASSES; gives (N, 48, 48, 1) uint8."""
    pixels = np.empty((len(labels), SIDE, SIDE, 1), np.uint8)
    for start in range(0, len(labels), CHUNK):
        part = labels[start : start + CHUNK]
        face = _uniform(IDENTITY | VIEW, len(part), rng) | _movements(part, rng)
        grey = _Canvas(face).paint()
        grey += face["noise"] * _bell(grey.shape, rng)
        pixels[start : start + CHUNK, ..., 0] = np.clip(grey * 255 + 0.5, 0, 255)
    return pixels


def _uniform(ranges: dict[str, tuple[float, float]], n: int, rng: np.random.RandomState) -> Traits:
    return {
        name: (low + (high - low) * rng.random_sample((n, 1, 1))).astype(np.float32)
        for name, (low, high) in ranges.items()
    }


def _bell(shape: tuple[int, ...], rng: np.random.RandomState) -> np.ndarray:
    """Numbers from about the normal distribution, float32: sums of four bytes, alike on every machine."""
    dice = np.frombuffer(rng.bytes(4 * int(np.prod(shape))), np.uint8).reshape(4, *shape).astype(np.float32)
    return (dice[0] + dice[1] + dice[2] + dice[3] - 510) / np.float32(147.8)


def _movements(labels: np.ndarray, rng: np.random.RandomState) -> Traits:
    """Movements of its class, stronger or weaker, leaning to a neighbour, with a tremble."""
    n = len(labels)
    table = np.array([EXPRESSIONS[c] for c in CLASSES])
    near = np.array([[CLASSES.index(c) for c in NEIGHBOURS[c0]] for c0 in CLASSES])
    other = table[near[labels, (near.shape[1] * rng.random_sample(n)).astype(int)]]
    lean = np.where(rng.random_sample(n) < HALF_WAY, 0.5, LEAN * rng.random_sample(n) ** 2)[:, None]
    intensity = 1.15 - 0.75 * rng.random_sample((n, 1)) ** 2
    moves = intensity * (table[labels] + lean * (other - table[labels]))
    moves = (moves + TREMBLE * _bell(moves.shape, rng)).astype(np.float32)
    traits = {name: moves[:, i, None, None] for i, name in enumerate(MOVEMENTS)}
    for name in ("open", "wrinkle", "sneer"):
        traits[name] = np.maximum(traits[name], 0)
    return traits


class _Canvas:
    """Faces painted back to front: `grey` (N, 48, 48) float32, 0..1, in coordinates fixed to the head."""

    def __init__(self, face: Traits) -> None:
        self.face = face
        at = (np.arange(SIDE, dtype=np.float32) + 0.5) / (SIDE / 2) - 1
        x = (at[None, None, :] - face["shift_x"]) / face["scale"]
        y = (at[None, :, None] - face["shift_y"]) / face["scale"]
        t = face["half_turn"]
        cos, sin = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)
        self.head_x, self.y = cos * x + sin * y, cos * y - sin * x
        self.x = self.head_x - face["yaw"]  # of eyes, nose and mouth: the head looks left or right
        self.side = np.abs(self.x)  # both halves at once
        self.sharp = (SIDE / 2) * face["scale"] / face["softness"]
        self.grey = face["background"] + face["background_slope"] * at[None, :, None] + np.zeros_like(self.x)

    def paint(self) -> np.ndarray:
        """Paint all layers; gives `grey` with contrast and brightness applied."""
        for layer in (self.head, self.nose, self.folds, self.mouth, self.eyes, self.brows, self.hair):
            layer()
        return 0.5 + (self.grey - 0.5) * self.face["contrast"] + self.face["brightness"]

    def fill(self, distance: np.ndarray, colour: Value, strength: Value = 1.0) -> None:
        """Paint where `distance` to the edge (N, 48, 48) is negative, with a soft edge."""
        alpha = distance * -self.sharp
        alpha += 0.5
        np.clip(alpha, 0, 1, out=alpha)
        alpha *= strength
        self.grey += alpha * (colour - self.grey)

    def head(self) -> None:
        """Hair behind, neck, ears, and the head with its shading."""
        f, x, y = self.face, self.head_x, self.y
        side = np.abs(x)
        back = _ellipse(x, y - 0.1, f["head_width"] + f["hair_volume"], 1.2 + f["hair_volume"])
        self.fill(np.maximum(back, y - f["hair_length"]), f["hair"] * 0.8)
        light = 1 + f["light_x"] * x + f["light_y"] * y
        self.skin = f["skin"] * light
        self.fill(np.maximum(side - 0.42, 0.6 - y), self.skin * 0.68)
        self.fill(_ellipse(side - f["head_width"], y + 0.02, 0.09, 0.2), self.skin * 0.8)
        narrow = 1 - f["jaw"] * np.maximum(y, 0) ** 2  # towards the chin
        across = x / (f["head_width"] * narrow)
        down = y / f["head_height"]
        square = across * across + down * down
        self.skin = self.skin * (1 - f["roundness"] * square * square)
        self.fill((np.sqrt(square) - 1) * f["head_width"], self.skin)

    def hair(self) -> None:
        """Hair above the forehead, parted to one side."""
        f, x, y = self.face, self.head_x, self.y
        part = x - f["hair_part"]
        width = f["head_width"] + 0.3 * f["hair_volume"]
        top = _ellipse(x, y + 0.05, width, f["head_height"] + f["hair_volume"])
        fringe = y - f["hairline"] - f["hair_bow"] * part * part
        wave = 9 * (part - 0.4 * part * y)  # strands fall away from the parting
        wave = np.abs(wave - np.rint(wave)) * 4 - 1
        tone = f["hair"] * (1 + f["light_x"] * x + f["light_y"] * (y + 0.7) + f["strands"] * wave)
        self.fill(np.maximum(top, fringe), tone)

    def nose(self) -> None:
        """Bridge, tip and nostrils; wrinkles across the bridge."""
        f, x, y, side = self.face, self.x, self.y, self.side
        end = f["nose_length"] - 0.05 * f["wrinkle"]
        width = f["nose_width"] * (1 + 0.25 * f["wrinkle"])
        self.fill(np.maximum(side - 0.05, np.abs(y) - end), self.skin * 1.12, 0.6)
        self.fill(_ellipse(x, y - end - 0.07, width + 0.03, 0.05), self.skin * 0.72, 0.7)
        self.fill(_ellipse(side - width * 0.65, y - end - 0.03, 0.04, 0.03), self.skin * 0.4)
        for level in (-0.13, -0.02):
            line = np.abs(y - level + 0.5 * side) - 0.02
            self.fill(np.maximum(line, side - 0.14), self.skin * 0.55, np.minimum(f["wrinkle"], 1))

    def folds(self) -> None:
        """Cheeks, the folds from nose to mouth (smile, disgust), the furrow between the brows."""
        f, y, side = self.face, self.y, self.side
        smile = np.clip(f["smile"], 0, 1)
        self.fill(_ellipse(side - 0.42, y - 0.22, 0.2, 0.15), self.skin * 1.1, 0.5 * smile)
        strength = np.clip(0.5 * smile + 0.8 * f["wrinkle"], 0, 0.9)
        drop = y - 0.2
        line = np.abs(side - f["nose_width"] - 0.07 - 0.9 * drop + 0.9 * drop * drop) - 0.018
        self.fill(np.maximum(line, np.abs(drop - 0.13) - 0.15), self.skin * 0.6, strength)
        furrow = np.maximum(np.abs(side - 0.05 - 0.1 * (y + 0.38)) - 0.016, np.abs(y + 0.36) - 0.09)
        self.fill(furrow, self.skin * 0.6, np.clip(f["together"] - 0.2, 0, 0.7))

    def mouth(self) -> None:
        """Lips, the opening between them, teeth."""
        f, x, y = self.face, self.x, self.y
        width = f["mouth_width"] * (1 + 0.3 * f["wide"])
        t = x / width
        square = np.minimum(t * t, 1.5)
        bow = np.sqrt(np.maximum(1 - square, 0))
        line = f["mouth_height"] - (0.17 * f["smile"] + f["mouth_curve"]) * (square - 0.45)
        upper = line - (0.07 * f["open"] + 0.10 * f["sneer"]) * bow
        lower = line + (0.27 * f["open"] + 0.03 * f["sneer"]) * bow
        beyond = (np.abs(t) - 1) * width
        lips = np.maximum(upper - y - f["lip"] * bow, y - lower - 1.3 * f["lip"] * bow)
        self.fill(np.maximum(lips, beyond), self.skin * f["lip_tone"])
        inside = np.maximum(np.maximum(upper - y, y - lower) - 0.022, beyond)
        self.fill(inside, 0.3 * self.skin)
        teeth = np.clip(f["wide"] + f["sneer"] - 0.1, 0, 1) * 0.1
        self.fill(np.maximum(inside + 0.04, y - upper - teeth), 0.93)

    def eyes(self) -> None:
        """White, iris and pupil between two lids, the lines of the lids."""
        f, y = self.face, self.y
        t = (self.side - f["eye_spacing"]) / f["eye_width"]
        arc = 1 - np.minimum(t * t, 1.6)
        middle = -0.13 + (f["eye_tilt"] + 0.03 * f["slant"]) * t
        height = f["eye_height"]
        upper = middle - height * np.maximum(1 + 0.6 * f["lid"], 0.15) * arc
        lower = middle + height * np.clip(0.75 + 0.3 * f["lid"] - 0.8 * f["squint"], -0.2, 1.3) * arc
        opening = np.maximum(upper - y, y - lower)
        self.fill(opening, 0.95)
        gaze = f["gaze"] * np.sign(self.x)
        off = _ellipse(self.side - f["eye_spacing"] - gaze, y + 0.14, 0.085, 0.085)
        self.fill(np.maximum(off, opening), f["iris"])
        self.fill(np.maximum(off + 0.045, opening), 0.02)
        outside = (np.abs(t) - 1.1) * f["eye_width"]
        self.fill(np.maximum(np.abs(y - upper) - 0.022, outside), 0.25 * self.skin)
        self.fill(np.maximum(np.abs(y - lower) - 0.01, outside), 0.6 * self.skin, 0.7)

    def brows(self) -> None:
        """Two strokes, thinner outwards."""
        f, y = self.face, self.y
        t = (self.side - f["eye_spacing"] + 0.05 * f["together"]) / f["brow_width"]
        slant = 0.085 * f["slant"] + f["brow_slant"]
        middle = f["brow_height"] - 0.13 * f["raise"] + slant * t + f["brow_arch"] * t * t
        stroke = np.abs(y - middle) - f["brow_thickness"] * (1.1 - 0.35 * t)
        beyond = (np.abs(t) - 1) * f["brow_width"]
        self.fill(np.maximum(stroke, beyond), 0.35 * np.minimum(f["hair"] + 0.2, f["skin"]))


def _ellipse(x: np.ndarray, y: np.ndarray, width: Value, height: Value) -> np.ndarray:
    """Rough distance to the edge of an ellipse round the origin with these half-axes, negative inside."""
    u, v = x / width, y / height
    return (np.sqrt(u * u + v * v) - 1) * np.minimum(width, height, dtype=np.float32)
