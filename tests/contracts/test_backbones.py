"""Every backbone meets the contract; a new one is met here without an edit."""

import pytest

from fer_bench.backbones.base import BACKBONES
from fer_bench.testing import BackboneContract

pytest.importorskip("keras")


class TestEveryBackbone(BackboneContract):
    @pytest.fixture(params=list(BACKBONES))
    def backbone(self, request):
        return BACKBONES[request.param]()

    def test_a_download_is_named_after_its_trunk(self, backbone):
        assert backbone.download_name is None or backbone.trunk_name.split("_")[0] in backbone.download_name
