"""Pictures as they come: read as at import, faces found, broken ones named, foreign model files refused."""

import csv
import io
import json
import os
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

from fer_bench.cli.main import main
from fer_bench.data.decode import fitted
from fer_bench.datasets.base import open_dataset
from fer_bench.errors import UserError
from fer_bench.inference.face_detector import FaceFinder, load_cascade
from fer_bench.inference.model_file import open_model
from fer_bench.inference.pictures import Look, Reader, list_pictures
from fer_bench.inference.predict import Prediction, Unreadable, predict

SHAPE = (48, 48, 1)


def grey(seed: int = 0, size: tuple[int, int] = (48, 48)) -> Image.Image:
    return Image.fromarray(np.random.RandomState(seed).randint(0, 256, size[::-1], dtype=np.uint8))


def read(path, shape=SHAPE, detect=False) -> Look:
    look = Reader(shape, detect)(path)
    assert isinstance(look, Look), look
    return look


@pytest.fixture
def fer_bench(model_file, tmp_path, capsys, monkeypatch):
    """Run `fer-bench predict` in an empty folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str, model=model_file) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["fer-bench", "predict", "--model", str(model), *words])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0), *capsys.readouterr()

    return run


def test_a_small_jpeg_gives_the_very_pixels_of_an_import(tmp_path, monkeypatch):
    from fer_bench.data import cache
    from fer_bench.data.class_folders import read_folder

    monkeypatch.setenv("FER_BENCH_HOME", str(tmp_path / "home"))
    for label in ("happy", "sad"):
        (tmp_path / "faces" / label).mkdir(parents=True)
        for i in range(2):
            grey(i).save(tmp_path / "faces" / label / f"{i}.jpg")
    images = cache.save("mine", read_folder(tmp_path / "faces"))
    paths = list_pictures([str(tmp_path / "faces")])
    assert len(paths) == len(images) == 4
    assert images.pixels.shape[1:] == SHAPE
    for path, pixels in zip(paths, images.pixels, strict=True):
        np.testing.assert_array_equal(read(path, detect=True).pixels, pixels)


def test_forms_of_pictures_are_read_as_they_look(tmp_path):
    half = np.full((48, 48), 128, np.uint8)
    Image.fromarray(half.astype(np.uint16) * 257).save(tmp_path / "sixteen.png")
    Image.fromarray(half).convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    Image.fromarray(half).convert("P").save(tmp_path / "palette.gif")
    for name in ("sixteen.png", "cmyk.jpg", "palette.gif"):
        look = read(tmp_path / name)
        assert np.abs(look.pixels.astype(int) - 128).max() <= 2, name
        assert look.notes == ()
    clear = Image.new("RGBA", (48, 48), (0, 0, 0, 0))
    clear.paste((10, 10, 10, 255), (0, 0, 24, 48))
    clear.save(tmp_path / "clear.png")
    pixels = read(tmp_path / "clear.png").pixels
    assert (pixels[:, :24] == 10).all()
    assert (pixels[:, 24:] == 255).all(), "on white"
    assert read(tmp_path / "clear.png", (32, 40, 3)).pixels.shape == (32, 40, 3)


def test_of_an_animation_the_first_frame_is_taken_and_that_is_said(tmp_path):
    frames = [Image.new("L", (48, 48), level) for level in (40, 120, 200)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    look = read(tmp_path / "moving.gif")
    assert look.notes == ("3 frames: the first one",)
    assert np.abs(look.pixels.astype(int) - 40).max() <= 2


def png_header(width: int, height: int) -> bytes:
    """The beginning of a PNG file; what is in its header is to be believed."""
    content = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    begun = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + content + struct.pack(">I", zlib.crc32(content))
    return begun + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("words.jpg", b"this is no picture", "not an image"),
        ("empty.png", b"", "empty file"),
        ("huge.png", png_header(10_000, 10_000), "10000x10000 pixels, more than 64 million"),
        ("bomb.png", png_header(60_000, 60_000), "too many pixels"),
        ("cut.png", png_header(100, 100), "truncated"),
        ("dot.png", None, "1x1 pixels, fewer than 8 on a side"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_what_is_no_picture_is_told_why(tmp_path, name, content, why):
    if content is None:
        grey(size=(1, 1)).save(tmp_path / name)
    else:
        (tmp_path / name).write_bytes(content)
    told = Reader(SHAPE, True)(tmp_path / name)
    assert isinstance(told, str) and why in told


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux's /proc")
def test_a_huge_photograph_is_read_without_gigabytes(tmp_path):
    Image.new("RGB", (10_000, 10_000), (90, 90, 90)).save(tmp_path / "huge.jpg", quality=30)
    script = (
        "import pathlib\n"
        "from fer_bench.inference.pictures import Reader\n"
        "look = Reader((48, 48, 1), True)(pathlib.Path('huge.jpg'))\n"
        "status = pathlib.Path('/proc/self/status').read_text()\n"  # getrusage would begin at the parent's
        "print(look.pixels.min(), look.pixels.max(), status.split('VmHWM:')[1].split()[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    least, most, kibibytes = map(int, done.stdout.split())
    assert 88 <= least <= most <= 92
    assert kibibytes < 400 * 1024


def test_sixteen_bits_are_not_cut_off_in_large_pictures_either(tmp_path):
    Image.fromarray(np.full((2500, 2500), 30_000, np.uint16)).save(tmp_path / "deep.png")
    assert (read(tmp_path / "deep.png").pixels == 30_000 // 257).all()


@pytest.mark.parametrize("scale", [1, 1 / 255, 257])
def test_floating_point_numbers_are_scaled_by_what_holds_them(tmp_path, scale):
    levels = np.asarray(grey())
    Image.fromarray(levels * np.float32(scale)).save(tmp_path / "float.tif")
    assert np.abs(read(tmp_path / "float.tif").pixels[..., 0].astype(int) - levels).max() <= 1


@pytest.mark.parametrize(
    ("levels", "why"),
    [
        (np.float32([-1, 1]), "pixels from -1 to 1, expected 0..1, 0..255 or 0..65535"),
        (np.float32([np.nan, 1]), "pixels from nan to nan"),
        (np.int32([-300_000, 0]), "pixels from -300000 to 0, expected 0..65535"),
    ],
)
def test_numbers_that_tell_no_brightness_are_refused(tmp_path, levels, why):
    Image.fromarray(np.tile(levels, (16, 8))).save(tmp_path / "odd.tif")
    assert why in str(Reader(SHAPE, False)(tmp_path / "odd.tif"))


def test_sixteen_bits_keep_which_way_is_up_and_what_is_clear(tmp_path):
    corner = np.zeros((30, 30), np.uint16)
    corner[:15, :15] = 65535
    turned = Image.Exif()
    turned[0x0112] = 6  # what is top left was top right
    for times in (1, 100):  # as it is, and shrunk
        Image.fromarray(np.kron(corner, np.ones((times, times), np.uint16))).save(
            tmp_path / "deep.png", exif=turned, transparency=0
        )
        pixels = read(tmp_path / "deep.png", (30, 30, 1)).pixels
        assert (pixels > 250).all(), "black is clear"
        Image.fromarray(np.kron(corner, np.ones((times, times), np.uint16))).save(
            tmp_path / "turned.png", exif=turned
        )
        pixels = read(tmp_path / "turned.png", (30, 30, 1)).pixels[..., 0]
        assert pixels[5, 25] == 255 and pixels[5, 5] == pixels[25, 5] == pixels[25, 25] == 0


def test_the_size_before_shrinking_decides(tmp_path):
    grey(size=(5000, 9)).save(tmp_path / "band.png")
    assert read(tmp_path / "band.png").notes == ()
    grey(size=(5000, 7)).save(tmp_path / "thin.png")
    assert Reader(SHAPE, True)(tmp_path / "thin.png") == "5000x7 pixels, fewer than 8 on a side"
    grey(size=(6000, 100)).save(tmp_path / "searched.png")
    assert read(tmp_path / "searched.png", detect=True).faces == 0


@pytest.fixture(scope="module")
def faces() -> list[Image.Image]:
    """Drawn faces, 200 pixels high, that OpenCV's detector takes for faces."""
    images = open_dataset("synthetic")
    found = []
    for pixels in images.pixels[:12]:
        face = Image.fromarray(pixels.squeeze()).resize((200, 200), Image.Resampling.BICUBIC)
        page = scene((60, 60, face))
        if len(FaceFinder()(np.asarray(page))) == 1:
            found.append(face)
    assert len(found) > 4
    return found


