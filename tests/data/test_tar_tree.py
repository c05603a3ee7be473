"""Tar archives, whole and hostile."""

import gzip
import io
import tarfile
from functools import partial
from pathlib import Path

import pytest
from image_files import class_files, fer2013_files, import_folder, tarred, write, zipped

from fer_bench.data.archive import open_tree
from fer_bench.data.tar_tree import TarTree
from fer_bench.errors import UserError

pytestmark = pytest.mark.usefixtures("workplace")


def with_member(path, name, kind=tarfile.REGTYPE, link=""):
    """A tar.gz of class folders and one more member of a kind."""
    with tarfile.open(path, "w:gz") as archive:
        for file, data in {**class_files(), name: b"x" if kind == tarfile.REGTYPE else b""}.items():
            member = tarfile.TarInfo(file)
            member.size = len(data)
            if file == name:
                member.type, member.linkname = kind, link
            archive.addfile(member, io.BytesIO(data))
    return path


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tgz"])
def test_a_tar_of_class_folders_is_read_as_a_zip_is(tmp_path, ending):
    files = {**fer2013_files(), "train/happy/._1.jpg": b"x", "readme.txt": b"x"}
    tree = open_tree(tarred(tmp_path / f"x.{ending}", files))
    other = open_tree(zipped(tmp_path / "x.zip", files))
    assert tree.sizes == other.sizes
    assert tree.folders == other.folders
    assert "train/happy" in tree.folders
    for name in tree.sizes:
        with tree.open(name) as mine, other.open(name) as theirs:
            assert mine.read() == theirs.read()


def test_two_members_are_read_at_the_same_time(tmp_path):
    tree = TarTree(tarred(tmp_path / "x.tar.gz", {"a": b"1234", "b": b"5678"}))
    with tree.open("a") as first, tree.open("b") as second:
        assert [first.read(2), second.read(2), first.read(), second.read()] == [b"12", b"56", b"34", b"78"]


def test_names_from_the_present_folder_are_as_if_without_it(tmp_path):
    files = {f"./{name}": data for name, data in class_files().items()}
    assert len(import_folder(tarred(tmp_path / "x.tar.gz", files))) == 6


@pytest.mark.parametrize("name", ["../evil.png", "/etc/evil.png", "a/../../evil.png", "a\\..\\b.png"])
def test_names_that_lead_outside_are_refused(tmp_path, name):
    with pytest.raises(UserError, match="leads out of its folder"):
        open_tree(with_member(tmp_path / "x.tar.gz", name))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (tarfile.SYMTYPE, "a link"),
        (tarfile.LNKTYPE, "a link"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.FIFOTYPE, "a device"),
    ],
)
def test_links_and_devices_are_refused(tmp_path, kind, words):
    path = with_member(tmp_path / "x.tar.gz", "angry/9.png", kind, "/etc/passwd")
    with pytest.raises(UserError, match=rf"holds 'angry/9.png', {words}: refused"):
        open_tree(path)


def test_what_is_cut_short_damaged_or_no_tar_is_one_line(tmp_path):
    whole = tarred(tmp_path / "x.tar", class_files()).read_bytes()
    packed = gzip.compress(whole)
    ends = {f"cut_{n}.tar": whole[:n] for n in (0, 100, 512, 700, 3000, len(whole) // 2, len(whole) - 10240)}
    ends |= {f"cut_{n}.tar.gz": packed[:n] for n in (2, 15, len(packed) // 2, len(packed) - 4)}
    header = bytearray(whole)
    header[whole.find(b"angry/1.png") + 100] ^= 0xFF
    ends |= {
        "damaged.tar": bytes(header),
        "text.tar.gz": b"no tar" * 500,
        "packed_text.gz": gzip.compress(b"x"),
    }
    for name, data in ends.items():
        with pytest.raises(UserError, match="is no whole tar") as told:
            open_tree(write(tmp_path, {name: data}) / name)
        assert "\n" not in str(told.value), name


def test_a_tar_that_unpacks_to_far_more_than_its_size_is_refused(tmp_path):
    path = tarred(tmp_path / "x.tar.gz", {"a/0.png": b"\0" * 2**23})
    with pytest.raises(UserError, match="bomb"):
        TarTree(path, bomb_bytes=2**20)
    assert TarTree(path).sizes == {"a/0.png": 2**23}


def test_a_header_that_would_fill_the_memory_is_refused(tmp_path):
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("long")
        member.type, member.size = tarfile.XHDTYPE, 2**22
        archive.addfile(member, io.BytesIO(b"\0" * 2**22))
    with pytest.raises(UserError, match="a header of 4,194,304 bytes"):
        open_tree(tmp_path / "x.tar.gz")


def test_no_room_for_what_is_unpacked_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.TemporaryFile", partial(Path("/dev/full").open, "w+b", buffering=0))
    path = tarred(tmp_path / "x.tar.gz", class_files())
    with pytest.raises(UserError, match=r"can't be unpacked in .*No space left.*set TMPDIR"):
        open_tree(path)


def test_other_archives_are_to_be_unpacked(tmp_path):
    for name in ("x.rar", "x.7z", "x.tar.xz", "x.tar.bz2"):
        with pytest.raises(UserError, match=r"expected a folder, a zip or a tar\.gz; unpack it"):
            open_tree(write(tmp_path, {name: b"x"}) / name)
