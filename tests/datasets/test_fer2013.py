"""FER-2013 in its four common forms, and what is none of them."""

import io

import numpy as np
import pytest
from image_files import fer2013_files, picture, tarred, write, zipped
from PIL import Image

from fer_bench.data import cache
from fer_bench.data.archive import open_tree
from fer_bench.data.splits import available_splits
from fer_bench.datasets import fer2013
from fer_bench.datasets.base import DATASETS, dataset_available, open_dataset
from fer_bench.datasets.recognise import recognise
from fer_bench.errors import UserError

pytestmark = pytest.mark.usefixtures("workplace")


CSV_ORDER = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def rows_of(files):
    """(emotion, pixels, Usage) of each file, as the challenge's csv has them."""
    for name, data in files.items():
        _, folder, file = name.split("/")
        pixels = np.asarray(Image.open(io.BytesIO(data))).ravel()
        yield CSV_ORDER.index(folder), " ".join(map(str, pixels)), file.split("_")[0]


def fer_csv(path, files, icml=False):
    lines = ["emotion, Usage, pixels" if icml else "emotion,pixels,Usage"]
    for emotion, pixels, usage in rows_of(files):
        lines.append(f"{emotion},{usage},{pixels}" if icml else f"{emotion},{pixels},{usage}")
    path.write_text("\n".join(lines) + "\n")
    return path


def import_fer2013(path):
    return cache.save("fer2013", DATASETS["fer2013"]().read(open_tree(path)))


def test_all_forms_of_fer2013_give_the_same_images(tmp_path):
    files = fer2013_files()
    forms = [
        zipped(tmp_path / "archive.zip", files),
        write(tmp_path / "extracted", files),
        write(tmp_path / "outer", {f"archive/fer2013/{name}": data for name, data in files.items()}),
        fer_csv(tmp_path / "fer2013.csv", files),
        fer_csv(tmp_path / "icml_face_data.csv", files, icml=True),
        zipped(tmp_path / "csv.zip", {"fer2013.csv": fer_csv(tmp_path / "x.csv", files).read_bytes()}),
        tarred(
            tmp_path / "x.tar.gz", {"fer2013/fer2013.csv": (tmp_path / "x.csv").read_bytes(), "README": b""}
        ),
    ]
    loaded = [import_fer2013(form) for form in forms]
    expected = {"train": [3, 3, 3, 4, 3, 3, 3], "val": [2, 2, 2, 3, 2, 2, 2], "test": [1, 1, 1, 2, 1, 1, 1]}
    seen = []
    for images in loaded:
        assert images.classes == fer2013.CLASSES
        assert {s: images.counts(images.in_subset(s)).tolist() for s in expected} == expected
        assert not images.notes
        rows = zip(images.pixels, images.labels, images.subsets, strict=True)
        seen.append(sorted((p.tobytes(), int(label), int(s)) for p, label, s in rows))
    assert all(rows == seen[0] for rows in seen)
    assert loaded[0].fingerprint == loaded[1].fingerprint == loaded[2].fingerprint
    assert loaded[3].fingerprint == loaded[4].fingerprint
    assert "official" in available_splits(loaded[0])
    assert isinstance(loaded[0].pixels, np.memmap)
    assert not loaded[0].pixels.flags.writeable


def test_names_that_do_not_tell_the_official_split_are_said(tmp_path):
    images = import_fer2013(write(tmp_path / "plain", fer2013_files(prefix=False)))
    assert any("official split not to be had" in note for note in images.notes)
    assert available_splits(images) == ("union", "random_80_10_10", "random_80_20", "test_as_validation")
    assert open_dataset("fer2013").notes == images.notes


def test_synonyms_and_numbered_words_are_matched_by_name(tmp_path):
    words = {"angry": "Anger", "disgust": "1 disgusted", "fear": "2_fearful", "happy": "happiness"}
    words |= {"neutral": "6 neutral", "sad": "SADNESS", "surprise": "surprised"}
    files = {}
    for name, data in fer2013_files().items():
        subset, folder, file = name.split("/")
        files[f"{subset}/{words[folder]}/{file}"] = data
    images = import_fer2013(write(tmp_path / "words", files))
    plain = import_fer2013(write(tmp_path / "plain", fer2013_files()))
    assert (images.counts() == plain.counts()).all()
    for k in range(7):
        mine, theirs = (sorted(p.tobytes() for p in i.pixels[i.labels == k]) for i in (images, plain))
        assert mine == theirs


