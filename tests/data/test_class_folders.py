"""Folders and zips of class folders, as users bring them."""

import pytest
from image_files import class_files, folder_draft, import_folder, picture, write, zipped

from fer_bench.data import cache
from fer_bench.data.class_choice import parse_classes
from fer_bench.data.images import SUBSETS
from fer_bench.data.splits import available_splits
from fer_bench.datasets import fer2013
from fer_bench.errors import UserError

pytestmark = pytest.mark.usefixtures("workplace")


def test_folder_without_and_with_splits(tmp_path):
    flat = import_folder(zipped(tmp_path / "flat.zip", class_files(("b face", "a"))), "flat")
    assert flat.classes == ("a", "b face")
    assert set(flat.subsets) == {SUBSETS.index("none")}
    assert flat.pixels.shape == (6, 48, 48, 1)
    tree = {f"data/{s}/{n}": d for s in ("train", "valid", "test") for n, d in class_files().items()}
    deep = import_folder(write(tmp_path / "deep", tree), "deep")
    assert [deep.in_subset(s).sum() for s in SUBSETS] == [6, 6, 6, 0]
    assert "official" in available_splits(deep)
    assert deep.ids[0] == "test/angry/0.png"


def test_numbered_folders_need_names(tmp_path):
    files = class_files(tuple("1234567"))
    with pytest.raises(UserError, match=r"--classes \"1=\.\.\..*RAF-DB has 1=surprise"):
        folder_draft(write(tmp_path / "raf", files))
    named = parse_classes("1=surprise, 2=fear,3=disgust,4=happy,5=sad,6=angry,7=neutral")
    images = import_folder(tmp_path / "raf", classes=named)
    assert images.classes == fer2013.CLASSES
    assert images.ids[images.labels == 6].tolist() == ["1/0.png", "1/1.png", "1/2.png"]
    with pytest.raises(UserError, match="--classes names 8"):
        folder_draft(tmp_path / "raf", classes=parse_classes("1=a,2=b,3=c,4=d,5=e,6=f,7=g,8=contempt"))


def test_class_folders_are_left_out_and_brought_to_the_common_names(tmp_path):
    root = write(tmp_path / "x", class_files(("Anger", "happiness", "contempt")))
    draft = folder_draft(root, classes=parse_classes("contempt=-"))
    assert draft.classes == ("Anger", "happiness")
    assert len(draft.records) == 6
    assert "left out by --classes: 3 contempt" in draft.remarks
    draft = folder_draft(root, classes=parse_classes("common"))
    assert draft.classes == ("angry", "happy")
    assert "named by --classes: Anger as angry, happiness as happy" in draft.remarks


def test_empty_and_one_image_classes_are_refused_unless_allowed(tmp_path):
    root = write(tmp_path / "x", {**class_files(), "sad/0.png": picture(5)})
    with pytest.raises(UserError, match=r"too few images of a class \(sad 1\)"):
        import_folder(root)
    (root / "fear").mkdir()
    with pytest.raises(UserError, match="no image of fear"):
        import_folder(root)
    draft = folder_draft(root, allow_missing=True)
    assert draft.remarks == ("left out, without an image: fear",)
    assert cache.save("mine", draft).counts().tolist() == [3, 3, 1]
    archive = zipped(tmp_path / "x.zip", {**class_files(), "fear/": b""})
    with pytest.raises(UserError, match="no image of fear"):
        folder_draft(archive)


def test_class_absent_from_the_training_subset_is_refused(tmp_path):
    files = {f"train/{n}": d for n, d in class_files().items()}
    files |= {f"test/{n}": d for n, d in class_files(("angry", "happy", "sad")).items()}
    with pytest.raises(UserError, match=r"too few training images of a class \(sad 0\)"):
        import_folder(write(tmp_path / "x", files))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.png": b"x"}, "a.png lies in no class folder"),
        ({"train/a.png": b"x"}, "lies in no class folder"),
        ({"notes.txt": b"x"}, "no images in"),
        ({"angry/x.png": b"x", "more/happy/y.png": b"x"}, "different places, in the top and more"),
        ({"Angry/x.png": b"x", "angry/y.png": b"x"}, "differ in case only"),
    ],
)
def test_layouts_that_tell_no_class_are_refused(tmp_path, files, message):
    with pytest.raises(UserError, match=message):
        folder_draft(write(tmp_path / "x", files))
