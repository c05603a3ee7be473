"""Group pictures out of the archives that hold them."""

import hashlib
import tarfile

import numpy as np
import pytest
from pictures import noise

from fer_bench.errors import UserError
from fer_bench.speed import group_pictures
from fer_bench.speed.group_pictures import FROM_NPM, FROM_PYPI, GROUP_PICTURES, GroupPicture, load


def test_at_least_ten_pictures_hold_two_faces_and_more():
    assert len(GROUP_PICTURES) >= 10
    for picture in GROUP_PICTURES:
        assert len(set(picture.noses)) >= 2
        assert len(picture.sha256) == 64


def test_every_archive_is_fetched_by_a_command():
    def file_name(requirement: str) -> str:
        name, version = requirement.replace("==", "@").rsplit("@", 1)
        return f"{name.strip('@').replace('/', '-')}-{version}"

    fetched = {f"{file_name(each)}.tgz" for each in FROM_NPM} | {
        f"{file_name(each)}.tar.gz" for each in FROM_PYPI
    }
    assert {picture.archive for picture in GROUP_PICTURES} == fetched


@pytest.fixture
def archive(workplace, monkeypatch):
    """An archive with one picture, marked by two noses."""
    noise(size=(60, 40)).save("group.png")
    folder = workplace / "home" / "group-pictures"
    folder.mkdir(parents=True)
    with tarfile.open(folder / "made-1.0.tgz", "w:gz") as file:
        file.add("group.png", "package/group.png")
    digest = hashlib.sha256((workplace / "group.png").read_bytes()).hexdigest()
    picture = GroupPicture("made-1.0.tgz", "package/group.png", digest, ((10, 10), (50, 10)))
    monkeypatch.setattr(group_pictures, "GROUP_PICTURES", (picture,))
    return picture


def test_pictures_are_read_out_of_their_archives(archive):
    ((pixels, picture),) = load()
    assert picture is archive
    np.testing.assert_array_equal(pixels, np.asarray(noise(size=(60, 40)).convert("RGB")))


def test_another_picture_of_the_same_name_is_refused(archive, monkeypatch):
    other = GroupPicture(archive.archive, archive.name, "0" * 64, archive.noses)
    monkeypatch.setattr(group_pictures, "GROUP_PICTURES", (other,))
    with pytest.raises(UserError, match=r"group\.png isn't the picture that was marked"):
        load()
