"""MobileNetV2: inverted residuals with linear bottlenecks; the light one.

Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR 2018.
https://arxiv.org/abs/1801.04381
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fer_bench.backbones.base import BACKBONES, Backbone, scale_to_unit

if TYPE_CHECKING:
    from keras import KerasTensor, Model


@BACKBONES.register("mobilenet_v2")
class MobileNetV2(Backbone):
    """2.3 M parameters, 1,280 features."""

    trunk_name = "mobilenet_v2"
    download_name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"
    weights_licence = "Apache-2.0"
    seconds_per_megapixel = 0.55

    def preprocess(self, pixels: KerasTensor) -> KerasTensor:
        """To [-1, 1]."""
        return scale_to_unit(pixels)

    def trunk(self, size: int, weights: str | None = None) -> Model:
        """Keras' own, without its top."""
        import keras

        return keras.applications.MobileNetV2(
            input_shape=(size, size, 3), include_top=False, weights=weights, name=self.trunk_name
        )
