"""What a visitor of the demo sends: pictures are read, anything else gets a line."""

import io
import os
import time

import pytest
from pictures import bomb, noise
from PIL import Image

from fer_bench.errors import UserError
from fer_bench.inference.demo.upload import Folder, read_picture


def saved(image: Image.Image, kind: str, **options) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def test_pictures_come_upright_in_rgb_and_not_too_large():
    turned = Image.Exif()
    turned[0x0112] = 6
    assert read_picture(saved(noise(size=(60, 30)), "JPEG", exif=turned)).size == (30, 60)
    assert read_picture(saved(noise(), "PNG")).mode == "RGB"
    assert max(read_picture(saved(noise(size=(4096, 64)), "PNG")).size) == 2048


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "an empty file"),
        (b"MZ no picture", "not an image"),
        (bomb(30_000, 30_000), "too many pixels"),
        (bomb(12_000, 12_000), "12000x12000 pixels, more than 64 million"),
        (saved(noise(), "PNG")[:900], ""),
        (saved(noise(size=(4, 4)), "PNG"), "4x4 pixels, fewer than 8 on a side"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not an image"),
    ],
    ids=["empty", "program", "bomb", "large", "cut off", "tiny", "PostScript"],
)
def test_what_is_no_picture_gets_a_line(content, reason):
    with pytest.raises(UserError) as refused:
        read_picture(content)
    assert str(refused.value).startswith(f"Not read: {reason}")
    assert "Expected a picture (BMP, GIF, JPEG" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_uploaded_file_is_removed_when_it_is_read_and_others_stay(tmp_path):
    mine, other, elsewhere = tmp_path / "up/hash/a.png", tmp_path / "up/hash/b.png", tmp_path / "secret"
    mine.parent.mkdir(parents=True)
    for path in (mine, other, elsewhere):
        path.write_bytes(path.name.encode())
    folder = Folder(tmp_path / "up")
    assert folder.take({"path": str(mine)}) == b"a.png"
    assert folder.take({"path": str(mine)}) == b"a.png", "of another visitor, who sent the same"
    folder.clean()
    assert folder.take({"path": str(mine)}) is None
    assert folder.take({"path": str(tmp_path / "up")}) is None
    assert folder.take({"path": str(elsewhere)}) is None
    assert other.exists() and elsewhere.exists() and not mine.exists()


def test_what_was_left_behind_is_removed_after_a_minute(tmp_path):
    left, fresh = tmp_path / "hash/left.png", tmp_path / "part"
    left.parent.mkdir()
    for path in (left, fresh):
        path.write_bytes(b"half a picture")
    os.utime(left, (time.time() - 61,) * 2)
    Folder(tmp_path).clean()
    assert list(tmp_path.iterdir()) == [fresh]