def scene(*faces: tuple[int, int, Image.Image]) -> Image.Image:
    page = Image.new("L", (640, 400), 128)
    for left, top, face in faces:
        page.paste(face, (left, top))
    return page


def test_the_face_in_a_large_picture_is_cropped(tmp_path, faces):
    page = scene((300, 120, faces[0]))
    page.save(tmp_path / "one.png")
    (box,) = FaceFinder()(np.asarray(page))
    assert np.abs(np.subtract(box, (300, 120, 500, 320))).max() < 50
    look = read(tmp_path / "one.png", detect=True)
    assert (look.faces, look.notes) == (1, ())
    np.testing.assert_array_equal(look.pixels, fitted(page.crop(box), SHAPE))
    unsearched = read(tmp_path / "one.png")
    assert unsearched.faces is None
    np.testing.assert_array_equal(unsearched.pixels, fitted(page, SHAPE))


def test_of_several_faces_the_largest_is_taken_and_that_is_said(tmp_path, faces):
    small = faces[1].resize((120, 120))
    scene((40, 150, small), (350, 100, faces[0])).save(tmp_path / "two.png")
    scene((350, 100, faces[0])).save(tmp_path / "one.png")
    two, one = read(tmp_path / "two.png", detect=True), read(tmp_path / "one.png", detect=True)
    assert two.faces == 2
    assert two.notes == ("2 faces: the largest",)
    assert np.corrcoef(two.pixels.ravel(), one.pixels.ravel())[0, 1] > 0.9


