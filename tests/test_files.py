"""Files are whole or not there, and a folder that can't be written to is the user's to mend."""

from pathlib import Path

import pytest

from fer_bench.errors import UserError
from fer_bench.files import atomic, check_csv, writable, write_csv
from fer_bench.leaderboard.ranking import leaderboard
from fer_bench.storage.databases import check_folder


def test_a_file_appears_when_the_block_has_ended_well(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent == tmp_path, "on the same disk"
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write():
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(type(error)):
        write()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_place_that_can_not_be_written_is_the_users_to_mend(tmp_path):
    writable(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"can't write results there .*--mlruns"):
        writable(tmp_path / "file" / "b")


def test_a_name_too_long_for_a_file_is_told_when_it_is_written():
    path = Path("x" * 300)
    check_csv(path)
    check_folder(path)
    with pytest.raises(UserError, match=r"can't be written .*too long.*; name a file"):
        write_csv(leaderboard([], []), path)


@pytest.mark.parametrize("out", ["", "/dev/null", "."])
def test_a_csv_goes_to_a_file_only(out):
    with pytest.raises(UserError, match="expected the name of a file"):
        check_csv(Path(out))
