"""An autoencoder of a data set's images: from an image to a short code, and from any code to an image.

It minimises |D(E(x)) - x|^2 over all images, and with the same weight |D(E(x')) - x|^2 for images x and x' of
one class, drawn at random: the penalty of DeepSMOTE, see `strategies.deep_smote`.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, prod

import keras
import numpy as np
from keras import layers

from fer_bench.hashing import derive_seed
from fer_bench.training.backend import Tensor, jit_compile
from fer_bench.training.optimizer import ScheduledAdam

WIDTHS = (16, 32, 64)  # of the convolutions, each of which halves the side
CODE = 128  # numbers in a code
EPOCHS, BATCH, RATE = 6, 64, 1e-3
PREDICTION_BATCH = 256


class Autoencoder:
    """Encoder and decoder for images (H, W, C) uint8, built once and trained anew from a seed.

    The same seed and images give the same codes, in a fresh process or a warm one; on a CPU to the last bit.
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        image, code = keras.Input(shape), keras.Input((CODE,))
        self._encoder = keras.Model(image, self._encoded(image), name="encoder")
        self._decoder = keras.Model(code, self._decoded(code, shape), name="decoder")
        self._both = keras.Model(image, self._decoder(self._encoder(image)), name="autoencoder")
        self._optimizer = ScheduledAdam("constant", learning_rate=RATE)
        self._optimizer.build(self._both.trainable_variables)
        self._both.compile(optimizer=self._optimizer, loss="mean_squared_error", jit_compile=jit_compile())

    def _encoded(self, image: Tensor) -> Tensor:
        for width in WIDTHS:
            image = layers.Conv2D(width, 3, 2, "same", activation="relu")(image)
        return layers.Dense(CODE)(layers.Flatten()(image))

    def _decoded(self, code: Tensor, shape: tuple[int, int, int]) -> Tensor:
        height, width, channels = shape
        smallest = (*(ceil(side / 2 ** len(WIDTHS)) for side in (height, width)), WIDTHS[-1])
        x = layers.Dense(prod(smallest), activation="relu")(code)
        x = layers.Reshape(smallest)(x)
        for filters in WIDTHS[-2::-1]:
            x = layers.Conv2DTranspose(filters, 4, 2, "same", activation="relu")(x)
        x = layers.Conv2DTranspose(channels, 4, 2, "same", activation="sigmoid")(x)
        beyond = ((0, x.shape[1] - height), (0, x.shape[2] - width))
        return layers.Cropping2D(beyond)(x)

    def fit(self, pixels: np.ndarray, index: np.ndarray, labels: np.ndarray, seed: int) -> None:
        """Train anew on images `index` (n,) of `pixels` (N, H, W, C) uint8, of classes `labels` (n,)."""
        self._reset(seed)
        for given, wanted in training_pairs(labels, derive_seed(seed, "pairs")):
            self._both.train_on_batch(scaled(pixels[index[given]]), scaled(pixels[index[wanted]]))

    def _reset(self, seed: int) -> None:
        """Draw kernels anew, normal with variance 2 / fan-in, and forget all steps."""
        for place, variable in enumerate(self._both.variables):
            value = np.zeros(variable.shape, "float32")
            if variable.name == "kernel":
                fan_in = prod(variable.shape[:-1])
                random = np.random.default_rng(derive_seed(seed, place))
                value = random.standard_normal(variable.shape, "float32") * np.float32(np.sqrt(2 / fan_in))
            variable.assign(value)
        self._optimizer.reset(RATE, weight_decay=0.0)

    def encode(self, pixels: np.ndarray, index: np.ndarray) -> np.ndarray:
        """Codes (n, CODE) float32 of images `index` (n,) of `pixels` (N, H, W, C) uint8."""
        batches = (scaled(pixels[index[rows]]) for rows in _batches(len(index)))
        return np.concatenate([self._encoder.predict_on_batch(batch) for batch in batches])[: len(index)]

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Images (n, H, W, C) uint8 of codes (n, CODE) float32."""
        decoded = [self._decoder.predict_on_batch(codes[rows]) for rows in _batches(len(codes))]
        return np.concatenate([np.round(255 * images).astype(np.uint8) for images in decoded])[: len(codes)]


def training_pairs(labels: np.ndarray, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each step which images are given and which are wanted instead of them, both (2 B,) indices.

    The first B, of all images in a random order, are wanted as they are. The others are B of one class, each
    class as likely, in the place of which the next one is wanted; a class with fewer gives some repeatedly.
    """
    random = np.random.default_rng(seed)
    batch = min(BATCH, len(labels))
    by_class = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    for _ in range(EPOCHS):
        order = random.permutation(len(labels))
        for begin in range(0, len(labels) - batch + 1, batch):
            of_class = random.permutation(by_class[random.integers(len(by_class))])
            drawn = np.resize(of_class[:batch], batch)
            same = order[begin : begin + batch]
            yield np.concatenate([same, drawn]), np.concatenate([same, np.roll(drawn, -1)])


def scaled(pixels: np.ndarray) -> np.ndarray:
    """Pixels uint8 as float32 in [0, 1]."""
    return pixels.astype("float32") / 255


def _batches(number: int) -> Iterator[np.ndarray]:
    """Rows of each batch, all of one size: on that the last bits of an image may depend."""
    size = min(PREDICTION_BATCH, number)
    padded = np.resize(np.arange(number), ceil(number / size) * size)
    return iter(padded.reshape(-1, size))
