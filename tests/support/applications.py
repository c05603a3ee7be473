"""Keras' own models with weights, in files of both formats, to compare a backbone's features with theirs."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fer_bench.backbones.base import Backbone

SIZE = 32


def features_from_files_of(
    application: str, backbone: Backbone, folder: Path
) -> tuple[np.ndarray, Iterator[np.ndarray]]:
    """Features that Keras' whole model, which scales pixels itself, gives of some raw pixels with random
    weights; and those of the backbone's trunk, with these weights from a file of each format."""
    import h5py
    import keras
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    from fer_bench.backbones.pretrained import load_trunk

    whole = getattr(keras.applications, application)(
        input_shape=(SIZE, SIZE, 3), include_top=False, weights=None
    )
    rng = np.random.default_rng(0)
    whole.set_weights([a + rng.uniform(0, 0.2, a.shape) if a.ndim == 1 else a for a in whole.get_weights()])
    pixels = rng.uniform(0, 255, (3, SIZE, SIZE, 3)).astype(np.float32)
    now, before = folder / f"{backbone.trunk_name}.weights.h5", folder / str(backbone.download_name)
    whole.save_weights(now)
    with h5py.File(before, "w") as file:
        save_weights_to_hdf5_group(file, whole)

    trunk = backbone.trunk(SIZE)

    def of_trunk(path: Path) -> np.ndarray:
        trunk.set_weights([np.zeros_like(a) for a in trunk.get_weights()])
        load_trunk(backbone, trunk, path)
        return keras.ops.convert_to_numpy(trunk(backbone.preprocess(pixels), training=False))

    expected = keras.ops.convert_to_numpy(whole(pixels, training=False))
    return expected, (of_trunk(path) for path in (now, before))
