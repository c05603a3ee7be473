"""The commands `fer-bench data ...`."""

import io
import os
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from fer_bench.cli.data import app
from fer_bench.cli.options import console
from fer_bench.data import cache
from fer_bench.datasets import fer2013
from fer_bench.datasets.base import find_dataset, open_dataset
from fer_bench.errors import UserError

TINY = {"Training": 4, "PublicTest": 2, "PrivateTest": 2}


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("FER_BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(console, "width", 140)
    return tmp_path / "home"


def run(*arguments):
    """Output of a command that is to succeed; what it raises is raised here."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception:
        raise result.exception
    assert result.exit_code == 0
    return result.output


def refused(*arguments):
    """The message of a command that is to be refused; one line."""
    with pytest.raises(UserError) as refusal:
        run(*arguments)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def save_faces(root, folders, n=3, seed=0, size=48):
    rng = np.random.RandomState(seed)
    for folder in folders:
        (root / folder).mkdir(parents=True)
        for i in range(n):
            Image.fromarray(rng.randint(0, 256, (size, size), dtype=np.uint8)).save(
                root / folder / f"{i}.png"
            )
    return root


@pytest.fixture
def kaggle_folder(tmp_path):
    rng = np.random.RandomState(3)
    for usage, n in TINY.items():
        for name in fer2013.CLASSES:
            folder = tmp_path / "kaggle" / ("train" if usage == "Training" else "test") / name
            folder.mkdir(parents=True, exist_ok=True)
            for i in range(n):
                face = Image.fromarray(rng.randint(0, 256, (48, 48), dtype=np.uint8))
                face.save(folder / f"{usage}_{i}.jpg")
    return tmp_path / "kaggle"


def stand_in(monkeypatch, answer):
    """Put a stand-in for the one call to Kaggle in place; gives the names it is asked for."""
    asked = []

    def dataset_download(name):
        asked.append(name)
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    monkeypatch.setitem(sys.modules, "kagglehub", types.SimpleNamespace(dataset_download=dataset_download))
    return asked


def test_import_says_counts_what_was_skipped_and_where_it_lies(kaggle_folder, home):
    (kaggle_folder / "train/sad/Training_[bad].jpg").write_text("no image")
    said = run("import", "fer2013", kaggle_folder)
    assert "56 images as fer2013" in said
    assert "skipped: 1 image\n" in said
    assert "train/sad/Training_[bad].jpg: not an image" in said
    assert str(home) in said
    assert len(open_dataset("fer2013")) == 56


def test_import_says_what_it_found(tmp_path, kaggle_folder):
    assert "found: FER-2013, Kaggle's image folders" in run("import", kaggle_folder)
    root = save_faces(tmp_path / "faces", ("train/a", "train/b", "test/a", "test/b"))
    assert "found: class folders, train and test" in run("import", root, "--name", "mine")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/read.me").write_text("nothing")
    said = refused("import", tmp_path / "notes")
    assert "no images or table known, but 1 .me (such as read.me); known forms: class folders" in said
    assert "fer2013, ferplus" in said and "CLASS/IMAGE" in said


def test_import_folder_with_all_its_options(tmp_path):
    root = save_faces(tmp_path / "raf", "123")
    save_faces(tmp_path / "raf", "4", n=1)
    options = ("--classes", "1=surprise,2=fear,3=happy,4=sad", "--size", 32)
    assert "--allow-missing-classes" in refused("import", "folder", root, "--name", "raf", *options)
    said = run("import", "folder", root, "--name", "raf", *options, "--allow-missing-classes")
    assert "32x32 grey" in said
    assert "short side resized" in said
    assert open_dataset("raf").classes == ("fear", "happy", "sad", "surprise")


def test_classes_are_left_out_and_the_common_ones_kept(tmp_path):
    root = save_faces(tmp_path / "faces", ("Anger", "happiness", "contempt"))
    said = run("import", root, "--name", "mine", "--classes", "contempt=-")
    assert "left out by --classes: 3 contempt" in said
    assert open_dataset("mine").classes == ("Anger", "happiness")
    said = run("import", root, "--name", "mine", "--classes", "common")
    assert "named by --classes: Anger as angry, happiness as happy" in said
    assert open_dataset("mine").classes == ("angry", "happy")


def test_import_of_nothing_says_what_can_be_imported():
    result = CliRunner().invoke(app, ["import"])
    assert result.exit_code == 2
    assert "give the PATH of what to import" in result.output
    assert "folder: class folders, CLASS/IMAGE or SPLIT/CLASS/IMAGE" in result.output


def test_a_dataset_under_another_name_keeps_its_ceiling(tmp_path, kaggle_folder):
    run("import", kaggle_folder, "--name", "mine")
    assert find_dataset("mine").honest_ceiling == find_dataset("fer2013").honest_ceiling == 0.77
    root = save_faces(tmp_path / "faces", ("a", "b"))
    run("import", root, "--name", "own")
    assert find_dataset("own").honest_ceiling is None
    assert "imported by you from faces" in run("list")


def test_import_that_makes_no_sense_is_refused(tmp_path, kaggle_folder):
    root = save_faces(tmp_path / "faces", "ab")
    assert "--name is missing" in refused("import", root)
    assert "--name fer2013: expected a name of your own" in refused(
        "import", "folder", root, "--name", "fer2013"
    )
    assert "--size is not for fer2013, but for: " in refused("import", "fer2013", kaggle_folder, "--size", 32)
    assert "did you mean 'fer2013'" in refused("import", "fer-2013", kaggle_folder)
    assert "isn't imported: built in" in refused("import", "synthetic", root)
    assert "isn't there" in refused("import", "fer2013", tmp_path / "nowhere")


def test_download_imports_what_kaggle_gives(monkeypatch, kaggle_folder):
    asked = stand_in(monkeypatch, kaggle_folder)
    assert "56 images as fer2013" in run("download", "fer2013")
    assert asked == ["msambare/fer2013"]
    assert "official" in run("describe", "fer2013")


def test_download_of_fer_49779_says_its_leak_wherever_it_is_used(monkeypatch, tmp_path):
    root = save_faces(tmp_path / "k", [f"processed_data/{name}" for name in fer2013.CLASSES])
    asked = stand_in(monkeypatch, root)
    for said in (run("download", "fer-49779"), run("describe", "fer-49779"), run("audit", "fer-49779")):
        assert "random_80_20 has siblings of test images in train" in said
    assert asked == ["fahadullaha/facial-emotion-recognition-dataset"]
    assert "augmented copies are looked for, too" in run("import", root)
    assert any("5,920" in note for note in open_dataset("fer-49779").notes)


def test_download_that_fails_is_one_line_with_the_way_by_hand(monkeypatch):
    stand_in(monkeypatch, ConnectionError("Max retries exceeded\nwith a long story"))
    said = refused("download", "fer2013")
    assert "ConnectionError: Max retries exceeded" in said
    assert "https://www.kaggle.com/datasets/msambare/fer2013" in said
    assert "data import fer2013 ZIP" in said
    assert "isn't downloaded: built in" in refused("download", "synthetic")


def test_describe_counts_by_split_and_writes_both_pictures(tmp_path, kaggle_folder):
    run("import", "fer2013", kaggle_folder)
    said = run("describe", "--out", tmp_path / "new" / "pictures")
    for text in ("fer2013", "official", "union", "random_80_10_10", "val = test", "n_max/n_min", "14.3 %"):
        assert text in said
    pictures = sorted((tmp_path / "new" / "pictures").iterdir())
    assert [p.name for p in pictures] == ["fer2013_class_distribution.png", "fer2013_sample_sheet.png"]
    for picture in pictures:
        pixels = np.asarray(Image.open(io.BytesIO(picture.read_bytes())).convert("L"))
        assert min(pixels.shape) > 300
        assert pixels.std() > 10


def test_describe_draws_colour_and_a_class_of_one_image(tmp_path):
    root = tmp_path / "colour"
    for folder, n in (("a", 6), ("b", 1)):
        (root / folder).mkdir(parents=True)
        for i in range(n):
            Image.new("RGB", (40, 30), (i, 90, 200)).save(root / folder / f"{i}.png")
    run("import", "folder", root, "--name", "colour", "--allow-missing-classes")
    assert "wrote" in run("describe", "colour", "--out", tmp_path)


def test_audit_tells_blank_and_identical_images(kaggle_folder):
    blank = Image.new("L", (48, 48), 30)
    for name in ("train/sad/Training_8.jpg", "train/happy/Training_8.jpg", "test/sad/PrivateTest_8.jpg"):
        blank.save(kaggle_folder / name)
    run("import", "fer2013", kaggle_folder)
    lines = [" ".join(line.split()) for line in run("audit").splitlines()]
    assert "images blank (constant), not trained on 3" in lines
    assert "groups of identical images 1" in lines
    assert "groups of identical images with conflicting labels 1" in lines
    assert "val and test images identical to a training image 1 of 29" in lines
    assert "test images of official, deduplicated 14 of 15" in lines
    assert "train/sad/Training_8.jpg" in lines
    assert "audit.csv: 3 images" in run("audit", "--out", kaggle_folder / "audit.csv")
    header, *rows = (kaggle_folder / "audit.csv").read_text().splitlines()
    assert header == ("image,subset,class,group,blank,identical,leak,conflicting,near,near_leak,near_group")
    assert rows[0].startswith("test/sad/PrivateTest_8.jpg,test,sad,")
    assert ",True,True,True,True,True,True," in rows[0] and len(rows) == 3


def test_audit_of_two_datasets_names_what_they_share(tmp_path):
    run("import", "folder", save_faces(tmp_path / "faces", "ab"), "--name", "mine")
    run("import", "folder", save_faces(tmp_path / "more", "cab", n=2), "--name", "yours")
    said = run("audit", "mine", "yours", "--out", tmp_path / "shared.csv")
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert "6 of 6 images of mine are in yours" in lines
    assert "no split no split 6 0 0" in lines
    rows = (tmp_path / "shared.csv").read_text().splitlines()
    assert rows[0].startswith("image,subset,class,other_image,") and len(rows) == 7
    assert rows[1] == "a/0.png,none,a,c/0.png,none,c,identical,1"
    run("import", "folder", save_faces(tmp_path / "others", "ab", seed=4), "--name", "others")
    assert "0 of 6 images of mine are in others" in run("audit", "mine", "others")
    assert "mine twice" in refused("audit", "mine", "mine")


def test_list_shows_what_is_there_and_how_to_get_the_rest(tmp_path, home):
    run("import", "folder", save_faces(tmp_path / "faces", "ab"), "--name", "mine")
    run("import", "folder", save_faces(tmp_path / "more", "ab"), "--name", "torn")
    (home / "datasets/torn/meta.json").write_text("{}")
    said = run("list")
    for text in ("mine", "synthetic", "fer-49779", "data download fer-49779 or fer2013", "damaged", "6"):
        assert text in said


def test_without_a_name_and_without_data_the_synthetic_faces_are_taken():
    assert "synthetic" in run("audit")


@pytest.mark.skipif(
    not os.environ.get("FER_BENCH_TEST_DATA"),
    reason="FER_BENCH_TEST_DATA (folder of fer2013-archive.zip) not set",
)
def test_real_archive_is_imported_whole():
    said = run("import", "fer2013", Path(os.environ["FER_BENCH_TEST_DATA"]) / "fer2013-archive.zip")
    assert "35,887 images as fer2013" in said
    assert "skipped" not in said
    assert "note" not in said


def test_describe_counts_images_by_attribute_and_says_nothing_without_any(tmp_path):
    faces = save_faces(tmp_path / "faces", ("angry", "happy"))
    run("import", faces, "--name", "plain")
    assert "attribute" not in run("describe", "plain")
    table = "image,gender\nangry/0.png,female\nangry/1.png,male\nhappy/0.png,female\nhappy/2.png,\n"
    (faces / "attributes.csv").write_text(table)
    said = run("import", faces, "--name", "told")
    assert "attributes.csv: gender; 2 of 6 images have no row" in said
    said = run("describe", "told")
    rows = [line.split() for line in said[said.index("by attribute") :].splitlines()]
    assert rows[1] == ["gender"]
    assert ["class", "female", "male", "unknown"] in rows
    assert ["angry", "1", "1", "1"] in rows
    assert ["happy", "1", "0", "2"] in rows
    assert ["all", "2", "1", "3"] in rows
    assert ["share", "33.3", "%", "16.7", "%", "50.0", "%"] in rows


def test_an_interrupted_import_says_that_nothing_is_there(tmp_path, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    faces = save_faces(tmp_path / "faces", ("angry", "happy"))
    monkeypatch.setattr(cache, "save", interrupted)
    result = CliRunner().invoke(app, ["import", str(faces), "--name", "mine"])
    assert result.exit_code == 130
    assert "interrupted: nothing was imported as mine" in result.output


def test_a_table_of_attributes_that_does_not_fit_is_one_line(tmp_path):
    faces = save_faces(tmp_path / "faces", ("angry", "happy"))
    (faces / "attributes.csv").write_text("image,gender\nangry/7.png,female\n")
    said = refused("import", faces, "--name", "mine")
    assert "faces: attributes.csv, row 1: 'angry/7.png' isn't there" in said
