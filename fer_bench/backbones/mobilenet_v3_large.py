"""MobileNetV3-Large: inverted residuals with squeeze and excitation and hard swish, found by a search.

Howard et al., Searching for MobileNetV3, ICCV 2019. https://arxiv.org/abs/1905.02244
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fer_bench.backbones.base import BACKBONES, Backbone, scale_to_unit

if TYPE_CHECKING:
    from keras import KerasTensor, Model


@BACKBONES.register("mobilenet_v3_large")
class MobileNetV3Large(Backbone):
    """3.0 M parameters, 960 features."""

    trunk_name = "mobilenet_v3_large"
    download_name = "weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5"
    weights_licence = "Apache-2.0"
    seconds_per_megapixel = 0.45

    def preprocess(self, pixels: KerasTensor) -> KerasTensor:
        """To [-1, 1]."""
        return scale_to_unit(pixels)

    def trunk(self, size: int, weights: str | None = None) -> Model:
        """Keras' own, without its top and without the layer that scales pixels."""
        import keras

        return keras.applications.MobileNetV3Large(
            input_shape=(size, size, 3),
            include_top=False,
            weights=weights,
            include_preprocessing=False,
            name=self.trunk_name,
        )
