"""Tables of text that users bring."""

import pytest

from fer_bench.data.archive import open_tree
from fer_bench.data.tables import header, lines, rows
from fer_bench.errors import UserError


def table(folder, content):
    path = folder / "table.csv"
    path.write_bytes(content)
    return open_tree(path), "table.csv"


def test_columns_are_known_by_name_without_spaces_and_mark(tmp_path):
    tree, name = table(tmp_path, "\ufeffemotion, Usage,pixels\n3,Training,1 2\n4\n".encode())
    assert header(tree, name) == ("emotion", "Usage", "pixels")
    assert list(rows(tree, name, ("Usage", "emotion"))) == [
        (1, {"emotion": "3", "Usage": "Training", "pixels": "1 2"}),
        (2, {"emotion": "4", "Usage": "", "pixels": ""}),
    ]


def test_what_is_no_table_is_refused(tmp_path):
    tree, name = table(tmp_path, b"a,b\n1,2\n\xff\xfe\n")
    with pytest.raises(
        UserError, match=r"table.csv can't be read as a csv table after row 0: .*; expected UTF-8$"
    ):
        list(rows(tree, name, ("a",)))
    assert header(*table(tmp_path, b"\xff\xfe\x00")) == ()


def test_missing_columns_are_named(tmp_path):
    tree, name = table(tmp_path, b"a,b\n1,2\n")
    with pytest.raises(UserError, match=r"table.csv has the columns a, b: expected a, c; c not found"):
        list(rows(tree, name, ("a", "c")))


def test_lines_are_numbered_and_empty_ones_left_out(tmp_path):
    tree, name = table(tmp_path, "\ufeffa.jpg 1\r\n\r\n b.jpg 2 \n".encode())
    assert list(lines(tree, name)) == [(1, "a.jpg 1"), (3, "b.jpg 2")]
    with pytest.raises(UserError, match=r"table.csv can't be read as text after line 0: .*utf-8"):
        list(lines(*table(tmp_path, b"\xff\xfe")))