def test_without_a_face_the_whole_picture_is_taken_and_that_is_said(tmp_path, faces):
    grey(size=(200, 200)).save(tmp_path / "noise.png")
    look = read(tmp_path / "noise.png", detect=True)
    assert (look.faces, look.notes) == (0, ("no face found: the whole picture",))
    np.testing.assert_array_equal(look.pixels, read(tmp_path / "noise.png").pixels)


def test_small_pictures_and_those_that_a_face_fills_are_taken_whole(tmp_path, faces):
    faces[0].resize((72, 72)).save(tmp_path / "small.png")
    assert read(tmp_path / "small.png", detect=True).faces is None
    page = Image.new("L", (240, 240), 128)
    page.paste(faces[0], (20, 20))
    page.save(tmp_path / "full.png")
    look = read(tmp_path / "full.png", detect=True)
    assert look.faces == 1
    np.testing.assert_array_equal(look.pixels, read(tmp_path / "full.png").pixels)


def test_opencv_without_its_detector_says_which_one_to_install(monkeypatch):
    import cv2

    monkeypatch.setattr(cv2.data, "haarcascades", "/nowhere/")
    with pytest.raises(UserError, match=r"opencv-python-headless>=4\.10,<5"):
        load_cascade()


def test_batches_keep_the_order_and_one_function_is_compiled(model_file, tmp_path):
    paths = []
    for i in range(150):
        paths.append(tmp_path / f"{i:03}.png")
        grey(i).save(paths[-1])
    paths[70].write_bytes(b"no picture")
    opened = open_model(model_file)
    found = list(predict(opened, paths))
    assert [each.file for each in found] == [str(path) for path in paths]
    assert isinstance(found[70], Unreadable)
    pixels = np.stack([np.asarray(Image.open(p))[..., None] for i, p in enumerate(paths) if i != 70])
    together = np.stack([each.probabilities for each in found if isinstance(each, Prediction)])
    np.testing.assert_allclose(together, opened.model.predict(pixels, verbose=0), atol=1e-6)
    if hasattr(opened.model.predict_function, "experimental_get_tracing_count"):
        opened = open_model(model_file)
        list(predict(opened, paths))
        assert opened.model.predict_function.experimental_get_tracing_count() == 1


