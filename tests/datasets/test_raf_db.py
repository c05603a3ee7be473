"""RAF-DB in the authors' layout and in Kaggle's, and what is neither."""

import io

import numpy as np
import pytest
from image_files import picture, write, zipped
from PIL import Image
from raf_db_files import LIST, NUMBERS, author_files, kaggle_files, labelled

from fer_bench.data import cache
from fer_bench.data.archive import open_tree
from fer_bench.data.class_choice import parse_classes
from fer_bench.data.class_names import COMMON
from fer_bench.data.draft import ImportOptions
from fer_bench.data.splits import available_splits
from fer_bench.datasets.base import DATASETS
from fer_bench.datasets.recognise import recognise
from fer_bench.errors import UserError

pytestmark = pytest.mark.usefixtures("workplace")


def drafted(path, **options):
    return DATASETS["raf-db"]().read(open_tree(path), ImportOptions(**options))


def as_listed(images):
    """Class by id, as the authors' list has it."""
    return dict(zip(images.ids.tolist(), [images.classes[label] for label in images.labels], strict=True))


def test_authors_layout_with_attributes(tmp_path):
    path = zipped(tmp_path / "raf.zip", author_files())
    assert recognise(open_tree(path)) == ("raf-db", "RAF-DB, the authors' layout")
    images = cache.save("raf-db", drafted(path))
    assert images.pixels.shape == (35, 100, 100, 3)
    assert images.classes == COMMON
    assert as_listed(images) == {name: NUMBERS[label] for name, label in labelled()}
    assert images.ids[0] == "train_00001.jpg"
    assert [int(images.in_subset(s).sum()) for s in ("train", "val", "test")] == [21, 0, 14]
    assert "official" not in available_splits(images)
    assert sorted(images.attributes) == ["age", "gender", "race"]
    assert images.attributes["gender"][:4].tolist() == ["male", "female", "unsure", "male"]
    assert images.attributes["race"][:3].tolist() == ["Caucasian", "African-American", "Asian"]
    assert images.attributes["age"][:5].tolist() == ["0-3", "4-19", "20-39", "40-69", "70+"]
    assert drafted(path).remarks == ("attributes: gender, race, age",)


def test_original_pictures_are_cut_to_their_boxes(tmp_path):
    files = author_files(aligned=False, attributes=False)
    files["basic/Annotation/boundingbox/train_00002_boundingbox.txt"] = b"10 20 x 44"
    del files["basic/Annotation/boundingbox/train_00003_boundingbox.txt"]
    draft = drafted(write(tmp_path / "raf", files))
    assert draft.shape == (24, 24, 3)
    assert draft.attributes == ()
    assert draft.skipped == (
        "train_00002.jpg: no box of its face in train_00002_boundingbox.txt",
        "train_00003.jpg: no box of its face in train_00003_boundingbox.txt",
    )
    whole = np.asarray(Image.open(io.BytesIO(files["basic/Image/original/train_00001.jpg"])))
    np.testing.assert_array_equal(next(draft.pixels()), whole[20:44, 10:34])
    for odd in (b"nan 1 2 3", b"1 2 inf 9", b"1e300 2 3 4", b"1 2 3 4 5", b"1 " * 10**6, b""):
        files["basic/Annotation/boundingbox/train_00001_boundingbox.txt"] = odd
        assert len(drafted(write(tmp_path / "raf", files)).skipped) == 3
    without = {name: data for name, data in files.items() if "boundingbox" not in name}
    with pytest.raises(UserError, match=r"has a box: expected aligned images, or Annotation/boundingbox"):
        drafted(write(tmp_path / "without", without))


def test_attributes_that_are_missing_or_odd_are_unknown(tmp_path):
    files = author_files()
    manual = "basic/Annotation/manual/train_0000"
    del files[f"{manual}1_manu_attri.txt"]
    files[f"{manual}2_manu_attri.txt"] = b"1 2\n" * 5
    files[f"{manual}3_manu_attri.txt"] = b"1 2\n" * 5 + b"7\n2\n\n\n"
    draft = drafted(write(tmp_path / "raf", files))
    assert draft.records[0].attributes == draft.records[1].attributes == ("", "", "")
    assert draft.records[2].attributes == ("", "Asian", "")
    assert draft.records[3].attributes == ("male", "Caucasian", "40-69")


@pytest.mark.parametrize("layout", [{}, {"folders": False}, {"folders": False, "column": "image_name"}])
def test_kaggles_layout_with_and_without_class_folders(tmp_path, layout):
    path = write(tmp_path / "raf", kaggle_files(**layout))
    assert recognise(open_tree(path)) == ("raf-db", "RAF-DB, Kaggle's layout")
    images = cache.save("raf-db", drafted(path))
    names = {name.split("/")[-1].replace("_aligned", ""): label for name, label in as_listed(images).items()}
    assert names == {name: NUMBERS[label] for name, label in labelled()}
    assert [int(images.in_subset(s).sum()) for s in ("train", "val", "test")] == [21, 0, 14]
    assert not images.notes


