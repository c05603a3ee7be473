from pathlib import Path

import pytest

from fer_bench.errors import UserError
from fer_bench.files import check_csv, write_csv
from fer_bench.leaderboard.ranking import leaderboard
from fer_bench.storage.databases import check_folder


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
