"""Pictures as they come: found in folders, read as at import, cropped to the face, or told why not."""

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from odd_pictures import COLOURS, GREY, write_odd_pictures
from pictures import noise, page
from PIL import Image
from portrait import group

from fer_bench.data.decode import fitted
from fer_bench.errors import UserError
from fer_bench.inference.face_detector import FaceDetector
from fer_bench.inference.pictures import Picture, PictureReader, Unreadable, list_pictures

SHAPE = (48, 48, 1)


def read(path, shape=SHAPE, detect=False) -> Picture:
    (picture,) = read_faces(path, "largest", shape, detect)
    return picture


def read_faces(path, which="all", shape=SHAPE, detect=True) -> list[Picture]:
    pictures = PictureReader(shape, detect, which)(path)
    assert isinstance(pictures, list), pictures
    return pictures


def refused(path, detect=False) -> str:
    """Why a file can't be read; its name is that of the file."""
    unreadable = PictureReader(SHAPE, detect)(path)
    assert isinstance(unreadable, Unreadable), unreadable
    assert unreadable.file == str(path)
    return unreadable.reason


def test_a_small_jpeg_gives_the_very_pixels_of_an_import(tmp_path, monkeypatch):
    from fer_bench.data import cache
    from fer_bench.data.archive import open_tree
    from fer_bench.data.class_folders import read_folder

    monkeypatch.setenv("FER_BENCH_HOME", str(tmp_path / "home"))
    for label in ("happy", "sad"):
        (tmp_path / "faces" / label).mkdir(parents=True)
        for i in range(2):
            noise(i).save(tmp_path / "faces" / label / f"{i}.jpg")
    images = cache.save("mine", read_folder(open_tree(tmp_path / "faces")))
    paths = list_pictures([str(tmp_path / "faces")])
    assert len(paths) == len(images) == 4
    assert images.pixels.shape[1:] == SHAPE
    for path, pixels in zip(paths, images.pixels, strict=True):
        np.testing.assert_array_equal(read(path, detect=True).pixels, pixels)


@pytest.mark.parametrize(("only", "channels"), [(GREY, 1), ("", 3)])
def test_odd_pictures_give_the_very_pixels_of_an_import(tmp_path, only, channels):
    from fer_bench.data.archive import open_tree
    from fer_bench.data.class_folders import read_folder
    from fer_bench.data.draft import ImportOptions

    for label in ("happy", "sad"):
        for name in write_odd_pictures(tmp_path / label):
            if only and name not in only:
                (tmp_path / label / name).unlink()
    draft = read_folder(open_tree(tmp_path), ImportOptions(size=48))
    assert draft.shape == (48, 48, channels)
    assert draft.skipped == ()
    for record, imported in zip(draft.records, draft.pixels(), strict=True):
        assert isinstance(imported, np.ndarray), f"{record.id}: {imported}"
        seen = read(tmp_path / record.id, draft.shape).pixels
        np.testing.assert_array_equal(seen, imported, err_msg=record.id)


def test_odd_pictures_look_as_they_should(tmp_path):
    write_odd_pictures(tmp_path)
    for name in ("deep.png", "float.tif", "integers.tif", "one_bit.png", "moving.gif", "huge_one_bit.png"):
        grey = read(tmp_path / name).pixels[..., 0]
        assert grey[4:12, 20:].mean() == pytest.approx(83, abs=12), name  # red, as luminance
        assert grey[20:28, 20:].mean() == pytest.approx(147, abs=12), name  # green
    for name in ("palette.png", "huge.png", "huge.jpg", "huge_palette.png", "exif1.jpg", "cmyk.jpg"):
        pixels = read(tmp_path / name, (48, 48, 3)).pixels
        for number, (word, colour) in enumerate(COLOURS):
            middle = pixels[16 * number + 5 : 16 * number + 11, 20:].mean(axis=(0, 1))
            assert middle == pytest.approx(colour, abs=20), f"{name}: {word}"
    for name in ("palette_clear.png", "deep_clear.png"):
        assert (read(tmp_path / name).pixels[4:40, 2:8] == 255).all(), f"{name}: clear is white"
    for name in ("rgba.png", "grey_alpha.png"):
        grey = read(tmp_path / name).pixels[..., 0]
        assert grey[4:12, 14:22].mean() == pytest.approx(83, abs=2), name
        assert grey[4:12, 26:].mean() == pytest.approx(255 - (255 - 83) * 90 / 255, abs=2), (
            f"{name}: on white"
        )
    upright, upside_down = (read(tmp_path / f"exif{n}.jpg").pixels.astype(int) for n in (1, 3))
    assert np.abs(upright - upside_down[::-1, ::-1]).mean() < 3


