"""Image files of all sizes, modes and states to arrays of one size."""

import io
import struct
import zlib

import numpy as np
import pytest
from image_files import class_files, folder_draft, import_folder, picture, write, zipped
from PIL import Image

from fer_bench.data.decode import seen
from fer_bench.datasets.base import open_dataset
from fer_bench.errors import UserError

pytestmark = pytest.mark.usefixtures("workplace")


def test_mixed_sizes_and_modes_are_brought_together_and_said(tmp_path):
    files = class_files(n=4)
    files["angry/wide.png"] = picture(1, (90, 30), "RGB", "PNG")
    files["happy/clear.png"] = picture(2, (20, 60), "RGBA", "PNG")
    files["happy/notes.txt"] = b"read me"
    draft = folder_draft(write(tmp_path / "mixed", files))
    assert draft.shape == (112, 112, 3)
    said = "; ".join(draft.remarks)
    assert "10 images not 112x112 (48x48: 8, " in said
    assert "8 grey and 2 colour images: all kept as RGB" in said
    assert "1 other files ignored" in said
    assert folder_draft(tmp_path / "mixed", size=32).shape == (32, 32, 3)
    images = import_folder(write(tmp_path / "grey", class_files(size=(60, 60))), "grey")
    assert images.pixels.shape == (6, 60, 60, 1)
    with pytest.raises(UserError, match="--size 4"):
        folder_draft(tmp_path / "grey", size=4)


def test_short_side_is_resized_and_the_centre_kept(tmp_path):
    wide = np.zeros((20, 60), np.uint8)
    wide[:, 20:40] = 200
    file = io.BytesIO()
    Image.fromarray(wide).save(file, "PNG")
    files = {"a/0.png": file.getvalue(), "a/1.png": file.getvalue(), **class_files(("b",))}
    images = import_folder(write(tmp_path / "x", files), size=20)
    assert (images.pixels[0] == 200).all()


def test_sixteen_bits_and_turned_photographs_are_read_right(tmp_path):
    deep, turned = io.BytesIO(), io.BytesIO()
    Image.fromarray(np.full((48, 48), 128 * 257, np.uint16)).save(deep, "PNG")
    half = Image.fromarray(np.repeat([[0] * 48, [255] * 48], 24, axis=0).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees, clockwise
    half.save(turned, "JPEG", exif=exif)
    files = {"a/0.png": deep.getvalue(), "a/1.jpg": turned.getvalue(), **class_files(("b",))}
    images = import_folder(write(tmp_path / "x", files))
    assert (images.pixels[0] == 128).all()
    assert images.pixels[1, :, 0].mean() > 240
    assert images.pixels[1, :, -1].mean() < 15


@pytest.mark.parametrize("mode", ["L", "P", "1"])
def test_large_pictures_are_shrunk_smoothly_whatever_their_mode(mode):
    stripes = np.tile(np.uint8([0, 255]), (3000, 1500))
    image = np.asarray(seen(Image.fromarray(stripes).convert(mode)).convert("L"))
    assert image.shape == (2048, 2048)
    assert image.std() < 40, "bare stripes have 127.5"


def bomb_png():
    """PNG of a few bytes that declares 30,000 x 30,000 pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 30000, 30000, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + b"\0\0\0\0IEND\xaeB`\x82"


def test_broken_images_are_named_counted_and_skipped(tmp_path):
    files = class_files(n=4)
    files["angry/text.jpg"] = b"this is no image"
    files["angry/cut.jpg"] = picture(3)[:-600]
    files["happy/empty.png"] = b""
    files["happy/huge.png"] = bomb_png()
    files["happy/dot.png"] = picture(4, (48, 7), form="PNG")
    for source in (write(tmp_path / "x", files), zipped(tmp_path / "x.zip", files)):
        images = import_folder(source)
        assert len(images) == 8
        assert images.counts().tolist() == [4, 4]
        why = dict(line.split(": ", 1) for line in images.skipped)
        assert set(why) == {
            "angry/text.jpg",
            "angry/cut.jpg",
            "happy/empty.png",
            "happy/huge.png",
            "happy/dot.png",
        }
        assert why["angry/text.jpg"] == "not an image"
        assert why["happy/empty.png"] == "empty file"
        assert "truncated" in why["angry/cut.jpg"]
        assert "too many pixels" in why["happy/huge.png"]
        assert why["happy/dot.png"] == "48x7 pixels, fewer than 8 on a side"
        assert open_dataset("mine").skipped == images.skipped
        assert open_dataset("mine").ids.tolist() == sorted(n for n in files if n[-5].isdigit())


def test_nothing_readable_at_all_is_one_clear_line(tmp_path):
    with pytest.raises(UserError, match=r"too few|none of its"):
        import_folder(write(tmp_path / "x", {"a/0.jpg": b"x", "a/1.jpg": b"x", "b/0.jpg": b"x"}))
