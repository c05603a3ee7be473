"""Model files of any format: recognised by their content, whatever they are named."""

import shutil
import zipfile

import pytest

from fer_bench.errors import UserError
from fer_bench.inference.model_file import format_of, open_model


def test_the_format_is_that_of_the_content(model_file, onnx_file, litert_file, tmp_path):
    for file, kind in ((model_file, "keras"), (onnx_file, "onnx"), (litert_file, "litert")):
        assert format_of(file) == kind
        for name in ("model", "model.keras", "MODEL.ONNX"):
            assert format_of(shutil.copyfile(file, tmp_path / name)) == kind


def test_all_formats_say_the_same_of_themselves(model_file, onnx_file, litert_file):
    for file in (model_file, onnx_file, litert_file):
        opened = open_model(file)
        assert (opened.classes, opened.shape) == (("angry", "happy", "sad"), (48, 48, 1))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such file"),
        (b"", "is no model file: expected a .keras, .onnx or .tflite file"),
        (b"\x89PNG\r\n\x1a\n and more", "is no model file"),
        (b"\x08", "is no model file"),
        (b"PK\x03\x04 torn", "is no model file"),
    ],
)
def test_other_files_are_refused_in_a_line(tmp_path, content, message):
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as told:
        format_of(path)
    assert message in str(told.value) and "\n" not in str(told.value)


def test_a_file_too_large_for_a_model_is_not_read(tmp_path):
    with (tmp_path / "m.onnx").open("wb") as file:
        file.write(b"\x08\x08\x12\x07tf2onnx")
        file.truncate(2**31)  # of which nothing takes room
    with pytest.raises(UserError, match="larger than 1 GiB"):
        open_model(tmp_path / "m.onnx")


def test_a_zip_that_would_fill_the_memory_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("config.json", bytes(2**24 + 1))
    with pytest.raises(UserError, match=r"bomb\.keras unpacks to more than any model by fer-bench export"):
        open_model(path)
