"""EfficientNetV2-B0: inverted residuals with squeeze and excitation, the first ones fused.

Tan and Le, EfficientNetV2: Smaller Models and Faster Training, ICML 2021. https://arxiv.org/abs/2104.00298
In training, residual branches of layers that are trained are dropped at random, up to one in five (stochastic
depth); frozen layers keep all of theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fer_bench.backbones.base import BACKBONES, Backbone, standardise_as_imagenet

if TYPE_CHECKING:
    from keras import KerasTensor, Model


@BACKBONES.register("efficientnet_v2_b0")
class EfficientNetV2B0(Backbone):
    """5.9 M parameters, 1,280 features."""

    trunk_name = "efficientnet_v2_b0"
    download_name = "efficientnetv2-b0_notop.h5"
    weights_licence = "Apache-2.0"
    seconds_per_megapixel = 1.4

    def preprocess(self, pixels: KerasTensor) -> KerasTensor:
        """To [0, 1], then standardised by ImageNet's mean and standard deviation of each channel."""
        return standardise_as_imagenet(pixels)

    def trunk(self, size: int, weights: str | None = None) -> Model:
        """Keras' own, without its top and without the layers that scale pixels."""
        import keras

        model = keras.applications.EfficientNetV2B0(
            input_shape=(size, size, 3), include_top=False, weights=weights, include_preprocessing=False
        )
        # Above, Keras expects the name of one of its variants.
        return keras.Model(model.input, model.output, name=self.trunk_name)