def test_table_json_and_csv_say_the_same(fer_bench, tmp_path):
    (tmp_path / "more" / ".hidden").mkdir(parents=True)
    for i, name in enumerate(("b.png", "more/z.jpg", "more/a.jpg", "more/.hidden/c.jpg")):
        grey(i).save(tmp_path / name)
    (tmp_path / "more" / "notes.txt").write_text("no picture, and not taken for one")
    code, out, err = fer_bench("b.png", "more", "--json")
    assert (code, err) == (0, "")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["file"] for row in rows] == ["b.png", "more/a.jpg", "more/z.jpg"]
    for row in rows:
        assert set(row["probabilities"]) == {"angry", "happy", "sad"}
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert (
            row["probability"]
            == row["probabilities"][row["expression"]]
            == max(row["probabilities"].values())
        )
        assert (row["faces"], row["notes"]) == (None, [])
    code, out, _ = fer_bench("b.png", "more", "--csv", "--no-detect")
    table = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    for row, line in zip(rows, table, strict=True):
        assert (line["file"], line["expression"]) == (row["file"], row["expression"])
        assert {name: float(line[name]) for name in row["probabilities"]} == row["probabilities"]
    code, out, _ = fer_bench("b.png", "more")
    assert code == 0
    lines = out.splitlines()
    assert len(lines) == 1 + 3
    assert f"{rows[0]['expression']} {rows[0]['probability']:.1%}" in lines[1]


def test_broken_pictures_are_named_and_the_others_still_predicted(fer_bench, tmp_path):
    grey().save(tmp_path / "good.png")
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    code, out, err = fer_bench("bad.jpg", "good.png", "--json")
    assert code == 1
    assert [json.loads(line)["file"] for line in out.splitlines()] == ["good.png"]
    assert err.strip() == "not read: bad.jpg: not an image"


@pytest.fixture
def closed():
    """Take all permissions of a file or folder."""
    taken = []

    def close(path) -> None:
        taken.append(path)
        path.chmod(0)
        if os.access(path, os.R_OK):
            pytest.skip("this user may read everything")

    yield close
    for path in taken:
        path.chmod(0o755)


def test_files_and_folders_without_permission_are_named_and_the_others_predicted(fer_bench, tmp_path, closed):
    for name in ("good.png", "secret.png", "more/a.png", "more/below/b.png", "shut/c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        grey().save(tmp_path / name)
    for name in ("secret.png", "more/below", "shut"):
        closed(tmp_path / name)
    code, out, err = fer_bench("secret.png", "good.png", "more", "shut/c.png", "--json")
    assert code == 1
    assert [json.loads(line)["file"] for line in out.splitlines()] == ["good.png", "more/a.png"]
    assert err.splitlines() == [
        f"not read: {name}: Permission denied" for name in ("secret.png", "more/below", "shut/c.png")
    ]
    code, _, err = fer_bench("good.png", model=tmp_path / "shut" / "m.keras")
    assert code == 2
    assert err.count("\n") == 1 and "can't be read: Permission denied" in err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes are made on POSIX only")
def test_in_folders_links_in_circles_links_to_nowhere_and_pipes_are_passed_over(tmp_path):
    (tmp_path / "x").mkdir()
    grey().save(tmp_path / "x" / "a.png")
    (tmp_path / "x" / "round").symlink_to(tmp_path / "x")
    (tmp_path / "x" / "nowhere.png").symlink_to("missing.png")
    os.mkfifo(tmp_path / "x" / "pipe.png")
    assert list_pictures([str(tmp_path / "x")]) == [tmp_path / "x" / "a.png"]
    with pytest.raises(UserError, match=r"pipe\.png is no ordinary file"):
        list_pictures([str(tmp_path / "x" / "pipe.png")])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["missing.png"], "missing.png isn't there"),
        (["nothing"], "nothing: no pictures in this folder"),
        (["good.png", "--json", "--csv"], "choose one"),
        (["good.png", ""], "empty name: expected a picture"),
        ([os.devnull], "is no ordinary file"),
        (["new\nline\x1b.png"], r"new\nline\x1b.png isn't there"),
        (["x" * 5000], "can't be read (File name too long)"),
    ],
)
def test_what_can_not_be_meant_is_said_in_a_line(fer_bench, tmp_path, words, message):
    grey().save(tmp_path / "good.png")
    (tmp_path / "nothing").mkdir()
    code, out, err = fer_bench(*words)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.strip().splitlines()) == 1


