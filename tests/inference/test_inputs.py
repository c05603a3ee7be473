"""Pictures and videos in one command: formats, folders of both, what breaks off, the figure, a camera."""

import csv
import io
import json

import pytest
from clips import cut, on_pages, shades, write_clip
from pictures import noise, page

import fer_bench
from fer_bench.inference import inputs
from fer_bench.inference.model_file import open_model


@pytest.fixture
def mixed(tmp_path):
    """A folder with a picture, a video of five seconds and, below, another picture."""
    folder = tmp_path / "mixed"
    (folder / "more").mkdir(parents=True)
    noise().save(folder / "a.png")
    write_clip(folder / "b.avi", shades(50))
    noise(1).save(folder / "more" / "c.png")
    return folder


def test_formats_of_pictures_and_videos_say_the_same(predict_command, mixed):
    code, out, err = predict_command("mixed", "--every", "2", "--csv")
    assert (code, err) == (0, "")
    table = list(csv.DictReader(io.StringIO(out)))
    assert [*table[0]][:4] == ["file", "seconds", "frame", "expression"]
    places = [(row["file"], row["seconds"], row["frame"]) for row in table]
    assert places == [
        ("mixed/a.png", "", ""),
        *(("mixed/b.avi", f"{second}.0", str(10 * second)) for second in (0, 2, 4)),
        ("mixed/more/c.png", "", ""),
    ]
    code, out, _ = predict_command("mixed", "--every", "2", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["expression"] for row in rows] == [row["expression"] for row in table]
    assert [row.get("seconds") for row in rows] == [None, 0, 2, 4, None]
    code, out, _ = predict_command("mixed", "--every", "2")
    assert code == 0
    assert "mixed/b.avi: 3 frames from 0:00.0 to 0:05.0\n" in out and "100.0%" in out
    assert out.index("more/c.png") < out.index("mixed/b.avi:")
    frame = fer_bench.predict(open_model(mixed.parent / "model.keras"), mixed, every=2)
    assert frame["seconds"].fillna(-1).tolist() == [-1, 0, 2, 4, -1]
    assert frame["expression"].tolist() == [row["expression"] for row in rows]


@pytest.fixture(autouse=True)
def model_here(model_file, tmp_path):
    (tmp_path / "model.keras").symlink_to(model_file)


def test_a_video_that_breaks_off_keeps_its_rows_and_is_named(predict_command, tmp_path):
    cut(write_clip(tmp_path / "clip.avi", shades(40)), 0.6)
    code, out, err = predict_command("clip.avi", "--csv")
    assert code == 1
    assert len(out.splitlines()) > 3
    assert err.startswith("not read: clip.avi: breaks off at second") and err.count("\n") == 1


def test_a_long_video_is_summed_up_and_drawn(predict_command, tmp_path, portraits):
    face = portraits[0].convert("RGB")
    write_clip(tmp_path / "clip.avi", on_pages([face] * 20 + [None] * 20), rate=10)
    code, out, err = predict_command("clip.avi", "--every", "0.4", "--plot", "clip.svg")
    assert (code, err) == (0, "")
    assert "10 frames from 0:00.0 to 0:04.0, no face found in 50% of the time" in out
    assert len(out.splitlines()) < 12
    assert (tmp_path / "clip.svg").read_text().startswith("<?xml")


def test_what_can_not_be_meant_of_videos_is_said_in_a_line(predict_command, mixed):
    write_clip(mixed / "d.avi", shades(2))
    for words, message in [
        (["mixed/b.avi", "--plot", "x.gif"], "ends in .png, .svg, .pdf"),
        (["mixed", "--plot", "x.png"], "--plot draws one video, and there are 2"),
        (["mixed/b.avi", "--plot", "no/x.png"], "its folder isn't there"),
        (["mixed/b.avi", "--end", "1", "--start", "2"], "more than --start 2"),
        (["mixed/b.avi", "--camera", "0"], "or else --camera"),
        ([], "expected pictures, videos or folders"),
        (["--camera", "63"], "camera 63: OpenCV gets no picture"),
    ]:
        code, out, err = predict_command(*words)
        assert (code, out, err.count("\n")) == (2, "", 1), (words, err)
        assert message in err


def test_a_cameras_picture_is_predicted_like_a_file(predict_command, monkeypatch, portraits):
    monkeypatch.setattr(inputs, "snapshot", lambda number: page((60, 60, portraits[0])).convert("RGB"))
    code, out, err = predict_command("--camera", "1", "--json")
    assert (code, err) == (0, "")
    row = json.loads(out)
    assert (row["file"], row["faces"]) == ("camera 1", 1)
