import h5py
import numpy as np
import pytest

from fer_bench.backbones.base import BACKBONES
from fer_bench.backbones.pretrained import load_trunk

pytest.importorskip("keras")


def test_efficientnet_gives_the_features_that_keras_gives_with_the_same_weights(tmp_path):
    """Keras scales pixels inside its model; files saved from that, in either format, fit the trunk."""
    import keras
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    whole = keras.applications.EfficientNetV2B0(input_shape=(32, 32, 3), include_top=False, weights=None)
    rng = np.random.default_rng(0)
    weights = whole.get_weights()
    whole.set_weights([a + rng.uniform(0, 0.2, a.shape) if a.ndim == 1 else a for a in weights])
    pixels = rng.uniform(0, 255, (3, 32, 32, 3)).astype(np.float32)
    expected = keras.ops.convert_to_numpy(whole(pixels, training=False))
    assert 1e-3 < expected.std() < 1e3
    backbone = BACKBONES["efficientnet_v2_b0"]()
    now, before = tmp_path / "efficientnet_v2_b0.weights.h5", tmp_path / backbone.download_name
    whole.save_weights(now)
    with h5py.File(before, "w") as file:
        save_weights_to_hdf5_group(file, whole)
    for path in (now, before):
        trunk = backbone.trunk(32)
        load_trunk(trunk, path)
        found = keras.ops.convert_to_numpy(trunk(backbone.preprocess(pixels), training=False))
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * expected.std())
