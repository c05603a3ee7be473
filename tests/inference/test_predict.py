"""Predictions of files: batches in order, tables, JSON and CSV alike, and what can't be read is named."""

import csv
import io
import json
import os

import numpy as np
import pytest
from model_files import CLASSES, edited
from pictures import noise
from PIL import Image
from portrait import group

from fer_bench.inference import face_detector
from fer_bench.inference.model_file import open_model
from fer_bench.inference.pictures import Unreadable
from fer_bench.inference.predict import Prediction, predict


def test_batches_keep_the_order_and_one_function_is_compiled(model_file, tmp_path):
    paths = []
    for i in range(150):
        paths.append(tmp_path / f"{i:03}.png")
        noise(i).save(paths[-1])
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


def test_table_json_and_csv_say_the_same(predict_command, tmp_path):
    (tmp_path / "more" / ".hidden").mkdir(parents=True)
    for i, name in enumerate(("b.png", "more/z.jpg", "more/a.jpg", "more/.hidden/c.jpg")):
        noise(i).save(tmp_path / name)
    (tmp_path / "more" / "notes.txt").write_text("no picture, and not taken for one")
    code, out, err = predict_command("b.png", "more", "--json")
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
        assert (row["faces"], row["notes"], row["face"], row["box"]) == (None, [], None, None)
    code, out, _ = predict_command("b.png", "more", "--csv", "--no-detect")
    table = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    for row, line in zip(rows, table, strict=True):
        assert (line["file"], line["expression"]) == (row["file"], row["expression"])
        assert {name: float(line[name]) for name in row["probabilities"]} == row["probabilities"]
    code, out, _ = predict_command("b.png", "more")
    assert code == 0
    lines = out.splitlines()
    assert len(lines) == 1 + 3
    assert f"{rows[0]['expression']} {rows[0]['probability']:.1%}" in lines[1]


def test_broken_pictures_are_named_and_the_others_still_predicted(predict_command, tmp_path):
    noise().save(tmp_path / "good.png")
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    code, out, err = predict_command("bad.jpg", "good.png", "--json")
    assert code == 1
    assert [json.loads(line)["file"] for line in out.splitlines()] == ["good.png"]
    assert err.strip() == "not read: bad.jpg: not an image"


def test_all_faces_are_rows_that_say_where_they_are(predict_command):
    group((20, 40, 150), (300, 20, 500)).save("group.png")
    noise(size=(200, 200)).save("none.png")
    code, out, err = predict_command("group.png", "none.png", "--faces", "all", "--json")
    assert (code, err) == (0, "")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [(row["file"], row["face"], row["faces"]) for row in rows] == [
        *(("group.png", 1, 2), ("group.png", 2, 2), ("none.png", None, 0))
    ]
    large, small, nothing = (row["box"] for row in rows)
    assert 300 < large[0] < large[2] < 800 and 20 < small[0] < small[2] < 170 and nothing is None
    table = list(csv.DictReader(io.StringIO(predict_command("group.png", "--faces", "all", "--csv")[1])))
    assert list(table[0])[-5:] == ["face", "left", "top", "right", "bottom"]
    for row, line, box in zip(rows, table, (large, small), strict=False):
        assert [int(line[edge]) for edge in ("left", "top", "right", "bottom")] == box
        assert (line["face"], float(line["sad"])) == (str(row["face"]), row["probabilities"]["sad"])
    shown = predict_command("group.png", "--faces", "all")[1].splitlines()
    assert len(shown) == 3 and "face 1 of 2" in shown[1] and "face 2 of 2" in shown[2]


def test_more_faces_than_a_batch_holds_keep_their_order(model_file, tmp_path):
    group(*((150 * n + 20, 150 * m, 110) for n in range(7) for m in range(4))).save(tmp_path / "many.png")
    found = list(predict(open_model(model_file), [tmp_path / "many.png"], which="all"))
    assert [each.face for each in found] == list(range(1, 29))


def test_a_tilted_head_is_predicted_as_an_upright_one_where_that_is_asked_for(model_file, tmp_path):
    tilted = group((300, 20, 500)).rotate(30, Image.Resampling.BICUBIC, center=(550, 270), fillcolor="grey")
    tilted.save(tmp_path / "tilted.png")
    model, files = open_model(model_file), [tmp_path / "tilted.png"]
    (as_it_is,), (aligned,) = (list(predict(model, files, align=align)) for align in (False, True))
    assert np.abs(as_it_is.probabilities - aligned.probabilities).max() > 1e-4
    assert aligned.box == as_it_is.box


