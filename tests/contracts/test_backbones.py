"""The contract that every backbone meets, then what is said of single ones."""

import os
import re
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from fer_bench.backbones.base import BACKBONES, Backbone
from fer_bench.errors import UserError

pytest.importorskip("keras")


@pytest.fixture(params=list(BACKBONES))
def backbone(request):
    return BACKBONES[request.param]()


def test_the_file_says_what_it_is_and_from_where(backbone):
    text = sys.modules[type(backbone).__module__].__doc__ or ""
    assert re.match(r"[A-Z].{20,}\.$", text.splitlines()[0])
    assert re.search(r"\b20\d\d\b", text), "a citation has a year"
    assert re.search(r"https?://\S+\.\S+", text), "and a link"
    assert type(backbone).__doc__ != Backbone.__doc__
    assert backbone.seconds_per_megapixel > 0
    assert backbone.trunk_name
    assert backbone.download_name is None or backbone.trunk_name.split("_")[0] in backbone.download_name


def test_it_builds_at_its_smallest_size_and_at_48(backbone):
    from keras import ops

    for size in (backbone.smallest, 255, 48):
        trunk = backbone.trunk(size)
        assert trunk.name == backbone.trunk_name
        assert trunk.input_shape == (None, size, size, 3)
        batch, height, width, depth = trunk.output_shape
        assert batch is None
        assert height == width >= 1
        features = backbone.convolutional_head(ops.zeros((2, height, width, depth)))
        assert len(features.shape) == 4
    pixels = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 3)).astype(np.float32)
    out = trunk(backbone.preprocess(ops.convert_to_tensor(pixels)), training=False)
    assert np.isfinite(ops.convert_to_numpy(out)).all()


@pytest.mark.parametrize(
    ("name", "trunk", "doc"),
    [("mobilenet_v2", 2_257_984, "2.3 M"), ("mobilenet_conv", 3_228_864, "3.2 M"),
     ("vgg16", 14_714_688, "14.7 M"), ("resnet50", 23_587_712, "23.6 M"), ("compact_cnn", 13_152, "13 k"),
     ("efficientnet_v2_b0", 5_919_312, "5.9 M"), ("mini_xception", 50_496, "50 k")],
)  # fmt: skip
def test_parameters_are_those_of_the_paper_and_of_the_docstring(name, trunk, doc):
    entry = BACKBONES[name]
    assert doc in entry.__doc__
    assert entry().trunk(48).count_params() == trunk


@pytest.mark.parametrize(
    ("name", "application"),
    [
        ("mobilenet_conv", "mobilenet"),
        ("mobilenet_v2", "mobilenet_v2"),
        ("vgg16", "vgg16"),
        ("resnet50", "resnet"),
    ],
)
def test_it_prepares_pixels_as_keras_does(name, application):
    import keras
    from keras import ops

    pixels = np.random.default_rng(0).uniform(0, 255, (3, 20, 20, 3)).astype(np.float32)
    expected = getattr(keras.applications, application).preprocess_input(pixels.copy())
    found = ops.convert_to_numpy(BACKBONES[name]().preprocess(ops.convert_to_tensor(pixels)))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_efficientnet_gives_the_features_that_keras_gives_with_the_same_weights(tmp_path):
    """Keras scales pixels inside its model; files saved from that, in either format, fit the trunk."""
    import keras
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    from fer_bench.backbones.pretrained import load_trunk

    whole = keras.applications.EfficientNetV2B0(input_shape=(32, 32, 3), include_top=False, weights=None)
    rng = np.random.default_rng(0)
    weights = whole.get_weights()
    whole.set_weights([a + rng.uniform(0, 0.2, a.shape) if a.ndim == 1 else a for a in weights])
    pixels = rng.uniform(0, 255, (3, 32, 32, 3)).astype(np.float32)
    expected = keras.ops.convert_to_numpy(whole(pixels, training=False))
    assert 1e-3 < expected.std() < 1e3
    backbone = BACKBONES["efficientnet_v2_b0"]()
    now, before = tmp_path / "efficientnet_v2_b0.weights.h5", tmp_path / backbone.download_name
    whole.save_weights(now)
    with h5py.File(before, "w") as file:
        save_weights_to_hdf5_group(file, whole)
    for path in (now, before):
        trunk = backbone.trunk(32)
        load_trunk(trunk, path)
        found = keras.ops.convert_to_numpy(trunk(backbone.preprocess(pixels), training=False))
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * expected.std())


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


