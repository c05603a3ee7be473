"""The contract of backbones: documented, of the shapes it declares, finite for raw pixels."""

from __future__ import annotations

import re
import sys
from typing import ClassVar

import numpy as np
import pytest

from fer_bench.backbones.base import BACKBONES, Backbone

LARGEST, USUAL = 255, 48  # image sizes, pixels: the largest that a recipe takes, and FER-2013's


class BackboneContract:
    """Tests of the backbone registered as `name`; they load Keras and build its trunk, without weights."""

    name: ClassVar[str]

    @pytest.fixture
    def backbone(self) -> Backbone:
        """The backbone."""
        return BACKBONES[self.name]()

    def test_its_file_says_what_it_is_and_from_where(self, backbone: Backbone) -> None:
        """`fer-bench list` shows the first line; cost is estimated from `seconds_per_megapixel`."""
        text = sys.modules[type(backbone).__module__].__doc__ or ""
        assert re.match(r"[A-Z].{20,}\.$", text.partition("\n")[0]), "the first line says what it is"
        assert re.search(r"\b20\d\d\b", text), "a citation has a year"
        assert re.search(r"https?://\S+\.\S+", text), "and a link"
        assert type(backbone).__doc__ not in (None, Backbone.__doc__)
        assert backbone.seconds_per_megapixel > 0
        assert backbone.trunk_name

    def test_it_builds_at_its_smallest_and_at_the_largest_size(self, backbone: Backbone) -> None:
        """(B, S, S, 3) pixels to (B, h, w, d) features, finite for raw pixels in 0..255."""
        from keras import ops

        usual = max(USUAL, backbone.smallest)
        for size in (backbone.smallest, LARGEST, usual):
            trunk = backbone.trunk(size)
            assert trunk.name == backbone.trunk_name
            assert trunk.input_shape == (None, size, size, 3)
            batch, height, width, depth = trunk.output_shape
            assert batch is None
            assert height == width >= 1
            features = backbone.convolutional_head(ops.zeros((2, height, width, depth)))
            assert len(features.shape) == 4
        pixels = np.random.default_rng(0).integers(0, 256, (2, usual, usual, 3)).astype(np.float32)
        features = trunk(backbone.preprocess(ops.convert_to_tensor(pixels)), training=False)
        assert np.isfinite(ops.convert_to_numpy(features)).all()
