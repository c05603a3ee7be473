"""What a backbone is: preprocessing, a trunk that may be pretrained, and perhaps a convolutional head."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from fer_bench.registry import Registry

if TYPE_CHECKING:
    from pathlib import Path

    from keras import KerasTensor, Model

BACKBONES: Registry[type[Backbone]] = Registry("backbone", "fer_bench.backbones")


class Backbone:
    """From pixels (B, S, S, 3) float32 in 0..255 to features (B, h, w, d) float32.

    Keras is imported inside the methods, so that listing backbones costs nothing.
    """

    trunk_name: ClassVar[str]
    """Pretrained weights of the trunk lie in `<trunk_name>.weights.h5`."""
    download_name: ClassVar[str | None] = None
    """File that Keras' own download of the ImageNet weights leaves in its cache; None: there are none."""
    weights_licence: ClassVar[str] = "unclear"
    """What is known of the licence of its pretrained weights, in a phrase: for model cards."""
    smallest: ClassVar[int] = 32
    """Smallest image size, pixels."""
    seconds_per_megapixel: ClassVar[float]
    """Seconds to train on 10^6 input pixels, two CPU cores, whole trunk: only for estimates of cost."""
    gains_by_bfloat16: ClassVar[tuple[Literal["gpu", "cpu"], ...]] = ("gpu",)
    """Devices on which it trains faster in bfloat16, if they compute in it; for `precision: auto`."""

    def preprocess(self, pixels: KerasTensor) -> KerasTensor:
        """Scale pixels (B, S, S, 3) in 0..255 to what the trunk was made for."""
        raise NotImplementedError(f"{type(self).__name__} must say how it scales pixels")

    def trunk(self, size: int, weights: str | None = None) -> Model:
        """Keras model (B, size, size, 3) -> (B, h, w, d); `weights` is None or "imagenet" (downloads)."""
        raise NotImplementedError(f"{type(self).__name__} must build its trunk")

    def load(self, trunk: Model, path: Path) -> None:
        """Read pretrained weights into a trunk; raises what Keras does where the file doesn't fit."""
        trunk.load_weights(path)

    def convolutional_head(self, features: KerasTensor) -> KerasTensor:
        """Further convolutions on the trunk's features, trained with the head; by default none."""
        return features


def scale_to_unit(pixels: KerasTensor) -> KerasTensor:
    """Pixels in 0..255 to [-1, 1], as the MobileNets were trained on ImageNet."""
    return pixels / 127.5 - 1.0


def standardise_as_imagenet(pixels: KerasTensor) -> KerasTensor:
    """Pixels in 0..255 to [0, 1], less ImageNet's mean of each channel, over its standard deviation."""
    import numpy as np

    mean, deviation = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]], "float32")
    return (pixels / 255.0 - mean) / deviation


def subtract_caffe_mean(pixels: KerasTensor) -> KerasTensor:
    """RGB pixels in 0..255 to BGR less ImageNet's mean, as VGG and ResNet v1 were trained."""
    import numpy as np
    from keras import ops

    return ops.flip(pixels, axis=-1) - np.array([103.939, 116.779, 123.68], "float32")