# Pretrained weights


def weight_files():
    folder = os.environ.get("FER_BENCH_TEST_DATA")
    return sorted(Path(folder, "weights").glob("*.weights.h5")) if folder else []


def entry_of(path):
    return next(b for b in map(BACKBONES.__getitem__, BACKBONES) if f"{b.trunk_name}.weights.h5" == path.name)


@pytest.fixture
def local_weights():
    if not (files := weight_files()):
        pytest.skip("no $FER_BENCH_TEST_DATA/weights/*.weights.h5 here")
    return files


def test_real_weights_load_and_tell_images_apart(local_weights):
    from fer_bench.backbones.pretrained import load_trunk

    pixels = np.random.default_rng(0).uniform(0, 255, (2, 48, 48, 3)).astype(np.float32)
    for path in local_weights:
        backbone = entry_of(path)()
        trunk = backbone.trunk(48)
        before = [np.array(v) for v in trunk.get_weights()]
        load_trunk(trunk, path)
        assert all(
            not np.array_equal(a, b) for a, b in zip(before, trunk.get_weights(), strict=True) if a.ndim > 1
        )
        features = np.array(trunk(np.array(backbone.preprocess(pixels)), training=False))
        assert features.std() > 1e-3


def test_weights_of_another_model_are_refused(tmp_path):
    from fer_bench.backbones.pretrained import load_trunk

    other = tmp_path / "compact_cnn.weights.h5"
    BACKBONES["compact_cnn"]().trunk(48).save_weights(other)
    with pytest.raises(UserError, match=r"expected weights of mobilenet_v2 .*2,257,984 parameters"):
        load_trunk(BACKBONES["mobilenet_v2"]().trunk(48), other)


@pytest.mark.parametrize("damage", ["half", "text", "empty", "absent"])
def test_a_broken_weight_file_is_the_users_to_mend(tmp_path, damage):
    from fer_bench.backbones.pretrained import load_trunk

    trunk, path = BACKBONES["compact_cnn"]().trunk(48), tmp_path / "compact_cnn.weights.h5"
    trunk.save_weights(path)
    whole = path.read_bytes()
    path.write_bytes(
        {"half": whole[: len(whole) // 2], "text": b"404 not found", "empty": b""}.get(damage, b"")
    )
    if damage == "absent":
        path.unlink()
    with pytest.raises(
        UserError, match=r"compact_cnn\.weights\.h5: expected weights of compact_cnn"
    ) as caught:
        load_trunk(trunk, path)
    assert "\n" not in str(caught.value)


def test_weights_survive_a_round_trip_to_another_size(tmp_path):
    from fer_bench.backbones.pretrained import load_trunk

    path = tmp_path / "compact_cnn.weights.h5"
    first, second = BACKBONES["compact_cnn"]().trunk(48), BACKBONES["compact_cnn"]().trunk(32)
    first.save_weights(path)
    load_trunk(second, path)
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_backbone_without_weights_is_told_what_to_do(monkeypatch, tmp_path):
    from fer_bench.backbones.pretrained import find_weights

    assert find_weights("compact_cnn", "none").path is None
    with pytest.raises(UserError, match=r"no pretrained weights.* `weights: none`"):
        find_weights("compact_cnn", "imagenet")
    monkeypatch.setenv("FER_BENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(UserError, match=r"no mobilenet_v2\.weights\.h5 in the folder"):
        find_weights("mobilenet_v2", "imagenet")
    h5py.File(tmp_path / "mobilenet_v2.weights.h5", "w").close()
    found = find_weights("mobilenet_v2", "imagenet")
    assert found.path == tmp_path / "mobilenet_v2.weights.h5"
    assert len(found.sha256) == 64
