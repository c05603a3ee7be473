"""One number from an .npy file."""

import io

import numpy as np
import pytest
from image_files import write

from fer_bench.data.archive import open_tree
from fer_bench.data.npy_numbers import whole_number


def npy(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def number(folder, content):
    return whole_number(open_tree(write(folder / "x", {"1.npy": content})), "1.npy")


@pytest.mark.parametrize(
    "value",
    [np.array("7"), np.array(b"7"), np.array(7), np.array([7], np.int8), np.array(7.0), np.array([["7"]])],
)
def test_text_and_numbers_of_any_type_are_read(tmp_path, value):
    assert number(tmp_path, npy(value)) == 7


def test_what_python_2_wrote_is_read_without_a_warning(tmp_path, recwarn):
    assert number(tmp_path, npy(np.array([7])).replace(b"(1,), ", b"(1L,),")) == 7
    assert not recwarn.list


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (npy(np.array({"a": 1}, object), allow_pickle=True), "holds a pickled object, which isn't opened"),
        (b"\x80\x04K\x07.", "magic string"),
        (b"", "magic string"),
        (npy(np.array([1, 2])), "holds 2 values"),
        (npy(np.array([], int)), "holds 0 values"),
        (npy(np.array(1j)), "holds 1 values of type complex128"),
        (npy(np.array(np.nan)), "holds 'nan', where a whole number"),
        (npy(np.array(np.inf)), "holds 'inf', where a whole number"),
        (npy(np.array("seven")), "holds 'seven', where a whole number"),
        (npy(np.zeros(2000)), "16,128 bytes, where one number"),
        (npy(np.array(7))[:-4], "buffer is smaller"),
        (npy(np.array(7)).replace(b"'descr'", b"'odder'"), "Header does not contain the correct keys"),
    ],
)
def test_anything_else_is_refused(tmp_path, content, why):
    with pytest.raises(ValueError, match=why):
        number(tmp_path, content)
