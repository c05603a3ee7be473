from fer_bench.testing import BackboneContract


class TestTwoConvolutions(BackboneContract):
    name = "two_convolutions"
