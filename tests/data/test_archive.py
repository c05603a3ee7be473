"""Folders and zips whose names, sizes and contents can't be trusted."""

import zipfile

import pytest
from image_files import class_files, import_folder, write, zipped

from fer_bench.data.archive import ZipTree, open_tree
from fer_bench.errors import UserError

pytestmark = pytest.mark.usefixtures("workplace")


def test_files_of_the_operating_system_are_passed_over(tmp_path):
    files = {
        **class_files(),
        "__MACOSX/angry/._0.png": b"x",
        ".git/angry/0.png": b"x",
        "angry/.DS_Store": b"x",
    }
    assert len(import_folder(zipped(tmp_path / "mac.zip", files))) == 6


def test_member_of_a_zip_with_a_wrong_checksum_is_skipped(tmp_path):
    path = zipped(tmp_path / "x.zip", class_files(n=4))
    data = bytearray(path.read_bytes())
    at = data.find(b"angry/2.png") + len("angry/2.png") + 200
    data[at] ^= 0xFF
    path.write_bytes(data)
    images = import_folder(path)
    assert [line.split(":")[0] for line in images.skipped] == ["angry/2.png"]
    assert len(images) == 7


@pytest.mark.parametrize("name", ["../evil.png", "/etc/evil.png", "a/../../evil.png", "C:/evil.png"])
def test_zip_with_names_that_lead_outside_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="leads out of its folder"):
        open_tree(zipped(tmp_path / "x.zip", {**class_files(), name: b"x"}))


def test_truncated_zip_and_no_zip_are_one_line(tmp_path):
    path = zipped(tmp_path / "x.zip", class_files())
    path.write_bytes(path.read_bytes()[:-100])
    for wrong in (
        path,
        write(tmp_path, {"y.zip": b"PK\3\4"}) / "y.zip",
        write(tmp_path, {"z.zip": b""}) / "z.zip",
    ):
        with pytest.raises(UserError, match="no whole zip") as told:
            import_folder(wrong)
        assert "\n" not in str(told.value)


def test_zip_that_unpacks_to_far_more_than_its_size_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/0.png", b"\0" * 2**22)
    with pytest.raises(UserError, match="bomb"):
        ZipTree(tmp_path / "x.zip", bomb_bytes=2**20)
    assert len(ZipTree(tmp_path / "x.zip").sizes) == 1


def test_a_folder_that_holds_nothing_but_an_archive_is_this_archive(tmp_path):
    zipped(write(tmp_path / "download", {"README.md": b"x"}) / "archive.zip", class_files())
    assert len(import_folder(tmp_path / "download")) == 6
    write(tmp_path / "download", {"labels.txt": b"x"})
    assert sorted(open_tree(tmp_path / "download").sizes) == ["README.md", "archive.zip", "labels.txt"]


def test_what_is_no_source_is_told(tmp_path):
    files = {"face.jpg": b"x", "paper.pdf": b"%PDF", "model.keras": b"x"}
    write(tmp_path, files)
    with pytest.raises(
        UserError, match=r"face.jpg is a single image: expected a folder, .*fer-bench predict"
    ):
        open_tree(tmp_path / "face.jpg")
    for name in ("paper.pdf", "model.keras"):
        with pytest.raises(
            UserError, match=rf"{name}: expected a folder, an archive \(zip, tar, tar.gz\) or"
        ):
            open_tree(tmp_path / name)
