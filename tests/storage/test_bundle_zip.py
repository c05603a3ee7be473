"""Files that claim to be bundles and aren't: each is refused in one line, before it is believed."""

import contextlib
import io
import os
import pickle
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
from small_results import rewritten, small_results

from fer_bench.errors import UserError
from fer_bench.storage.bundle import Bundle
from fer_bench.storage.bundle_writer import write_bundle
from fer_bench.storage.bundle_zip import MOST_HEADER, array_bytes

LOGITS = "runs/0000/logits.npy"


@pytest.fixture
def path(tmp_path):
    write_bundle(small_results(), "small", tmp_path / "results.zip")
    return tmp_path / "results.zip"


def logits(path: Path) -> list[np.ndarray]:
    return [repeat.outputs().logits for repeat in Bundle(path).runs().repeats]


def refusal(path: Path) -> str:
    """What is said of a file when all of it is read."""
    with pytest.raises(UserError) as found:
        logits(path)
    assert "\n" not in str(found.value) and str(path) in str(found.value)
    return str(found.value)


def appended(path: Path, name: str, content: bytes = b"", mode: int = 0o644) -> Path:
    member = zipfile.ZipInfo(name)
    member.external_attr, member.compress_type = mode << 16, zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr(member, content)
    return path


@pytest.mark.parametrize("content", [b"", b"PK", b"%PDF-1.7", b"PK\x05\x06" + bytes(18)], ids=len)
def test_what_is_no_zip_or_an_empty_one(tmp_path, content):
    (tmp_path / "results.zip").write_bytes(content)
    assert "is refused as a bundle of results" in refusal(tmp_path / "results.zip")


def test_what_isnt_there_or_is_a_folder(tmp_path):
    assert "can't be read: No such file" in refusal(tmp_path / "nothing.zip")
    assert "can't be read: Is a directory" in refusal(tmp_path)


def test_a_file_that_was_cut_short_anywhere(path):
    content = path.read_bytes()
    for length in np.linspace(0, len(content) - 1, 40, dtype=int):
        path.write_bytes(content[:length])
        assert "no whole zip" in refusal(path)


def test_a_file_of_which_any_byte_was_flipped_is_read_as_it_was_or_refused(path):
    content, rng = path.read_bytes(), np.random.default_rng(0)
    whole = logits(path)
    for place in rng.integers(len(content), size=200):
        spoilt = bytearray(content)
        spoilt[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(spoilt)
        with contextlib.suppress(UserError):
            assert all(map(np.array_equal, logits(path), whole))


@pytest.mark.parametrize(
    "name",
    [
        "../evil.py", "/etc/passwd", "..\\evil", "C:\\evil", "runs/0000/../../evil", "runs/0000/",
        "runs/0000/weights.npy", "images/0000/pixels.npy", "study.json/", "Study.json",
        "runs/0/logits.npy", "\x1b[2J",
    ],
)  # fmt: skip
def test_names_that_no_bundle_has_and_those_that_lead_elsewhere(path, name):
    said = refusal(appended(path, name))
    assert "which is no part of one" in said and said.isprintable()


def test_a_name_that_is_there_twice(path):
    with pytest.warns(UserWarning, match="Duplicate"):
        appended(path, "study.json", b"{}")
    assert "'study.json' twice" in refusal(path)


def test_a_link(path):
    assert "is a link" in refusal(
        appended(path, "runs/9999/logits.npy", b"/etc/passwd", stat.S_IFLNK | 0o777)
    )


def test_an_encrypted_member(path):
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    assert "is encrypted" in refusal(path)


def test_another_compression(path):
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("runs/9999/logits.npy", b"0", zipfile.ZIP_LZMA)
    assert "compressed by method 14" in refusal(path)


def test_a_decompression_bomb(path):
    assert "a decompression bomb" in refusal(appended(path, "runs/9999/logits.npy", bytes(80 * 2**20)))


def test_a_member_that_unpacks_to_more_than_it_declares(path):
    """Its true length is never unpacked."""
    with zipfile.ZipFile(path) as file:
        member = file.getinfo(LOGITS)
    content = bytearray(path.read_bytes())
    place = content.index(LOGITS.encode(), content.index(b"PK\x01\x02")) - 46
    content[place + 24 : place + 28] = (member.file_size - 100).to_bytes(4, "little")
    path.write_bytes(content)
    assert "is damaged" in refusal(path)


def test_an_array_longer_than_its_run_says_is_not_even_unpacked(path):
    def change(members):
        members[LOGITS] += bytes(MOST_HEADER)

    assert f"{LOGITS} has" in refusal(rewritten(path, change))


def test_a_pickle_is_never_loaded(path, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    file = io.BytesIO()
    np.lib.format.write_array(file, np.array([Evil()], dtype=object), allow_pickle=True)
    for content in (file.getvalue(), pickle.dumps(Evil())):

        def change(members, content=content):
            members[LOGITS] = content

        assert LOGITS in refusal(rewritten(path, change))
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<f2', 'fortran_order': False, 'shape': (10**12, 3), }",
        b"{'descr': '<f2', 'fortran_order': False, 'shape': (1000000000000, 3), }",
        b"{'descr': '<f2', 'fortran_order': False, 'shape': (-150, 3), }",
        b"{'descr': '|O', 'fortran_order': False, 'shape': (150, 3), }",
        b"{'descr': [('a', '<f2')], 'fortran_order': False, 'shape': (150, 3), }",
        b"{'descr': '<f2', 'fortran_order': True, 'shape': (150, 3), }",
        b"__import__('os').mkdir('executed')",
        b"(" * 5000,
        b"[" * 200,
        b"",
    ],
)
def test_what_an_array_says_of_itself_is_compared_and_never_followed(path, header):
    def change(members):
        members[LOGITS] = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(900)

    assert LOGITS in refusal(rewritten(path, change))


def test_another_version_of_the_arrays_format(path):
    def change(members):
        members[LOGITS] = members[LOGITS].replace(b"\x93NUMPY\x01", b"\x93NUMPY\x03", 1)

    assert "is no array" in refusal(rewritten(path, change))


def test_an_array_is_written_as_numpy_reads_it():
    array = np.arange(6, dtype="<f2").reshape(2, 3)
    assert np.array_equal(np.load(io.BytesIO(array_bytes(array)), allow_pickle=False), array)
