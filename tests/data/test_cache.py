"""Imports that replace one another, run at once, break off or get damaged."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from image_files import class_files, folder_draft, import_folder, picture, write
from PIL import Image
from smooth import noisy, smooth_pictures

from fer_bench.data import cache
from fer_bench.datasets.base import open_dataset
from fer_bench.errors import UserError

pytestmark = pytest.mark.usefixtures("workplace")


def test_second_import_replaces_the_first_only_at_its_end(tmp_path, workplace):
    first = import_folder(write(tmp_path / "x", class_files()))

    def fails(items, total):
        for n, item in enumerate(items):
            if n == 3:
                raise KeyboardInterrupt
            yield item

    draft = folder_draft(write(tmp_path / "y", class_files(n=5)))
    with pytest.raises(KeyboardInterrupt):
        cache.save("mine", draft, fails)
    assert open_dataset("mine").fingerprint == first.fingerprint
    second = cache.save("mine", draft)
    assert len(open_dataset("mine")) == len(second) == 10
    assert len([p for p in (workplace / "home/datasets/mine").iterdir() if p.is_dir()]) == 1
    assert len(first.pixels[0]) == 48  # whoever had the first open keeps it


def test_two_imports_of_one_name_do_not_mix(tmp_path):
    draft = folder_draft(write(tmp_path / "x", class_files()))

    def meanwhile(items, total):
        with pytest.raises(UserError, match="another import of 'mine' is running"):
            cache.save("mine", draft)
        return items

    assert len(cache.save("mine", draft, meanwhile)) == 6


def test_damaged_import_says_to_import_again(tmp_path, workplace):
    import_folder(write(tmp_path / "x", class_files()))
    [pixels] = (workplace / "home/datasets/mine").glob("*/pixels.npy")
    whole = pixels.read_bytes()
    pixels.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"'mine'.*import it again"):
        open_dataset("mine")
    (workplace / "home/datasets/mine/meta.json").write_text("{")
    with pytest.raises(UserError, match=r"'mine'.*import it again"):
        open_dataset("mine")


def test_class_left_with_one_readable_image_is_refused_and_nothing_stays(tmp_path, workplace):
    files = {**class_files(n=2), "happy/1.png": picture(3, form="PNG")[:-900]}
    with pytest.raises(UserError, match=r"happy 1"):
        import_folder(write(tmp_path / "x", files))
    assert cache.stored() == []
    assert not [p for p in (workplace / "home/datasets").rglob("*") if p.is_dir() and p.name != "mine"]


def test_names_that_are_paths_are_refused(tmp_path):
    draft = folder_draft(write(tmp_path / "x", class_files()))
    for name in ("../up", "a/b", "", ".hidden"):
        with pytest.raises(UserError, match="expected letters"):
            cache.save(name, draft)


def test_what_was_done_is_written_down(tmp_path, workplace):
    files = {**class_files(), "angry/text.jpg": b"x"}
    import_folder(write(tmp_path / "x", files), size=24)
    about = json.loads((workplace / "home/datasets/mine/meta.json").read_text())
    assert about["shape"] == [24, 24, 1]
    assert about["images"] == 6
    assert about["skipped"] == ["angry/text.jpg: not an image"]
    assert "short side resized" in about["remarks"][0]


def test_arrays_are_computed_once_until_the_code_changes_or_the_file_is_damaged(workplace):
    code = workplace / "code.py"
    code.write_text("first")
    calls = []

    def compute():
        calls.append("computed")
        return {"labels": np.arange(3), "pixels": np.arange(12).reshape(3, 2, 2)}

    def computed_again() -> bool:
        before = len(calls)
        arrays = cache.computed_once("faces", compute, code)
        assert (arrays["labels"] == np.arange(3)).all() and arrays["pixels"].shape == (3, 2, 2)
        return len(calls) > before

    assert computed_again()
    assert not computed_again()
    (path,) = (workplace / "home").iterdir()
    whole = path.read_bytes()
    for damaged in (whole[:-100], whole.replace(b"\x0b", b"\x0c"), b"", b"PK"):
        path.write_bytes(damaged)
        assert computed_again()
        assert not computed_again()
    code.write_text("second")
    assert computed_again()
    assert not computed_again()


def test_arrays_are_computed_where_nothing_can_be_stored(workplace, monkeypatch):
    (workplace / "file").touch()
    monkeypatch.setenv("FER_BENCH_HOME", str(workplace / "file"))
    for _ in range(2):
        arrays = cache.computed_once("faces", lambda: {"labels": np.arange(3)}, Path(__file__))
        assert arrays["labels"].tolist() == [0, 1, 2]


def test_subjects_votes_and_attributes_come_back(tmp_path, workplace):
    draft = folder_draft(write(tmp_path / "x", class_files()))
    records = [
        replace(record, group="" if i > 3 else f"S{i // 2}", votes=(i, 6 - i), attributes=(f"{20 + i}",))
        for i, record in enumerate(draft.records)
    ]
    cache.save("mine", replace(draft, records=records, attributes=("age",)))
    images = open_dataset("mine")
    assert images.subjects.tolist() == [0, 0, 1, 1, 2, 3]
    np.testing.assert_allclose(images.votes[:2], [[0, 1], [1 / 6, 5 / 6]], rtol=1e-6)
    assert images.attributes["age"].tolist() == ["20", "21", "22", "23", "24", "25"]
    assert images.groups().tolist() == [0, 0, 1, 1, 2, 3]
    [extras] = workplace.rglob("extras.npz")
    extras.write_bytes(extras.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"extras.npz has changed\): import it again"):
        open_dataset("mine")


def pictures_folder(root: Path) -> Path:
    """Two classes of five pictures; the fourth of each is nearly the third, the last its mirror image."""
    pictures = smooth_pictures(6).reshape(2, 3, 48, 48)
    for name, three in zip(("angry", "happy"), pictures, strict=True):
        (root / name).mkdir(parents=True)
        five = [*three, noisy(three[2:], 2)[0], three[2][:, ::-1]]
        for place, pixels in enumerate(five):
            Image.fromarray(pixels).save(root / name / f"{place}.png")
    return root


def test_near_duplicates_are_found_at_the_import(tmp_path):
    images = import_folder(pictures_folder(tmp_path / "x"))
    assert images.near.tolist() == [0, 1, 2, 2, 2, 3, 4, 5, 5, 5]
    assert images.groups().tolist() == images.near.tolist()
    assert images.twins().tolist() == list(range(10))
    assert open_dataset("mine").near.tolist() == images.near.tolist()


def test_an_import_of_an_earlier_version_goes_on_without_near_duplicates(tmp_path, workplace):
    import_folder(pictures_folder(tmp_path / "x"))
    meta = workplace / "home/datasets/mine/meta.json"
    about = json.loads(meta.read_text())
    del about["refused"]
    meta.write_text(json.dumps(about | {"extras": ""}))
    images = open_dataset("mine")
    assert images.near is None
    assert images.refused == ()
    assert images.groups().tolist() == list(range(10))


def test_a_refused_split_is_kept_with_the_import(tmp_path, workplace):
    import_folder(pictures_folder(tmp_path / "x"))
    meta = workplace / "home/datasets/mine/meta.json"
    meta.write_text(json.dumps(json.loads(meta.read_text()) | {"refused": ["official"]}))
    assert open_dataset("mine").refused == ("official",)


def test_an_import_that_is_killed_leaves_nothing_that_is_half_done(tmp_path, workplace):
    folder = write(tmp_path / "x", class_files(n=5))
    code = f"""
import os
from pathlib import Path
from fer_bench.data import cache
from fer_bench.data.archive import open_tree
from fer_bench.data.class_folders import read_folder

def killed(items, total):
    for place, item in enumerate(items):
        if place == STOP:
            os.kill(os.getpid(), 9)
        yield item

cache.save("mine", read_folder(open_tree(Path({str(folder)!r}))), TRACKS)
"""
    for stop, tracks in ((3, "killed"), (0, "comparing=killed")):
        script = code.replace("STOP", str(stop)).replace("TRACKS", tracks)
        ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        assert cache.stored() == []
    assert len(import_folder(folder)) == 10
    assert len([p for p in (workplace / "home/datasets/mine").iterdir() if p.is_dir()]) == 1
