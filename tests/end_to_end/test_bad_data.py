"""Images that are broken, hostile or none: what a user is told, and that the import before stays as it is."""

import errno
import io
import json
import os
import resource
import shutil
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_study import tiny_study

from fer_bench.data import cache
from fer_bench.datasets import fer2013
from fer_bench.datasets.base import open_dataset


@pytest.fixture(autouse=True)
def folder(workplace):
    return workplace


@pytest.fixture
def imported(folder, fer_bench):
    """An import named mine; afterwards it must still be there, whole and alone."""
    write(folder / "before", faces())
    fer_bench("data", "import", "folder", "before", "--name", "mine")
    before = open_dataset("mine").fingerprint
    yield before
    assert open_dataset("mine").fingerprint == before
    open_dataset("mine").check_intact()
    assert len([p for p in (folder / "home/datasets/mine").iterdir() if p.is_dir()]) == 1


def picture(seed=0, size=(16, 16), form="PNG"):
    file = io.BytesIO()
    pixels = np.random.RandomState(seed).randint(0, 256, size[::-1], dtype=np.uint8)
    Image.fromarray(pixels).save(file, form)
    return file.getvalue()


def faces(classes=("angry", "happy", "sad"), n=3):
    return {f"{c}/{i}.png": picture(10 * k + i) for k, c in enumerate(classes) for i in range(n)}


def write(root, files):
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def zipped(path, files, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def locked(path, files):
    """A zip whose entries say that they are encrypted, as with a password."""
    data = bytearray(zipped(path, files).read_bytes())
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := data.find(mark, at + 1)) >= 0:
            data[at + flags] |= 1
    path.write_bytes(data)


def bomb(path):
    """A small zip that declares 3 GiB."""
    data = bytearray(zipped(path, faces(), compression=zipfile.ZIP_DEFLATED).read_bytes())
    at = data.find(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 3 * 2**30)
    path.write_bytes(data)


