import numpy as np
import pytest
from applications import features_from_files_of

from fer_bench.backbones.base import BACKBONES

pytest.importorskip("keras")


def test_convnext_gives_the_features_that_keras_gives_with_the_same_weights(tmp_path):
    """Keras scales pixels inside its model, and its grouped convolutions are depthwise ones in the trunk."""
    backbone = BACKBONES["convnext_tiny"]()
    expected, found = features_from_files_of("ConvNeXtTiny", backbone, tmp_path)
    assert 1e-3 < expected.std() < 1e3
    for features in found:
        np.testing.assert_allclose(features, expected, rtol=1e-3, atol=1e-3 * expected.std())
