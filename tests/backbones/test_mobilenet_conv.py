import pytest

from fer_bench.backbones.base import BACKBONES

pytest.importorskip("keras")


def test_the_five_convolutions_of_mobilenet_conv():
    import keras

    features = keras.Input((3, 3, 1024))
    model = keras.Model(features, BACKBONES["mobilenet_conv"]().convolutional_head(features))
    convolutions = model.layers[1:]
    assert [(c.kernel_size, c.filters) for c in convolutions] == [
        ((1, 1), 32), ((3, 3), 64), ((3, 3), 128), ((3, 3), 256), ((3, 3), 512),
    ]  # fmt: skip
    assert {type(c) for c in convolutions} == {keras.layers.Conv2D}
    assert {c.activation for c in convolutions} == {keras.activations.relu}
    assert {c.padding for c in convolutions} == {"same"}
    assert {c.strides for c in convolutions} == {(1, 1)}
    assert model.output_shape == (None, 3, 3, 512)
    assert model.count_params() == pytest.approx(1.6e6, rel=0.05)