def test_odd_and_broken_files_are_a_line_each_and_the_rest_is_predicted(predict_command, tmp_path):
    face = group((300, 20, 500))
    face.save("face.jpg")
    face.convert("CMYK").save("cmyk.jpg")
    Image.fromarray(np.asarray(face.convert("L")).astype(np.uint16) * 257).save("deep.png")
    face.save("moving.gif", save_all=True, append_images=[face.rotate(90)])
    Image.new("L", (5000, 1)).save("thin.png")
    Image.new("L", (5000, 9)).save("band.png")
    Image.new("1", (12_000, 12_000)).save("bomb.png")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "face.jpg").read_bytes()[:3000])
    (tmp_path / "words.png").write_bytes(b"no picture")
    code, out, err = predict_command(".", "--faces", "all", "--align", "--json")
    assert code == 1
    rows = {row["file"]: row for row in map(json.loads, out.splitlines())}
    assert {name: row["faces"] for name, row in rows.items()} == {
        **{"band.png": None, "cmyk.jpg": 1, "deep.png": 1, "face.jpg": 1, "moving.gif": 1}
    }
    assert rows["moving.gif"]["notes"] == ["2 frames: the first one"]
    assert [line.split(" (")[0] for line in err.splitlines()] == [
        "not read: bomb.png: 12000x12000 pixels, more than 64 million",
        "not read: cut.jpg: image file is truncated",
        "not read: thin.png: 5000x1 pixels, fewer than 8 on a side",
        "not read: words.png: not an image",
    ]


def test_haar_standing_in_for_yunet_is_said_once(predict_command, monkeypatch):
    monkeypatch.setattr(face_detector, "YUNET_PACKAGE", "no_such_package")
    for name in ("a.png", "b.png"):
        group((300, 20, 500)).save(name)
    code, out, err = predict_command("a.png", "b.png", "--json")
    assert code == 0 and [json.loads(line)["faces"] for line in out.splitlines()] == [1, 1]
    assert err.count("\n") == 1
    assert err.startswith("note: faces are searched for by Haar's cascade, which finds fewer: YuNet's file")
    code, _, err = predict_command("a.png", "--align")
    assert code == 2 and "aligning faces needs YuNet" in err


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


def test_what_may_not_be_read_is_named_and_the_others_predicted(predict_command, tmp_path, closed):
    for name in ("good.png", "secret.png", "more/a.png", "more/below/b.png", "shut/c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        noise().save(tmp_path / name)
    for name in ("secret.png", "more/below", "shut"):
        closed(tmp_path / name)
    code, out, err = predict_command("secret.png", "good.png", "more", "shut/c.png", "--json")
    assert code == 1
    assert [json.loads(line)["file"] for line in out.splitlines()] == ["good.png", "more/a.png"]
    assert err.splitlines() == [
        f"not read: {name}: Permission denied" for name in ("secret.png", "more/below", "shut/c.png")
    ]
    code, _, err = predict_command("good.png", model=tmp_path / "shut" / "m.keras")
    assert code == 2
    assert err.count("\n") == 1 and "can't be read: Permission denied" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["missing.png"], "missing.png isn't there"),
        (["nothing"], "nothing: no pictures or videos in this folder"),
        (["good.png", "--json", "--csv"], "choose one"),
        (["good.png", "--no-detect", "--faces", "all"], "--no-detect leaves no face to list"),
        (["good.png", "--no-detect", "--align"], "--no-detect leaves no face to align"),
        (["good.png", ""], "empty name: expected a picture"),
        ([os.devnull], "is no ordinary file"),
        (["new\nline\x1b.png"], r"new\nline\x1b.png isn't there"),
        (["x" * 5000], "can't be read (File name too long)"),
    ],
)
def test_what_can_not_be_meant_is_said_in_a_line(predict_command, tmp_path, words, message):
    noise().save(tmp_path / "good.png")
    (tmp_path / "nothing").mkdir()
    code, out, err = predict_command(*words)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.strip().splitlines()) == 1


def test_class_named_like_a_column_of_the_csv_is_refused_there(predict_command, model_file, tmp_path):
    noise().save(tmp_path / "good.png")
    own = edited(model_file, tmp_path / "m.keras", (CLASSES, "classes.angry.file.sad"))
    code, out, err = predict_command("good.png", "--csv", model=own)
    assert (code, out) == (2, "")
    assert "named like classes: file; use --json" in err
    assert "file" in json.loads(predict_command("good.png", "--json", model=own)[1])["probabilities"]
