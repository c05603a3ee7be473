"""The same training as notebooks do it, to compare with: ImageDataGenerator on a JPEG tree, a new model.

Numbers of the augmentation are those that notebooks on FER-2013 share: +-20 degrees, +-20 % shift, shear and
zoom of 0.2, flips, pixels divided by 255.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from fer_bench.backbones.base import BACKBONES
from fer_bench.datasets.synthetic import CLASSES
from fer_bench.study.augmentation import Augmentation

if TYPE_CHECKING:
    import keras
    from keras.callbacks import LambdaCallback
    from keras.src.legacy.preprocessing.image import DataFrameIterator, DirectoryIterator, ImageDataGenerator

Logs = dict[str, float] | None  # of Keras, for callbacks
AUGMENTATION = Augmentation(flip=True, rotation=20, shift=0.2, zoom=0.2, shear=0.2)


def generator(
    folder: Path, size: int, batch: int, augmentation: Augmentation | None = AUGMENTATION
) -> DirectoryIterator:
    """Batches of a JPEG tree: (B, size, size, 3) float32 in 0..1, and one-hot labels."""
    return _reader(augmentation).flow_from_directory(
        folder, target_size=(size, size), batch_size=batch, classes=list(CLASSES)
    )


def oversampled(folder: Path, size: int, batch: int) -> DataFrameIterator:
    """The same with images of rare classes drawn as often as those of the commonest."""
    import pandas as pd
    from imblearn.over_sampling import RandomOverSampler

    paths = sorted(folder.rglob("*.jpg"))
    frame = pd.DataFrame({"filename": [str(path) for path in paths]})
    frame, label = RandomOverSampler(random_state=0).fit_resample(frame, [path.parent.name for path in paths])
    return _reader(AUGMENTATION).flow_from_dataframe(
        frame.assign(**{"class": label}), target_size=(size, size), batch_size=batch, classes=list(CLASSES)
    )


def _reader(ranges: Augmentation | None) -> ImageDataGenerator:
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    if ranges is None:
        return ImageDataGenerator(rescale=1 / 255)
    return ImageDataGenerator(
        rescale=1 / 255,
        rotation_range=ranges.rotation,
        width_shift_range=ranges.shift,
        height_shift_range=ranges.shift,
        shear_range=ranges.shear,
        zoom_range=ranges.zoom,
        horizontal_flip=ranges.flip,
    )


def make_model(backbone: str, size: int) -> tuple[keras.Model, keras.Model]:
    """A new model, (B, size, size, 3) -> softmax over the classes, and its trunk with random weights."""
    import keras
    from keras import layers

    architecture = BACKBONES[backbone]()
    trunk = architecture.trunk(size)
    features = architecture.convolutional_head(trunk.output)
    if len(features.shape) == 4:
        features = layers.GlobalAveragePooling2D()(features)
    probabilities = layers.Dense(len(CLASSES), activation="softmax")(layers.Dropout(0.5)(features))
    return keras.Model(trunk.input, probabilities), trunk


def compile_model(
    model: keras.Model, loss: str | keras.Loss = "categorical_crossentropy", rate: float = 1e-3
) -> None:
    """Compile as notebooks do: Adam, accuracy."""
    import keras

    model.compile(optimizer=keras.optimizers.Adam(rate), loss=loss, metrics=["accuracy"])


class Stopwatch:
    """Seconds of the steps alone: from the begin of an epoch to the end of its last step, over all epochs.

    Left out is what Keras waits for at the end of an epoch or of `fit`, when tf.data's tuning thread sleeps.
    """

    def __init__(self) -> None:
        self.seconds = 0.0

    def callback(self) -> LambdaCallback:
        """A callback for `fit`."""
        from keras.callbacks import LambdaCallback

        return LambdaCallback(
            on_epoch_begin=self._begin, on_train_batch_end=self._step, on_epoch_end=self._end
        )

    def _begin(self, epoch: int, logs: Logs = None) -> None:
        self._begun = time.perf_counter()

    def _step(self, step: int, logs: Logs = None) -> None:
        self._last = time.perf_counter()

    def _end(self, epoch: int, logs: Logs = None) -> None:
        self.seconds += self._last - self._begun
