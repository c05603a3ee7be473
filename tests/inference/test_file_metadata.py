"""What a file says of its model is taken only as `export` writes it."""

import numpy as np
import pytest

from fer_bench.inference.file_metadata import FileMetadata, are_probabilities, read_metadata

SOUND = {"classes": '["angry", "sad"]', "image_shape": "[48, 40, 1]"}


def test_metadata_come_back_from_their_texts():
    metadata = FileMetadata(("angry", "Ärger, 喜"), (48, 40, 3))
    assert read_metadata(metadata.texts()) == metadata
    assert read_metadata(SOUND) == FileMetadata(("angry", "sad"), (48, 40, 1))


@pytest.mark.parametrize(
    "change",
    [
        {"classes": '["angry"]'},
        {"classes": "[]"},
        {"classes": '["angry", "angry"]'},
        {"classes": '["angry", ""]'},
        {"classes": '["angry", 3]'},
        {"classes": '["angry", "sa\\u001bd"]'},
        {"classes": '{"angry": 1, "sad": 2}'},
        {"classes": "angry, sad"},
        {"classes": "[" * 100_000},
        {"classes": str([str(i) for i in range(1001)]).replace("'", '"')},
        {"image_shape": "[48, 40]"},
        {"image_shape": "[48, 40, 2]"},
        {"image_shape": "[48, 0, 1]"},
        {"image_shape": "[48, 40000, 1]"},
        {"image_shape": "[48.0, 40, 1]"},
        {"image_shape": "[true, 40, 1]"},
        {"image_shape": "48"},
    ],
    ids=lambda change: str(change)[:40],
)
def test_odd_metadata_are_none(change):
    assert read_metadata({**SOUND, **change}) is None
    assert read_metadata({name: text for name, text in SOUND.items() if name not in change}) is None


def test_only_float32_rows_that_add_up_to_1_are_probabilities():
    sound = np.array([[0.2, 0.8], [0.5, 0.5]], "float32")
    assert are_probabilities(sound, 2, 2)
    for odd in (sound.astype("float64"), sound * 2, sound - 0.5, sound * np.nan, sound[:1], sound[0]):
        assert not are_probabilities(odd, 2, 2)