def foreign_models(folder) -> None:
    """Model files from elsewhere."""
    import keras
    from keras import layers

    (folder / "words.keras").write_text("this is no model")
    (folder / "folder.keras").mkdir()
    with zipfile.ZipFile(folder / "zip.keras", "w") as file:
        file.writestr("config.json", "{}")
    with zipfile.ZipFile(folder / "other.keras", "w") as file:
        file.writestr("notes.txt", "")
    pictures = keras.Input((None, None, None))
    pooled = layers.GlobalAveragePooling2D()(layers.Resizing(8, 8, name="data_size")(pictures))
    fixed = layers.Reshape((3,))(pooled)
    keras.Model(pictures, layers.Dense(2)(fixed)).save(folder / "nameless.keras")
    names = layers.Softmax(name="classes.happy.sad.angry")
    keras.Model(pictures, names(layers.Dense(2)(fixed))).save(folder / "shape.keras")
    evil = layers.Lambda(lambda x: [open("ran", "w").close(), x][1], output_shape=(3,))
    keras.Model(pictures, layers.Softmax(name="classes.happy.sad.angry")(evil(fixed))).save(
        folder / "evil.keras"
    )
    keras.Sequential([keras.Input((4,)), layers.Dense(2)]).save(folder / "old.h5")


def test_model_files_from_elsewhere_are_refused_and_run_nothing(fer_bench, tmp_path):
    grey().save(tmp_path / "good.png")
    foreign_models(tmp_path)
    (tmp_path / "ran").unlink(missing_ok=True)
    for name, message in {
        "missing.keras": "no such file",
        "words.keras": "no model file",
        "other.keras": "no model file",
        "old.h5": "no model file",
        "folder.keras": "is a folder",
        "zip.keras": "can't be loaded by plain Keras",
        "nameless.keras": "none by fer-bench export",
        "shape.keras": "none by fer-bench export",
        "evil.keras": "would run code of its own when loaded: refused",
    }.items():
        code, out, err = fer_bench("good.png", model=tmp_path / name)
        assert (code, out) == (2, ""), name
        assert message in err, name
        assert len(err.strip().splitlines()) == 1, err
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("mode", ["L", "P", "1"])
def test_large_pictures_are_shrunk_smoothly_whatever_their_mode(mode):
    from fer_bench.inference.pictures import shrunk

    stripes = np.tile(np.uint8([0, 255]), (3000, 1500))
    image = np.asarray(shrunk(Image.fromarray(stripes).convert(mode)).convert("L"))
    assert image.shape == (2048, 2048)
    assert image.std() < 40, "bare stripes have 127.5"


def edited(source: Path, to: Path, *changes: tuple[str, str]) -> Path:
    """A copy of a model file with other words in its config."""
    with zipfile.ZipFile(source) as whole, zipfile.ZipFile(to, "w") as copy:
        for name in whole.namelist():
            data = whole.read(name)
            for old, new in changes if name == "config.json" else ():
                assert old.encode() in data
                data = data.replace(old.encode(), new.encode())
            copy.writestr(name, data)
    return to


CLASSES = "classes.angry.happy.sad"


@pytest.mark.parametrize(
    "change",
    [
        (CLASSES, "classes.a.b.b"),
        (CLASSES, "classes..b.c"),
        (CLASSES, "classes.a-1b-.b.c"),
        (CLASSES, "classes.-a-.b.c"),
        (CLASSES, "classes.-d800-.b.c"),
        (CLASSES, "classes.-ffffffff-.b.c"),
        ('"height": 48', '"height": 4800000'),
        ('"height": 32', '"height": 4800000'),
        ('"height": 48', '"height": -1'),
    ],
)
def test_model_files_with_edited_names_or_sizes_are_refused(model_file, tmp_path, change):
    with pytest.raises(UserError, match=r"none by fer-bench export|can't be loaded") as told:
        open_model(edited(model_file, tmp_path / "m.keras", change))
    assert "\n" not in str(told.value)


def test_class_named_like_a_column_of_the_csv_is_refused_there(fer_bench, model_file, tmp_path):
    grey().save(tmp_path / "good.png")
    own = edited(model_file, tmp_path / "m.keras", (CLASSES, "classes.angry.file.sad"))
    code, out, err = fer_bench("good.png", "--csv", model=own)
    assert (code, out) == (2, "")
    assert "named like classes: file; use --json" in err
    assert "file" in json.loads(fer_bench("good.png", "--json", model=own)[1])["probabilities"]


@pytest.mark.parametrize("name", ["M.KERAS", "model"])
def test_a_model_file_of_any_name_is_opened(model_file, tmp_path, name):
    opened = open_model(Path(shutil.copyfile(model_file, tmp_path / name)))
    assert opened.classes == ("angry", "happy", "sad")