def test_forms_of_pictures_are_read_as_they_look(tmp_path):
    half = np.full((48, 48), 128, np.uint8)
    Image.fromarray(half.astype(np.uint16) * 257).save(tmp_path / "sixteen.png")
    Image.fromarray(half).convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    Image.fromarray(half).convert("P").save(tmp_path / "palette.gif")
    for name in ("sixteen.png", "cmyk.jpg", "palette.gif"):
        picture = read(tmp_path / name)
        assert np.abs(picture.pixels.astype(int) - 128).max() <= 2, name
        assert picture.notes == ()
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
    picture = read(tmp_path / "moving.gif")
    assert picture.notes == ("3 frames: the first one",)
    assert np.abs(picture.pixels.astype(int) - 40).max() <= 2


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
        noise(size=(1, 1)).save(tmp_path / name)
    else:
        (tmp_path / name).write_bytes(content)
    assert why in refused(tmp_path / name, detect=True)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux's /proc")
def test_a_huge_photograph_is_read_without_gigabytes(tmp_path):
    Image.new("RGB", (10_000, 10_000), (90, 90, 90)).save(tmp_path / "huge.jpg", quality=30)
    script = (
        "import pathlib\n"
        "from fer_bench.inference.pictures import PictureReader\n"
        "(picture,) = PictureReader((48, 48, 1), True)(pathlib.Path('huge.jpg'))\n"
        "status = pathlib.Path('/proc/self/status').read_text()\n"  # getrusage would begin at the parent's
        "print(picture.pixels.min(), picture.pixels.max(), status.split('VmHWM:')[1].split()[0])\n"
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
    levels = np.asarray(noise())
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
    assert why in refused(tmp_path / "odd.tif")


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
    noise(size=(5000, 9)).save(tmp_path / "band.png")
    assert read(tmp_path / "band.png").notes == ()
    noise(size=(5000, 7)).save(tmp_path / "thin.png")
    assert refused(tmp_path / "thin.png", detect=True) == "5000x7 pixels, fewer than 8 on a side"
    noise(size=(6000, 100)).save(tmp_path / "searched.png")
    assert read(tmp_path / "searched.png", detect=True).faces == 0


def test_the_face_in_a_large_picture_is_cropped(tmp_path, portraits):
    scene = page((300, 120, portraits[0]))
    scene.save(tmp_path / "one.png")
    (face,) = FaceDetector()(np.asarray(scene.convert("RGB")))
    picture = read(tmp_path / "one.png", detect=True)
    assert (picture.faces, picture.notes) == (1, ())
    np.testing.assert_array_equal(picture.pixels, fitted(scene.crop(face.box), SHAPE))
    unsearched = read(tmp_path / "one.png")
    assert unsearched.faces is None
    np.testing.assert_array_equal(unsearched.pixels, fitted(scene, SHAPE))


def test_of_several_faces_the_largest_is_taken_and_that_is_said(tmp_path, portraits):
    small = portraits[1].resize((120, 120))
    page((40, 150, small), (350, 100, portraits[0])).save(tmp_path / "two.png")
    page((350, 100, portraits[0])).save(tmp_path / "one.png")
    two, one = read(tmp_path / "two.png", detect=True), read(tmp_path / "one.png", detect=True)
    assert two.faces == 2
    assert two.notes == ("2 faces: the largest",)
    assert np.corrcoef(two.pixels.ravel(), one.pixels.ravel())[0, 1] > 0.9


def test_all_faces_are_taken_and_numbered_by_size(tmp_path):
    scene = group((20, 40, 150), (300, 20, 500))
    scene.save(tmp_path / "two.png")
    large, small = read_faces(tmp_path / "two.png")
    found = FaceDetector()(np.asarray(scene))
    for number, (picture, face) in enumerate(zip((large, small), found, strict=True), start=1):
        assert (picture.face, picture.faces, picture.box) == (number, 2, face.box)
        assert picture.notes == (f"face {number} of 2",)
        np.testing.assert_array_equal(picture.pixels, fitted(scene.crop(face.box), SHAPE))
    (largest,) = read_faces(tmp_path / "two.png", "largest")
    assert (largest.face, largest.box, largest.notes) == (1, large.box, ("2 faces: the largest",))
    np.testing.assert_array_equal(largest.pixels, large.pixels)


def test_where_no_face_is_found_all_are_one_row_without_a_box(tmp_path):
    noise(size=(200, 200)).save(tmp_path / "noise.png")
    (picture,) = read_faces(tmp_path / "noise.png")
    assert (picture.face, picture.box, picture.faces) == (None, None, 0)


def test_the_face_is_the_same_whichever_way_the_camera_was_held(tmp_path):
    """A picture as a camera stores it, for each of the eight orientations, looks as the upright one."""
    scene = group((700, 20, 400)).resize((400, 200))
    scene.save(tmp_path / "upright.png")
    (upright,) = read_faces(tmp_path / "upright.png")
    turns = Image.Transpose
    stored = {
        **{1: None, 2: turns.FLIP_LEFT_RIGHT, 3: turns.ROTATE_180, 4: turns.FLIP_TOP_BOTTOM},
        **{5: turns.TRANSPOSE, 6: turns.ROTATE_90, 7: turns.TRANSVERSE, 8: turns.ROTATE_270},
    }
    for orientation, turn in stored.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        image = scene if turn is None else scene.transpose(turn)
        image.save(tmp_path / "stored.png", exif=exif)
        (picture,) = read_faces(tmp_path / "stored.png")
        assert (picture.box, picture.face) == (upright.box, 1), orientation
        np.testing.assert_array_equal(picture.pixels, upright.pixels, err_msg=str(orientation))


def test_the_box_is_in_pixels_of_the_upright_file_even_where_it_was_shrunk(tmp_path):
    scene = group((700, 20, 400))
    scene.save(tmp_path / "small.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    large = scene.resize((4800, 2400)).transpose(Image.Transpose.ROTATE_90)
    large.save(tmp_path / "large.jpg", exif=exif)
    (small,), (read,) = (read_faces(tmp_path / name) for name in ("small.png", "large.jpg"))
    assert np.abs(np.array(read.box) / 4 - small.box).max() < 12


def test_without_a_face_the_whole_picture_is_taken_and_that_is_said(tmp_path, portraits):
    noise(size=(200, 200)).save(tmp_path / "noise.png")
    picture = read(tmp_path / "noise.png", detect=True)
    assert (picture.faces, picture.notes) == (0, ("no face found: the whole picture",))
    np.testing.assert_array_equal(picture.pixels, read(tmp_path / "noise.png").pixels)


def test_small_pictures_and_those_that_a_face_fills_are_taken_whole(tmp_path, portraits):
    portraits[0].resize((72, 72)).save(tmp_path / "small.png")
    assert read(tmp_path / "small.png", detect=True).faces is None
    close_up = Image.new("L", (220, 220), 128)
    close_up.paste(portraits[0], (10, 10))
    close_up.save(tmp_path / "full.png")
    picture = read(tmp_path / "full.png", detect=True)
    assert picture.faces == 1
    np.testing.assert_array_equal(picture.pixels, read(tmp_path / "full.png").pixels)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes are made on POSIX only")
def test_in_folders_links_in_circles_links_to_nowhere_and_pipes_are_passed_over(tmp_path):
    (tmp_path / "x").mkdir()
    noise().save(tmp_path / "x" / "a.png")
    (tmp_path / "x" / "round").symlink_to(tmp_path / "x")
    (tmp_path / "x" / "nowhere.png").symlink_to("missing.png")
    os.mkfifo(tmp_path / "x" / "pipe.png")
    assert list_pictures([str(tmp_path / "x")]) == [tmp_path / "x" / "a.png"]
    with pytest.raises(UserError, match=r"pipe\.png is no ordinary file"):
        list_pictures([str(tmp_path / "x" / "pipe.png")])