def huge_png():
    """PNG of a few bytes that declares 30,000 x 30,000 pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 30000, 30000, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + b"\0\0\0\0IEND\xaeB`\x82"


def cut(path):
    path.write_bytes(zipped(path, faces()).read_bytes()[:-200])


def nest(root):
    """A class folder with eleven hundred folders within one another."""
    write(root, faces())
    here = os.getcwd()
    os.chdir(root / "sad")
    for _ in range(1100):
        os.mkdir("d")
        os.chdir("d")
    Path("0.png").write_bytes(picture())
    os.chdir(here)


# One mistake each: how the source comes to be, and what is said of it.
SOURCES = {
    "missing": (lambda p: None, "source isn't there: expected a folder, an archive"),
    "empty folder": (lambda p: p.mkdir(), "no images in source: expected CLASS/IMAGE or SPLIT/CLASS/IMAGE"),
    "no classes": (
        lambda p: write(p, {"0.png": picture()}),
        "0.png lies in no class folder; expected CLASS/",
    ),
    "one class": (lambda p: write(p, faces(("all",))), "one class only, 'all', where two are needed"),
    "split of no class": (
        lambda p: write(p, {"train/0.png": picture()}),
        "train/0.png lies in no class folder",
    ),
    "different places": (
        lambda p: write(p, {**faces(), "x/fear/0.png": picture()}),
        "lie in different places",
    ),
    "empty class": (
        lambda p: (write(p, faces()) / "fear").mkdir(),
        "no image of fear; add some, or leave it out",
    ),
    "one image": (
        lambda p: write(p, {**faces(), "fear/0.png": picture()}),
        "images of a class (fear 1): each needs 2",
    ),
    "one readable": (
        lambda p: write(p, {**faces(), "fear/0.png": picture(), "fear/1.png": b"text"}),
        "(fear 1; 1 can't be read, such as fear/1.png: not an image): each needs 2; add some",
    ),
    "none readable": (
        lambda p: write(p, dict.fromkeys(faces(), b"")),
        "none of its 9 images can be read (first: angry",
    ),
    "same but for case": (
        lambda p: write(p, faces(("a", "b", "A"))),
        "'A' and 'a' differ in case only: say --classes",
    ),
    "numbers": (
        lambda p: write(p, faces("123")),
        "class folders are numbers: say what they mean with --classes",
    ),
    "not UTF-8": (
        lambda p: write(p, faces(("a", "b\udce9"))),
        r"class folder 'b\udce9': a name that can't be written",
    ),
    "newline": (
        lambda p: write(p, faces(("a", "b\nc"))),
        r"class folder 'b\nc': a name that can't be written",
    ),
    "circle": (lambda p: p.symlink_to(p), "source isn't there"),
    "pipe": (os.mkfifo, "source isn't there"),
    "device": (lambda p: p.symlink_to("/dev/zero"), "source isn't there"),
    "text": (
        lambda p: p.write_text("hello"),
        "source is no whole zip (File is not a zip file): was the download cut",
    ),
    "nothing": (lambda p: p.touch(), "source is no whole zip"),
    "truncated": (cut, "source is no whole zip"),
    "up": (
        lambda p: zipped(p, {**faces(), "../up.png": b""}),
        "holds '../up.png', a name that leads out of its",
    ),
    "up inside": (
        lambda p: zipped(p, {**faces(), "a/../../b.png": b""}),
        "'a/../../b.png', a name that leads out",
    ),
    "absolute": (lambda p: zipped(p, {**faces(), "/etc/x.png": b""}), "'/etc/x.png', a name that leads out"),
    "drive": (lambda p: zipped(p, {**faces(), "C:/x.png": b""}), "'C:/x.png', a name that leads out"),
    "backslash": (lambda p: zipped(p, {**faces(), "..\\x.png": b""}), r"'..\\x.png', a name that leads out"),
    "bomb": (bomb, "source would unpack to 3 GiB: refused as a decompression bomb"),
    "password": (
        lambda p: locked(p, faces()),
        "source is encrypted ('angry/0.png'): unpack it and give its folder",
    ),
    "zip in a zip": (lambda p: zipped(p, {"more.zip": b"PK"}), "no images in source"),
}


@pytest.mark.parametrize(("make", "said"), SOURCES.values(), ids=SOURCES)
def test_a_source_that_is_unfit_is_refused_and_the_import_before_stays(folder, refused, imported, make, said):
    make(folder / "source")
    assert said in refused("data", "import", "folder", "source", "--name", "mine")
    assert not (folder.parent / "up.png").exists()


def test_folders_hundreds_deep_are_refused(folder, refused, imported):
    nest(folder / "source")
    try:
        said = refused("data", "import", "folder", "source", "--name", "mine")
    finally:
        subprocess.run(["rm", "-r", "source"], check=True)  # too deep for shutil
    assert "class folders lie in different places, in the top and sad/d/d/" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--name", "../up"], "name '../up': expected letters, digits"),
        (["--name", "a/b"], "expected letters, digits"),
        (["--name", "fer2013"], "--name fer2013: expected a name of your own"),
        ([], "--name is missing: expected a name of your own"),
        (["--name", "mine", "--size", "0"], "--size 0: expected 8 to 1024 pixels"),
        (["--name", "mine", "--size", "99999"], "--size 99999: expected 8 to 1024 pixels"),
        (["--name", "mine", "--classes", "angry"], "--classes 'angry': expected CLASS=NAME pairs"),
        (["--name", "mine", "--classes", "angry=a,angry=b"], "names a class twice: keep one"),
        (
            ["--name", "mine", "--classes", "fear=a"],
            "--classes names fear: the classes are angry, happy",
        ),
        (["--name", "n" * 300], "can't write the import to"),
    ],
    ids=str,
)
def test_options_that_make_no_sense_are_refused(folder, refused, imported, words, said):
    write(folder / "source", faces(n=4))
    assert said in refused("data", "import", "folder", "source", *words)
    assert cache.stored() == ["mine"]


def rows(*changed):
    good = " ".join(["7"] * 2304)
    lines = ["emotion,pixels,Usage"]
    lines += [f"{k},{good},{usage}" for usage in ("Training", "PublicTest", "PrivateTest") for k in range(7)]
    for number, line in changed:
        lines[number] = line.replace("GOOD", good)
    return "\n".join(lines)


TABLES = {
    "other columns": (
        "label,image\n1,2\n",
        "has the columns label, image: expected emotion, pixels, Usage",
    ),
    "a column short": ("emotion,Usage\n1,Training\n", "expected emotion, pixels, Usage; pixels not found"),
    "no Usage": ("emotion,pixels\n1,2\n", "too few training images of a class (angry 0, "),
    "empty": ("", "has the columns none"),
    "header only": ("emotion,pixels,Usage\n", "fer2013.csv: no images"),
    "label": (rows((3, "9,GOOD,Training")), "fer2013.csv, row 3: emotion '9', expected 0 to 6"),
    "label of words": (rows((3, "happy,GOOD,Training")), "row 3: emotion 'happy', expected 0 to 6"),
    "usage": (
        rows((3, "1,GOOD,Practice")),
        "row 3: Usage 'Practice', expected Training, PublicTest, PrivateTest",
    ),
    "short": (rows((3, "2,1 2 3,Training")), "row 3: 3 pixels, expected 2,304 numbers"),
    "long": (rows((3, "2,GOOD 4,Training")), "row 3: 2,305 pixels, expected 2,304 numbers"),
    "above 255": (rows((3, "2,25GOOD,Training")), "row 3: pixel values 7 to 257, expected 0 to 255"),
    "negative": (rows((3, "2,-GOOD,Training")), "row 3: pixel values -7 to 7, expected 0 to 255"),
    "beyond int64": (rows((3, "2,9" + "9" * 30 + "GOOD,Training")), "row 3: pixel"),
    "no number": (rows((3, "2,x GOOD,Training")), "row 3: pixels are not whole numbers throughout"),
    "half numbers": (rows((3, "2,0.GOOD,Training")), "row 3: pixels are not whole numbers throughout"),
    "cut": (rows((3, "1")), "row 3: Usage ''"),
    "open quote": (
        rows((3, '2,"GOOD' + " 7" * 10**5)),
        "can't be read as a csv table after row 2: field larger than field limit",
    ),
    "no line ends": ("emotion,pixels,Usage\n" + "1" * 10**6, "can't be read as a csv table after row 0"),
    "binary": (
        b"\xff\xfe\x00\x01" * 50,
        "can't be read as a csv table after row 0: 'utf-8' codec can't decode",
    ),
    "a class short": (
        rows(*((k, f"0,GOOD,{u}") for k, u in ((2, "Training"), (9, "PublicTest")))),
        "(disgust 0)",
    ),
}


@pytest.mark.parametrize(("text", "said"), TABLES.values(), ids=TABLES)
def test_a_table_that_is_unfit_is_refused_and_nothing_imported(folder, refused, text, said):
    (folder / "fer2013.csv").write_bytes(text if isinstance(text, bytes) else text.encode() + b"\n" * 99)
    assert said in refused("data", "import", "fer2013", "fer2013.csv")
    zipped(folder / "fer2013.zip", {"fer2013.csv": (folder / "fer2013.csv").read_bytes()})
    assert said in refused("data", "import", "fer2013", "fer2013.zip")
    assert cache.stored() == []


def test_a_table_that_is_missing_or_of_another_kind_is_refused(folder, refused):
    assert "nowhere.csv isn't there" in refused("data", "import", "fer2013", "nowhere.csv")
    (folder / "folder.csv").mkdir()
    assert "no images in folder.csv" in refused("data", "import", "fer2013", "folder.csv")
    (folder / "fer2013.tar.gz").write_bytes(b"x")
    assert "fer2013.tar.gz is no whole tar" in refused("data", "import", "fer2013", "fer2013.tar.gz")
    write(folder / "words", faces((*fer2013.CLASSES, "contempt")))
    assert "'contempt' is none of FER-2013's classes" in refused("data", "import", "fer2013", "words")
    assert "unknown dataset 'fer2012': did you mean 'fer2013'" in refused(
        "data", "import", "fer2012", "words"
    )


def test_broken_images_among_good_ones_are_named_counted_and_skipped(folder, fer_bench):
    files = faces(n=9)
    files["angry/text.jpg"] = b"this is no image"
    files["angry/page.jpg"] = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"
    files["happy/cut.png"] = picture(size=(64, 64))[:-900]
    files["happy/huge.png"] = huge_png()
    files["sad/\udce9\n.png"] = b""
    write(folder / "source", files)
    said = fer_bench("data", "import", "folder", "source", "--name", "mine")
    assert "imported 27 images as mine" in said
    assert "skipped: 5 images" in said
    assert "angry/text.jpg: not an image" in said
    assert "angry/page.jpg: not an image" in said
    assert "happy/cut.png: " in said
    assert "happy/huge.png: too many pixels" in said
    assert r"sad/\udce9\n.png: empty file" in said
    assert "images skipped at the import, unreadable 5" in " ".join(
        fer_bench("data", "audit", "mine").split()
    )


def test_names_in_another_encoding_are_imported_under_a_name_that_can_be_written(folder, fer_bench):
    write(folder / "sour\udce9", {**faces(), "sad/caf\udce9.png": picture(99)})
    said = fer_bench("data", "import", "folder", folder / "sour\udce9", "--name", "mine")
    assert r"from sour\udce9" in said
    assert r"sad/caf\udce9.png" in open_dataset("mine").ids
    "\0".join(open_dataset("mine").ids).encode()


def test_linked_folders_are_followed_and_circles_left(folder, fer_bench):
    write(folder / "elsewhere", {f"{i}.png": picture(50 + i) for i in range(3)})
    write(folder / "source", faces())
    (folder / "source/fear").symlink_to(folder / "elsewhere")
    (folder / "source/fear/again").symlink_to(folder / "source")
    (folder / "source/self").symlink_to(folder / "source/self")
    (folder / "source/gone").symlink_to(folder / "nowhere")
    fer_bench("data", "import", "folder", "source", "--name", "mine")
    assert open_dataset("mine").classes == ("angry", "fear", "happy", "sad")
    assert len(open_dataset("mine")) == 12


def test_a_folder_that_may_not_be_read_is_named(folder, refused, imported, monkeypatch):
    write(folder / "source", faces(n=4))
    scandir = os.scandir

    def denied(path):
        if str(path).endswith("happy"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr("fer_bench.data.archive.os.scandir", denied)
    said = refused("data", "import", "folder", "source", "--name", "mine")
    assert "source/happy can't be read: Permission denied" in said


def test_a_folder_changed_after_import_changes_nothing_until_it_is_imported_again(
    folder, fer_bench, imported
):
    before = fer_bench("data", "describe", "mine")
    shutil.rmtree(folder / "before/sad")
    write(folder / "before", {"fear/0.png": picture(5), "angry/0.png": b"broken"})
    assert fer_bench("data", "describe", "mine") == before
    shutil.rmtree(folder / "before")
    assert fer_bench("data", "describe", "mine") == before


def test_a_folder_that_changes_during_the_import_loses_only_what_is_gone(folder, imported):
    from fer_bench.data.archive import open_tree
    from fer_bench.data.class_folders import read_folder

    draft = read_folder(open_tree(write(folder / "source", faces(n=5))))
    (folder / "source/sad/2.png").unlink()
    (folder / "source/sad/3.png").write_bytes(b"")
    images = cache.save("other", draft)
    assert len(images) == 13
    assert [line.split(":")[0] for line in images.skipped] == ["sad/2.png", "sad/3.png"]
    images.check_intact()


# The imported copy


def part(folder, name):
    [path] = (folder / "home/datasets/mine").glob(f"*/{name}")
    return path


DAMAGE = {
    "half the pixels": ("pixels.npy", lambda data: data[: len(data) // 2]),
    "a few pixels": ("pixels.npy", lambda data: data[:-3] + b"abc"),
    "no pixels": ("pixels.npy", lambda data: b""),
    "header": ("pixels.npy", lambda data: data.replace(b"'descr'", b"'descr(")),
    "labels": ("labels.npy", lambda data: data[:-4] + b"\1\0\0\0"),
    "subsets": ("subsets.npy", lambda data: data[:-1] + b"\1"),
    "labels beyond the classes": ("labels.npy", lambda data: data[:-4] + b"\77\0\0\0"),
    "no labels": ("labels.npy", lambda data: b""),
    "ids": ("ids.npy", lambda data: data[:-50]),
}


@pytest.mark.parametrize(("name", "change"), DAMAGE.values(), ids=DAMAGE)
def test_a_copy_damaged_after_import_is_refused_wherever_it_is_used(folder, fer_bench, refused, name, change):
    write(folder / "source", faces(n=20))
    fer_bench("data", "import", "folder", "source", "--name", "mine")
    (folder / "mine.yaml").write_text(tiny_study(dataset="mine", split="random_80_10_10"))
    whole = part(folder, name).read_bytes()
    part(folder, name).write_bytes(change(whole))
    for words in (("data", "describe", "mine"), ("data", "audit", "mine"), ("run", "--study", "mine.yaml")):
        said = refused(*words)
        assert "'mine'" in said
        assert "import it again" in said
    assert not (folder / "mlruns").exists()
    fer_bench("data", "import", "folder", "source", "--name", "mine")
    open_dataset("mine").check_intact()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"version": 3}', "null"])
def test_a_damaged_record_of_the_import_is_refused(folder, fer_bench, refused, text):
    write(folder / "source", faces())
    fer_bench("data", "import", "folder", "source", "--name", "mine")
    (folder / "home/datasets/mine/meta.json").write_text(text)
    assert "import it again" in refused("data", "describe", "mine")


# An import that does not get to its end


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    "call", ["np.save", "os.replace", "np.lib.format.write_array_header_1_0", "tempfile.mkdtemp"]
)
def test_a_full_disk_leaves_the_import_before(folder, refused, imported, monkeypatch, call):
    write(folder / "source", faces(n=5))
    with monkeypatch.context() as patch:
        patch.setattr(f"fer_bench.data.cache.{call}", full)
        said = refused("data", "import", "folder", "source", "--name", "mine")
    assert "can't write the import to" in said
    assert "No space left on device; expected room" in said


def test_a_disk_that_fills_up_while_pixels_are_written_leaves_the_import_before(folder, refused, imported):
    write(folder / "source", faces(n=30))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        said = refused("data", "import", "folder", "source", "--name", "mine")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "can't write the import to" in said
    assert "File too large" in said


def test_a_home_that_is_no_folder_is_named(folder, refused, monkeypatch):
    (folder / "file").touch()
    write(folder / "source", faces())
    monkeypatch.setenv("FER_BENCH_HOME", str(folder / "file"))
    assert "can't write the import to" in refused("data", "import", "folder", "source", "--name", "mine")


KILLED = """
import os, sys
from pathlib import Path
from fer_bench.data import cache
from fer_bench.data.archive import open_tree
from fer_bench.data.class_folders import read_folder

