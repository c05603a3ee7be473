from fer_bench.testing import DatasetContract


class TestStripes(DatasetContract):
    name = "stripes"
