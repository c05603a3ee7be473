import numpy as np
import pytest
from noise import noise_images
from PIL import Image

from fer_bench.data.figures import class_distribution, sample_sheet


@pytest.mark.parametrize("counts", [{"none": (9, 3, 20)}, {"train": (9, 3, 20), "test": (4, 1, 6)}], ids=str)
@pytest.mark.parametrize("draw", [class_distribution, sample_sheet])
def test_a_picture_is_drawn_of_few_images_and_many(tmp_path, draw, counts):
    images = noise_images(counts)
    draw(images, tmp_path / "first.png")
    draw(images, tmp_path / "again.png")
    first, again = (
        np.asarray(Image.open(tmp_path / f"{name}.png").convert("L")) for name in ("first", "again")
    )
    assert min(first.shape) > 300
    assert first.std() > 10
    np.testing.assert_array_equal(first, again)
