"""Images that a strategy makes of a trial's training images: decoded from codes, put behind the real ones."""

from __future__ import annotations

import time

import keras
import numpy as np

from fer_bench.data.trial_data import TrialData
from fer_bench.hashing import derive_seed
from fer_bench.strategies.base import Strategy
from fer_bench.training.autoencoder import Autoencoder
from fer_bench.training.pixels import PixelBank
from fer_bench.training.pixels_with_room import BankWithRoom
from fer_bench.training.step import PREDICTION_BATCH, CompiledStep

LARGEST_MADE = 2**30  # bytes of images that are made for a trial
COLUMNS = 6  # real images of a class on the sheet, and as many made ones
LARGEST_SIDE = 64  # of images on the sheet, which are thinned out to it


class MadeImages:
    """The images that the trial in progress makes, of its training images: none for most strategies.

    `labels` (M,) int32 are their classes; `seconds` is how long it took to make them. The autoencoder is
    kept for the next trial with the same seed, which takes only the seconds that it needs itself.
    """

    def __init__(self, bank: PixelBank, body: keras.Model, largest: int = LARGEST_MADE) -> None:
        self._bank, self._body, self._largest = bank, body, largest
        self._with_room: BankWithRoom | None = None
        self._features_of: CompiledStep | None = None
        self._coder: Autoencoder | None = None
        self._known: tuple[int, TrialData, np.ndarray] | None = None  # seed, data, and codes
        self.labels, self.seconds = np.zeros(0, "int32"), 0.0

    @property
    def bank(self) -> BankWithRoom:
        """The images with those made behind them; another object after `begin_trial` has returned True."""
        assert self._with_room is not None
        return self._with_room

    def begin_trial(self, strategy: Strategy, seed: int, data: TrialData) -> bool:
        """Make the images that a strategy asks for, from a seed; returns whether that takes a new `bank`.

        Raises MemoryError for more than fit, and ValueError where the strategy makes another number of codes
        than it told.
        """
        began, counts = time.perf_counter(), data.class_counts
        wanted = strategy.image_counts(counts)
        number = int(np.sum(wanted - counts))
        self.labels, self.seconds = np.zeros(0, "int32"), 0.0
        if not number:
            return False
        self._check_fits(number)
        codes = self._codes(seed, data)
        labels = data.labels[data.train]
        rows, row_labels = strategy.resample_codes(codes, labels, derive_seed(seed, "codes"))
        if not np.array_equal(np.bincount(row_labels, minlength=len(counts)), wanted):
            raise ValueError(
                f"resample_codes made {len(rows) - len(codes)} codes, image_counts promised {number}"
            )
        self.labels = row_labels[len(codes) :].astype("int32")
        new = self._with_room is None or self._with_room.rows < number
        if new:
            self._with_room, self._features_of = BankWithRoom(self._bank, number), None
        self.bank.fill(self.coder.decode(rows[len(codes) :]))
        self.seconds = time.perf_counter() - began
        return new

    def _check_fits(self, number: int) -> None:
        size = number * int(np.prod(self._bank.image_shape))
        if size > self._largest:
            height, width, _ = self._bank.image_shape
            raise MemoryError(
                f"{number:,} made images of {height} x {width} pixels: {size / 2**30:.1f} GiB; at most "
                f"{self._largest / 2**30:.1f} fit: use fewer train_images, or import the images smaller"
            )

    @property
    def coder(self) -> Autoencoder:
        """The autoencoder, as it was trained for the last trial that needed it."""
        if self._coder is None:
            self._coder = Autoencoder(self._bank.image_shape)
        return self._coder

    def _codes(self, seed: int, data: TrialData) -> np.ndarray:
        """Codes (n, CODE) float32 of the training images, by the autoencoder of a seed."""
        if self._known is None or self._known[0] != seed or self._known[1] is not data:
            self._known = None  # while the autoencoder is being trained it fits no codes
            pixels, train = data.pixels, data.train
            self.coder.fit(pixels, train, data.labels[train], derive_seed(seed, "autoencoder"))
            self._known = seed, data, self.coder.encode(pixels, train)
        return self._known[2]

    def set_strength(self, by_class: np.ndarray) -> None:
        """Set the strength of augmentation of each class, (K,) float32."""
        if len(self.labels):
            self.bank.set_strength(by_class[self.labels])

    def rows_behind(self, index: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Images `index` (n,) with those made, and labels by row, (N + M,); `labels` (N,) are all images'."""
        if not len(self.labels):
            return index, labels
        return np.concatenate([index, self._index]), np.concatenate([labels, self.labels])

    def features_behind(self, features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features (n, d) float32 and labels (n,) with those of the made images appended."""
        if not len(self.labels):
            return features, labels
        if self._features_of is None:
            self._features_of = CompiledStep(self.bank, self._body)
        batch = min(PREDICTION_BATCH, self._bank.number)  # one size, as for real images
        made = self._features_of.predict_rows(self._index, batch).reshape(len(self.labels), -1)
        return np.concatenate([features, made]), np.concatenate([labels, self.labels])

    @property
    def _index(self) -> np.ndarray:
        """Indices (M,) of the made images in `bank`."""
        return np.arange(self._bank.number, self._bank.number + len(self.labels))

    def sheet(self, data: TrialData) -> np.ndarray | None:
        """Images to look at: (K, 2, COLUMNS, H, W, C) uint8, of each class real ones, then made ones.

        Black where there are no more; with every second, third, ... pixel of large ones. None where none
        were made.
        """
        if not len(self.labels):
            return None
        step = -(-max(self._bank.image_shape[:2]) // LARGEST_SIDE)
        shape = self.bank.on_host[:, ::step, ::step].shape[1:]
        sheet = np.zeros((len(data.classes), 2, COLUMNS, *shape), np.uint8)
        for label in range(len(data.classes)):
            real = data.train[data.labels[data.train] == label][:COLUMNS]
            made = np.flatnonzero(self.labels == label)[:COLUMNS]
            sheet[label, 0, : len(real)] = data.pixels[real][:, ::step, ::step]
            sheet[label, 1, : len(made)] = self.bank.on_host[made][:, ::step, ::step]
        return sheet
