"""ExpW: faces cut out of pictures by a list."""

import numpy as np
import pytest
from annotated_sets import expw_files, face
from image_files import write

from fer_bench.data import cache
from fer_bench.data.archive import open_tree
from fer_bench.data.class_choice import parse_classes
from fer_bench.data.draft import ImportOptions
from fer_bench.data.splits import available_splits, split
from fer_bench.datasets import expw
from fer_bench.datasets.base import DATASETS
from fer_bench.datasets.recognise import recognise
from fer_bench.errors import UserError

pytestmark = pytest.mark.usefixtures("workplace")
LIST = "label/label.lst"


def read(path, **options):
    return DATASETS["expw"]().read(open_tree(path), ImportOptions(**options))


def with_lines(*lines):
    """A small set whose list ends with these lines."""
    files = expw_files()
    return {**files, LIST: files[LIST] + "\n".join(lines).encode()}


def test_each_face_is_cut_out_and_those_of_a_picture_are_a_group(tmp_path):
    path = write(tmp_path / "expw", expw_files())
    assert recognise(open_tree(path)) == ("expw", "ExpW's list, expw: label/label.lst")
    images = cache.save("expw", read(path))
    assert images.classes == ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
    assert images.counts().tolist() == [6] * 7
    assert images.pixels.shape == (42, 48, 48, 3)
    for k, label in enumerate(expw.CLASSES):
        place = images.ids.tolist().index(f"angry_actor_2.jpg#{k}")
        assert images.classes[images.labels[place]] == label
        np.testing.assert_array_equal(images.pixels[place, ..., 1], np.asarray(face(label, 2)))
    assert images.subjects.tolist() == [number for number in range(6) for _ in range(7)]
    assert images.notes == (expw.NO_SPLIT,)
    assert available_splits(images) == ("random_80_10_10", "random_80_20")


def test_a_split_keeps_the_faces_of_a_picture_on_one_side(tmp_path):
    images = cache.save("expw", read(write(tmp_path / "expw", expw_files(20))))
    parts = split(images, "random_80_10_10")
    sides = [set(images.subjects[part]) for part in (parts.train, parts.val, parts.test)]
    assert not sides[0] & sides[1]
    assert not sides[0] & sides[2]
    assert not sides[1] & sides[2]


def test_pictures_may_lie_elsewhere_and_classes_be_chosen(tmp_path):
    files = {name.replace("image/origin", "pictures"): data for name, data in expw_files().items()}
    draft = read(write(tmp_path / "x", files), classes=parse_classes("disgust=-,angry=cross"), size=32)
    assert draft.classes == ("cross", "fear", "happy", "neutral", "sad", "surprise")
    assert draft.shape == (32, 32, 3)
    copies = {**expw_files(), "small/angry_actor_0.jpg": b"", "cut/angry_actor_9.jpg": b""}
    assert not read(write(tmp_path / "y", copies)).skipped
    copies["more/angry_actor_9.jpg"] = b""
    copies[LIST] += b"angry_actor_9.jpg 0 1 1 9 9 20 3"
    draft = read(write(tmp_path / "z", copies))
    assert draft.skipped == ("z: label/label.lst, line 43: several files are called angry_actor_9.jpg",)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.jpg 0 1 1 9 9 20 7", "line 43: label '7', expected 0 to 6"),
        ("a.jpg 0 1 1 9 9 20 happy", "line 43: label 'happy'"),
        ("a.jpg 0 1 1 9 9 20 -1", "line 43: label '-1'"),
        ("a.jpg 1 1 9 9 3", r"line 43: 6 fields, expected 8 \(image, face id, top, left"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_read(tmp_path, line, message):
    with pytest.raises(UserError, match=message):
        read(write(tmp_path / "x", with_lines(line)))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{0} 9 nan 1 9 9 20 3", "line 43: its box (1, nan, 9, 9) isn't four numbers of pixels"),
        ("{0} 9 1e99 1 9 9 20 3", "line 43: its box (1, 1e99, 9, 9) isn't four numbers of pixels"),
        ("{0} 9 1 9 1 9 20 3", "line 43: its box (9, 1, 1, 9) is empty"),
        ("{0} 0 1 1 9 9 20 0", "{0}#0: named more than once: only the first counts"),
        ("{0} 0 1 1 9 9 20 3", "{0}#0: named more than once: only the first counts"),
        ("{0} 9 1 9000 9999 9 20 3", "{0}#9: its box (9000, 1, 9999, 9) holds nothing of the 464x80 pixels"),
        ("gone.jpg 0 1 1 9 9 20 3", "gone.jpg#0: named in the list, but not there"),
        ("../../etc/passwd 0 1 1 9 9 20 3", "../../etc/passwd#0: named in the list, but not there"),
        ("/etc/passwd 0 1 1 9 9 20 3", "/etc/passwd#0: named in the list, but not there"),
        ("..\\{0} 0 1 1 9 9 20 3", "..\\{0}#0: named in the list, but not there"),
    ],
)
def test_a_face_that_cannot_be_had_is_left_out_and_named(tmp_path, line, why):
    picture = "angry_actor_0.jpg"
    draft = read(write(tmp_path / "x", with_lines(line.format(picture))))
    [skipped] = draft.skipped
    assert why.format(picture) in skipped
    assert len(draft.records) == 42


def test_what_is_no_list_of_expw_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"no label\.lst; expected it and the pictures"):
        read(write(tmp_path / "a", {"faces.csv": b"1"}))
    path = write(tmp_path / "b", {"label.lst": b"\xff\xfe\x00 1", "a.jpg": b""})
    with pytest.raises(UserError, match=r"label\.lst can't be read as text after line 0"):
        read(path)
    assert not DATASETS["expw"]().recognise(open_tree(path))
    path = write(tmp_path / "c", {"label.lst": b"a.jpg 1\n"})
    assert not DATASETS["expw"]().recognise(open_tree(path))
    with pytest.raises(UserError, match=r"none of the 42 images that its list names is there \(first: angry"):
        read(write(tmp_path / "d", {LIST: expw_files()[LIST]}) / "label" / "label.lst")
