"""VGG16: thirteen 3x3 convolutions in five stages; the heavy one, without batch normalisation.

Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015.
https://arxiv.org/abs/1409.1556
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fer_bench.backbones.base import BACKBONES, Backbone, subtract_caffe_mean

if TYPE_CHECKING:
    from keras import KerasTensor, Model


@BACKBONES.register("vgg16")
class VGG16(Backbone):
    """14.7 M parameters, 512 features."""

    trunk_name = "vgg16"
    download_name = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    weights_licence = "CC BY 4.0"
    seconds_per_megapixel = 8.5
    gains_by_bfloat16 = ("gpu", "cpu")

    def preprocess(self, pixels: KerasTensor) -> KerasTensor:
        """BGR, less ImageNet's mean."""
        return subtract_caffe_mean(pixels)

    def trunk(self, size: int, weights: str | None = None) -> Model:
        """Keras' own, without its top."""
        import keras

        return keras.applications.VGG16(
            input_shape=(size, size, 3), include_top=False, weights=weights, name=self.trunk_name
        )
