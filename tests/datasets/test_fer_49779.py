import io

import numpy as np
import pytest
from image_files import class_files, write
from PIL import Image
from smooth import smooth_pictures

from fer_bench.data import cache
from fer_bench.data.archive import open_tree
from fer_bench.data.splits import available_splits
from fer_bench.datasets.base import DATASETS, open_dataset

pytestmark = pytest.mark.usefixtures("workplace")


def test_an_import_says_that_any_split_of_it_leaks(tmp_path):
    files = {f"processed_data/{name}": data for name, data in class_files(size=(96, 96), mode="RGB").items()}
    draft = DATASETS["fer-49779"]().read(open_tree(write(tmp_path / "kaggle", files)))
    images = cache.save("fer-49779", draft)
    assert images.pixels.shape == (6, 96, 96, 3)
    assert images.classes == ("angry", "happy")
    assert any("5,920" in note for note in open_dataset("fer-49779").notes)
    assert available_splits(images) == ("random_80_10_10", "random_80_20")


def test_augmented_siblings_stay_on_one_side(tmp_path):
    files = {}
    for name, pictures in zip(("angry", "happy"), smooth_pictures(8).reshape(2, 4, 48, 48), strict=True):
        turned = np.asarray(Image.fromarray(pictures[0]).rotate(10, Image.Resampling.BILINEAR))
        for number, picture in enumerate((*pictures, turned[:, ::-1])):
            file = io.BytesIO()
            Image.fromarray(picture).resize((96, 96)).convert("RGB").save(file, "PNG")
            files[f"processed_data/{name}/{number}.png"] = file.getvalue()
    draft = DATASETS["fer-49779"]().read(open_tree(write(tmp_path / "kaggle", files)))
    images = cache.save("fer-49779", draft)
    assert images.groups().tolist() == [0, 1, 2, 3, 0, 4, 5, 6, 7, 4]
