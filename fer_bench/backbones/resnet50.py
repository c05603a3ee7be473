"""ResNet50: residual bottlenecks, fifty layers deep.

He et al., Deep Residual Learning for Image Recognition, CVPR 2016.
https://arxiv.org/abs/1512.03385
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fer_bench.backbones.base import BACKBONES, Backbone, subtract_caffe_mean

if TYPE_CHECKING:
    from keras import KerasTensor, Model


@BACKBONES.register("resnet50")
class ResNet50(Backbone):
    """23.6 M parameters, 2,048 features."""

    trunk_name = "resnet50"
    download_name = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
    weights_licence = "MIT"
    seconds_per_megapixel = 4.0

    def preprocess(self, pixels: KerasTensor) -> KerasTensor:
        """BGR, less ImageNet's mean."""
        return subtract_caffe_mean(pixels)

    def trunk(self, size: int, weights: str | None = None) -> Model:
        """Keras' own, without its top."""
        import keras

        return keras.applications.ResNet50(
            input_shape=(size, size, 3), include_top=False, weights=weights, name=self.trunk_name
        )
