"""Pretrained weights: found, checked and loaded, or refused with what to do."""

import os
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest

from fer_bench.backbones.base import BACKBONES
from fer_bench.backbones.pretrained import MissingWeights, download, find_weights, load_trunk
from fer_bench.errors import UserError

pytest.importorskip("keras")


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
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 48, 48, 3)).astype(np.float32)
    for path in local_weights:
        backbone = entry_of(path)()
        trunk = backbone.trunk(48)
        before = [np.array(v) for v in trunk.get_weights()]
        load_trunk(backbone, trunk, path)
        assert all(
            not np.array_equal(a, b) for a, b in zip(before, trunk.get_weights(), strict=True) if a.ndim > 1
        )
        features = np.array(trunk(np.array(backbone.preprocess(pixels)), training=False))
        assert features.std() > 1e-3


def test_weights_of_another_model_are_refused(tmp_path):
    other = tmp_path / "compact_cnn.weights.h5"
    BACKBONES["compact_cnn"]().trunk(48).save_weights(other)
    wanted = BACKBONES["mobilenet_v2"]()
    with pytest.raises(UserError, match=r"expected weights of mobilenet_v2 .*2,257,984 parameters"):
        load_trunk(wanted, wanted.trunk(48), other)


@pytest.mark.parametrize("damage", ["half", "text", "empty", "absent"])
def test_a_broken_weight_file_is_the_users_to_mend(tmp_path, damage):
    backbone, path = BACKBONES["compact_cnn"](), tmp_path / "compact_cnn.weights.h5"
    trunk = backbone.trunk(48)
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
        load_trunk(backbone, trunk, path)
    assert "\n" not in str(caught.value)


def test_weights_survive_a_round_trip_to_another_size(tmp_path):
    path = tmp_path / "compact_cnn.weights.h5"
    backbone = BACKBONES["compact_cnn"]()
    first, second = backbone.trunk(48), backbone.trunk(32)
    first.save_weights(path)
    load_trunk(backbone, second, path)
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_backbone_without_weights_is_told_what_to_do(monkeypatch, tmp_path):
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


def test_a_download_that_fails_says_what_to_set(tmp_path):
    failed = subprocess.CompletedProcess([], 1, stdout="", stderr="Traceback ...\nException: no network")
    with pytest.raises(MissingWeights, match=r"no network.*FER_BENCH_WEIGHTS"):
        download("mobilenet_v2", tmp_path / "mobilenet_v2.h5", run=lambda *command, **options: failed)


@pytest.mark.slow
def test_without_a_network_weights_are_missing(tmp_path, monkeypatch):
    monkeypatch.delenv("FER_BENCH_WEIGHTS", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nothing listens there
    assert find_weights("mobilenet_v2", "imagenet", may_download=False).path is None
    with pytest.raises(MissingWeights, match=r"could not download .*FER_BENCH_WEIGHTS"):
        find_weights("mobilenet_v2", "imagenet")
