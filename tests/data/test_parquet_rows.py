"""Rows of Parquet files as files of a tree."""

import pytest
from annotated_sets import parquet_file
from image_files import write

from fer_bench.data import parquet_rows
from fer_bench.data.archive import open_tree
from fer_bench.data.parquet_rows import Column, ParquetRows, parquet_columns
from fer_bench.errors import UserError


def tree_of(folder, **files):
    return open_tree(write(folder / "x", {f"{name}.parquet": data for name, data in files.items()}))


@pytest.fixture
def rows(tmp_path):
    """Two files of 200 and 3 rows, each with its number as bytes, in row groups of 90."""
    many = [({"bytes": str(i).encode(), "path": None}, i) for i in range(200)]
    tree = tree_of(tmp_path, a=parquet_file(many, row_group_size=90), b=parquet_file(many[:3]))
    rows = ParquetRows(tree, "image", in_structure=True)
    assert [value for _, value in rows.labels("a.parquet", "label")] == list(range(200))
    assert list(rows.labels("b.parquet", "label"))[2] == ("b.parquet, row 3", 2)
    return rows


def test_each_row_is_a_file_in_any_order(rows):
    assert len(rows.sizes) == 203
    assert rows.sizes["a.parquet, row 200"] == 3
    for row in (1, 2, 64, 65, 91, 200, 3, 150, 149):
        with rows.open(f"a.parquet, row {row}") as file:
            assert file.read() == str(row - 1).encode()
    with rows.open("b.parquet, row 3") as file:
        assert file.read() == b"2"


def test_few_rows_are_held_at_a_time(rows):
    rows.open("a.parquet, row 130").close()
    assert len(rows._images) <= parquet_rows.ROWS


def test_columns_are_told_by_what_they_are_good_for(tmp_path):
    tree = tree_of(tmp_path, a=parquet_file([({"bytes": b"1", "path": "x"}, 1)], names=("sad", "happy")))
    columns = {"image": Column("image"), "label": Column("number", ("sad", "happy"))}
    assert parquet_columns(tree, "a.parquet") == (columns, 1)
    tree = tree_of(tmp_path, a=parquet_file([(b"1", "sad"), (b"2", "happy")]))
    assert parquet_columns(tree, "a.parquet") == ({"image": Column("bytes"), "label": Column("text")}, 2)


@pytest.mark.parametrize(
    "about", [b"[]", b"{", b'{"info": {"features": 3}}', b'{"info": {"features": {"a": 1}}}']
)
def test_a_description_of_another_form_gives_no_names(about):
    assert parquet_rows._label_names({b"huggingface": about}) == {}


def test_what_is_no_parquet_file_is_refused(tmp_path):
    whole = parquet_file([(bytes(1000), i) for i in range(500)])
    for data in (whole[:-100], whole[: len(whole) // 2], b"PAR1", b"", b"x" * 100):
        with pytest.raises(UserError, match=r"x: a.parquet can't be read as a Parquet file: "):
            parquet_columns(tree_of(tmp_path, a=data), "a.parquet")
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:e8200\nsize 44322\n"
    with pytest.raises(UserError, match=r"x: a.parquet is a pointer of Git LFS, not the file itself"):
        parquet_columns(tree_of(tmp_path, a=pointer), "a.parquet")


def test_damage_within_is_told_when_rows_are_read(tmp_path):
    data = bytearray(parquet_file([(bytes([i % 256]) * 1000, i) for i in range(500)], use_dictionary=False))
    data[4:60] = b"\xff" * 56  # the header of its first page
    tree = tree_of(tmp_path, a=bytes(data))
    with pytest.raises(UserError, match=r"x: a.parquet can't be read as a Parquet file: "):
        list(ParquetRows(tree, "image", in_structure=False).labels("a.parquet", "label"))


def test_a_file_that_unpacks_to_very_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_rows, "BOMB_BYTES", 10**6)
    data = parquet_file([(bytes(10**5), i) for i in range(50)], use_dictionary=False, compression="zstd")
    with pytest.raises(UserError, match=r"would unpack to 0 GiB: refused as a decompression bomb"):
        parquet_columns(tree_of(tmp_path, a=data), "a.parquet")