def test_fer2013_that_is_none_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"'contempt' is none of FER-2013's classes.*data import folder"):
        import_fer2013(
            write(tmp_path / "a", {**fer2013_files(), "train/contempt/Training_1.jpg": picture(1)})
        )
    with pytest.raises(UserError, match=r"'4' is none of.*--classes"):
        import_fer2013(write(tmp_path / "b", {"train/4/Training_1.jpg": picture(1)}))
    few = {name: data for name, data in fer2013_files().items() if "disgust" not in name}
    with pytest.raises(UserError, match=r"disgust 0"):
        import_fer2013(write(tmp_path / "c", few))
    with pytest.raises(UserError, match="isn't there"):
        import_fer2013(tmp_path / "missing.zip")
    with pytest.raises(UserError, match="isn't there"):
        import_fer2013(tmp_path / "missing.csv")
    with pytest.raises(UserError, match="no whole tar"):
        import_fer2013(write(tmp_path, {"fer2013.tar.gz": b"x"}) / "fer2013.tar.gz")
    assert not dataset_available("fer2013")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("9,{good},Training", "row 3: emotion '9', expected 0 to 6"),
        ("happy,{good},Training", "row 3: emotion 'happy'"),
        ("3,{good},Practice", "row 3: Usage 'Practice'"),
        ("3,1 2 3,Training", "row 3: 3 pixels, expected 2,304"),
        ("3,{good} 4,Training", "row 3: 2,305 pixels"),
        ("3,{high},Training", "row 3: pixel values 0 to 256"),
        ("3,{words},Training", "row 3: pixels are not whole numbers"),
        ("3", "row 3: "),
    ],
)
def test_bad_row_of_a_csv_is_named_and_nothing_is_imported(tmp_path, row, message):
    good = " ".join(["0"] * 2304)
    path = fer_csv(tmp_path / "fer2013.csv", fer2013_files())
    lines = path.read_text().splitlines()
    lines[3] = row.format(good=good, high=good[:-1] + "256", words="1 face " + good)
    path.write_text("\n".join(lines))
    with pytest.raises(UserError, match=message):
        import_fer2013(path)
    assert not dataset_available("fer2013")


def test_training_table_without_usage_and_test_table_without_labels(tmp_path):
    good = " ".join(["7"] * 2304)
    rows = [f"{k},{' '.join(str((k + i) % 256) for i in range(2304))}" for k in range(7)]
    write(tmp_path / "c", {"train.csv": "\n".join(["emotion,pixels", *rows]).encode()})
    write(tmp_path / "c", {"test.csv": f"pixels\n{good}\n".encode(), "submission.csv": b"id,emotion\n"})
    assert recognise(open_tree(tmp_path / "c")) == ("fer2013", "FER-2013's table, c: train.csv")
    images = import_fer2013(tmp_path / "c")
    assert images.counts(images.in_subset("train")).tolist() == [1] * 7
    assert images.labels.tolist() == [0, 1, 2, 3, 5, 6, 4]
    assert images.pixels[3, 0, :2, 0].tolist() == [3, 4]
    assert any("no column Usage" in note for note in images.notes)
    assert "official" not in available_splits(images)
    with pytest.raises(UserError, match=r"test.csv has pixels, but no labels .*import fer2013.csv, icml"):
        import_fer2013(tmp_path / "c" / "test.csv")
    write(
        tmp_path / "c",
        {"icml_face_data.csv": fer_csv(tmp_path / "x", fer2013_files(), icml=True).read_bytes()},
    )
    assert recognise(open_tree(tmp_path / "c"))[1] == "FER-2013's table, c: icml_face_data.csv"


def test_csv_of_other_columns_or_no_text_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("label,image\n1,2\n")
    with pytest.raises(UserError, match=r"columns label, image: expected emotion, pixels, Usage; "):
        import_fer2013(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00\x01" * 50)
    with pytest.raises(UserError, match="can't be read as a csv table"):
        import_fer2013(tmp_path / "b.csv")
    (tmp_path / "c.csv").write_text("")
    with pytest.raises(UserError, match="columns none"):
        import_fer2013(tmp_path / "c.csv")
