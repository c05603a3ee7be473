"""MobileNet (v1) with a head of five convolutions: 1x1x32, then 3x3x64, 128, 256 and 512.

Howard et al., MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications, 2017.
https://arxiv.org/abs/1704.04861
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fer_bench.backbones.base import BACKBONES, Backbone, scale_to_unit

if TYPE_CHECKING:
    from keras import KerasTensor, Model


@BACKBONES.register("mobilenet_conv")
class MobileNetConv(Backbone):
    """3.2 M parameters in the trunk, 1.6 M in the convolutions, 512 features."""

    trunk_name = "mobilenet"
    download_name = "mobilenet_1_0_224_tf_no_top.h5"
    weights_licence = "Apache-2.0"
    seconds_per_megapixel = 0.6

    def preprocess(self, pixels: KerasTensor) -> KerasTensor:
        """To [-1, 1]."""
        return scale_to_unit(pixels)

    def trunk(self, size: int, weights: str | None = None) -> Model:
        """Keras' own MobileNet, without its top."""
        import keras

        return keras.applications.MobileNet(
            input_shape=(size, size, 3), include_top=False, weights=weights, name=self.trunk_name
        )

    def convolutional_head(self, features: KerasTensor) -> KerasTensor:
        """Five convolutions, padding same, ReLU."""
        from keras import layers

        for kernel, filters in ((1, 32), (3, 64), (3, 128), (3, 256), (3, 512)):
            features = layers.Conv2D(
                filters, kernel, padding="same", activation="relu", name=f"conv_{kernel}x{kernel}_{filters}"
            )(features)
        return features