def track(items, total):
    for number, item in enumerate(items):
        if number == total // 2:
            os.kill(os.getpid(), 9)
        yield item

cache.save("mine", read_folder(open_tree(Path(sys.argv[1]))), track)
"""


def test_a_killed_import_leaves_the_one_before_and_the_next_clears_up(folder, fer_bench):
    write(folder / "source", faces())
    fer_bench("data", "import", "folder", "source", "--name", "mine")
    before = json.loads((folder / "home/datasets/mine/meta.json").read_text())
    write(folder / "more", faces(n=9))
    path = os.pathsep.join(filter(None, [str(Path(cache.__file__).parents[2]), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-c", KILLED, "more"], env=os.environ | {"PYTHONPATH": path}, check=False
    )
    assert done.returncode == -9
    assert json.loads((folder / "home/datasets/mine/meta.json").read_text()) == before
    open_dataset("mine").check_intact()
    assert len(open_dataset("mine")) == 9
    fer_bench("data", "import", "folder", "more", "--name", "mine")
    assert len(open_dataset("mine")) == 27
    assert len([p for p in (folder / "home/datasets/mine").iterdir() if p.is_dir()]) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["describe", "min"], "unknown dataset 'min': did you mean 'mine'?"),
        (["audit", "../mine"], "unknown dataset '../mine'"),
        (
            ["describe", "mine", "--out", "file"],
            "can't write to file: File exists; choose another --out",
        ),
        (
            ["describe", "mine", "--out", "file/deeper"],
            "can't write to file/deeper: Not a directory",
        ),
        (["download", "synthetic"], "'synthetic' isn't downloaded: built in"),
        (["download", "fer2014"], "unknown dataset 'fer2014': did you mean 'fer2013'?"),
    ],
    ids=str,
)
def test_other_commands_on_data_refuse_too(folder, refused, imported, words, said):
    (folder / "file").touch()
    assert said in refused("data", *words)
