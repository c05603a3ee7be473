"""ConvNeXt-Tiny: a residual network with the proportions of a vision transformer, 7x7 depthwise convolutions.

Liu et al., A ConvNet for the 2020s, CVPR 2022. https://arxiv.org/abs/2201.03545
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fer_bench.backbones.base import BACKBONES, Backbone, standardise_as_imagenet

if TYPE_CHECKING:
    from pathlib import Path

    from keras import KerasTensor, Layer, Model


@BACKBONES.register("convnext_tiny")
class ConvNeXtTiny(Backbone):
    """27.8 M parameters, 768 features."""

    trunk_name = "convnext_tiny"
    download_name = "convnext_tiny_notop.h5"
    weights_licence = "MIT"
    seconds_per_megapixel = 2.8

    def preprocess(self, pixels: KerasTensor) -> KerasTensor:
        """To [0, 1], then standardised by ImageNet's mean and standard deviation of each channel."""
        return standardise_as_imagenet(pixels)

    def trunk(self, size: int, weights: str | None = None) -> Model:
        """Keras' own, without its top and without scaling, its grouped convolutions as depthwise ones."""
        import keras

        grouped = self._grouped(size, weights)
        trunk = keras.models.clone_model(grouped, clone_function=_depthwise)
        if weights:
            _copy(grouped, trunk)
        return trunk

    def load(self, trunk: Model, path: Path) -> None:
        """Read weights of Keras' model into a trunk."""
        grouped = self._grouped(trunk.input_shape[1])
        grouped.load_weights(path)
        _copy(grouped, trunk)

    def _grouped(self, size: int, weights: str | None = None) -> Model:
        import keras

        return keras.applications.ConvNeXtTiny(
            input_shape=(size, size, 3),
            include_top=False,
            weights=weights,
            include_preprocessing=False,
            name=self.trunk_name,
        )


def _depthwise(layer: Layer) -> Layer:
    """A convolution with a group for each channel as a depthwise one; any other layer as it is.

    On a CPU TensorFlow computes a grouped one, and its gradient, at a twentieth of the speed.
    """
    from keras import layers

    if not isinstance(layer, layers.Conv2D) or layer.groups == 1:
        return layer
    return layers.DepthwiseConv2D(layer.kernel_size, padding=layer.padding, name=layer.name)


def _copy(grouped: Model, trunk: Model) -> None:
    """Copy weights; a depthwise kernel (h, w, C, 1) is a grouped one (h, w, 1, C) in another shape."""
    pairs = zip(grouped.get_weights(), trunk.weights, strict=True)
    trunk.set_weights([values.reshape(weight.shape) for values, weight in pairs])
