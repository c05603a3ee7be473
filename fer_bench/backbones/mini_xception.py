"""Mini-Xception: four residual blocks of separable convolutions, made for FER-2013 and trained from scratch.

Arriaga, Valdenegro-Toro and Plöger, Real-time Convolutional Neural Networks for Emotion and Gender
Classification, 2017. https://arxiv.org/abs/1710.07557
There a last 3x3 convolution has one channel per class, and its averages over the image are the logits. Here
the trunk ends in the 128 features before that, which are averaged and given to the head: for seven classes
51 k parameters in all instead of 58 k.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fer_bench.backbones.base import BACKBONES, Backbone, scale_to_unit

if TYPE_CHECKING:
    from keras import KerasTensor, Model


@BACKBONES.register("mini_xception")
class MiniXception(Backbone):
    """50 k parameters, 128 features; has no pretrained weights."""

    trunk_name = "mini_xception"
    smallest = 16
    seconds_per_megapixel = 0.45

    def preprocess(self, pixels: KerasTensor) -> KerasTensor:
        """To [-1, 1]."""
        return scale_to_unit(pixels)

    def trunk(self, size: int, weights: str | None = None) -> Model:
        """Two convolutions without padding, then blocks of 16, 32, 64 and 128 channels, each halving."""
        import keras
        from keras import layers

        pixels = x = keras.Input((size, size, 3))
        for _ in range(2):
            x = layers.Conv2D(8, 3, use_bias=False)(x)
            x = layers.ReLU()(layers.BatchNormalization()(x))
        for filters in (16, 32, 64, 128):
            # This is a 1x1 convolution with strides 2. As one layer its gradient (few channels, even size)
            # writes out of bounds in TensorFlow 2.21 with oneDNN, and the process dies.
            short = layers.MaxPooling2D(1, strides=2)(x)
            short = layers.BatchNormalization()(layers.Conv2D(filters, 1, use_bias=False)(short))
            x = layers.ReLU()(_separable(x, filters))
            x = layers.MaxPooling2D(3, strides=2, padding="same")(_separable(x, filters))
            x = layers.Add()([x, short])
        return keras.Model(pixels, x, name=self.trunk_name)


def _separable(x: KerasTensor, filters: int) -> KerasTensor:
    """A depthwise 3x3 convolution, one of 1x1 to `filters` channels, batch normalisation."""
    from keras import layers

    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    return layers.BatchNormalization()(layers.Conv2D(filters, 1, use_bias=False)(x))