def test_class_folders_by_name_and_another_division(tmp_path):
    files = {
        name.replace("/test/", "/train/").replace("/4/", "/Happiness/"): data
        for name, data in kaggle_files().items()
    }
    images = cache.save("raf-db", drafted(write(tmp_path / "raf", files)))
    assert images.counts().tolist() == [5] * 7
    assert images.notes == (
        "14 images lie in another subset than their names say: this is not RAF-DB's own division",
    )
    files = {f"DATASET/train/0/train_0000{i}.jpg": picture(i) for i in range(3)}
    files |= {f"DATASET/train/1/train_0001{i}.jpg": picture(i) for i in range(3)}
    with pytest.raises(UserError, match=r"folder '0' is none of RAF-DB's classes.*--classes"):
        drafted(write(tmp_path / "other", files))


def test_numbered_folders_under_dataset_are_kaggles_whatever_the_images_are_called(tmp_path):
    files = {name.replace("_aligned", ""): data for name, data in kaggle_files().items() if "csv" not in name}
    renamed = {f"{name.rsplit('/', 1)[0]}/{i}.jpg": data for i, (name, data) in enumerate(files.items())}
    path = write(tmp_path / "raf", renamed)
    assert recognise(open_tree(path)) == ("raf-db", "RAF-DB, Kaggle's layout")
    images = cache.save("raf-db", drafted(path))
    assert images.counts(images.in_subset("test")).tolist() == [2] * 7
    assert not images.notes
    assert as_listed(images)["train/1/0.jpg"] == "surprise"
    without_one = {name: data for name, data in renamed.items() if "/test/7/" not in name}
    assert recognise(open_tree(write(tmp_path / "six", without_one)))[0] == "folder"


def test_classes_can_be_left_out(tmp_path):
    draft = drafted(write(tmp_path / "raf", author_files()), classes=parse_classes("neutral=-"), size=48)
    assert len(draft.classes) == 6
    assert len(draft.records) == 30
    assert draft.shape == (48, 48, 3)
    assert draft.remarks[0] == "left out by --classes: 5 neutral"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "train_00001.jpg 8",
            r"list_patition_label.txt, line 1: 'train_00001.jpg 8', expected a name such as",
        ),
        ("train_00001.jpg 0", "and a label, 1 to 7"),
        ("train_00001.jpg", "line 1: 'train_00001.jpg', expected"),
        ("../train_00001.jpg 1", "line 1: '../train_00001.jpg 1', expected"),
        ("/etc/passwd 1", "line 1: "),
        ("train_00001.jpg 1 2", "line 1: "),
        ("train_00001\x07.jpg 1", r"line 1: 'train_00001\\x07.jpg 1'"),
        ("x" * 100_000, "line 1: 'x{80}', expected"),
        ("\udcff\udcfe", "can't be read as text after line 0"),
    ],
)
def test_a_wrong_line_of_the_list_is_named(tmp_path, line, message):
    files = author_files()
    files[LIST] = line.encode("utf-8", "surrogateescape") + b"\n" + files[LIST]
    with pytest.raises(UserError, match=message) as told:
        drafted(write(tmp_path / "raf", files))
    assert "\n" not in str(told.value)


def test_images_that_are_missing_and_named_twice_are_left_out(tmp_path):
    files = author_files()
    del files["basic/Image/aligned/train_00002_aligned.jpg"]
    files["basic/Image/aligned/train_00003_aligned.jpg"] = b""
    files[LIST] += b"train_00001.jpg 4\n"
    draft = drafted(write(tmp_path / "raf", files))
    assert draft.skipped == (
        "train_00001.jpg: named more than once: only the first counts",
        "train_00003.jpg: empty file",
        "train_00002.jpg: named in the list, but not there",
    )


def test_parts_of_it_alone_are_told(tmp_path):
    only_list = write(tmp_path / "list", {LIST: author_files()[LIST]})
    with pytest.raises(UserError, match=r"no image of list_patition_label.txt has a box"):
        drafted(only_list)
    with pytest.raises(UserError, match=r"list_patition_label.txt names no images: expected lines such as"):
        drafted(write(tmp_path / "empty_list", {**author_files(), LIST: b""}))
    packed = write(tmp_path / "packed", {LIST: author_files()[LIST], "basic/Image/aligned.zip": b"PK"})
    with pytest.raises(UserError, match=r"aligned.zip is still packed: unpack it beside"):
        drafted(packed)
    images = {n: d for n, d in author_files().items() if n.startswith("basic/Image")}
    with pytest.raises(UserError, match=r"has no labels of RAF-DB: expected EmoLabel"):
        drafted(write(tmp_path / "images", images))
    table = {**kaggle_files(folders=False), "train_labels.csv": b"file,class\n1,2\n"}
    with pytest.raises(UserError, match=r"columns file, class: expected image, label"):
        drafted(write(tmp_path / "columns", table))
    empty = {**kaggle_files(folders=False), "train_labels.csv": b""}
    with pytest.raises(UserError, match=r"columns none: expected image, label"):
        drafted(write(tmp_path / "empty", empty))
