"""Compact CNN: four separable stages from scratch, for tests and small machines.

The blocks are those of Chollet, Xception: Deep Learning with Depthwise Separable Convolutions, CVPR 2017.
https://arxiv.org/abs/1610.02357
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fer_bench.backbones.base import BACKBONES, Backbone, scale_to_unit

if TYPE_CHECKING:
    from keras import KerasTensor, Model


@BACKBONES.register("compact_cnn")
class CompactCNN(Backbone):
    """13 k parameters, 128 features; has no pretrained weights."""

    trunk_name = "compact_cnn"
    smallest = 16
    seconds_per_megapixel = 0.25

    def preprocess(self, pixels: KerasTensor) -> KerasTensor:
        """To [-1, 1]."""
        return scale_to_unit(pixels)

    def trunk(self, size: int, weights: str | None = None) -> Model:
        """A strided convolution, then three separable ones, each halving the image."""
        import keras
        from keras import layers

        pixels = keras.Input((size, size, 3))
        x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(pixels)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        for filters in (32, 64, 128):
            x = layers.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False)(x)
            x = layers.Conv2D(filters, 1, use_bias=False)(x)
            x = layers.ReLU()(layers.BatchNormalization()(x))
        return keras.Model(pixels, x, name=self.trunk_name)
