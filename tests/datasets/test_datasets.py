import io
import json
import struct
import subprocess
import sys
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from fer_bench.data import cache
from fer_bench.data.archive import open_tree
from fer_bench.data.class_folders import parse_classes, read_folder
from fer_bench.data.images import SUBSETS, FaceImages
from fer_bench.data.splits import available_splits, split
from fer_bench.datasets import base, fer2013
from fer_bench.datasets.base import DATASETS, dataset_available, open_dataset
from fer_bench.errors import UserError

CSV_ORDER = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
COUNTS = {"Training": 3, "PublicTest": 2, "PrivateTest": 1}
FOLDERS = {"Training": "train", "PublicTest": "test", "PrivateTest": "test"}


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("FER_BENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def picture(seed, size=(48, 48), mode="L", form="JPEG"):
    channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
    pixels = np.random.RandomState(seed).randint(0, 256, (size[1], size[0], *channels), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form)
    return file.getvalue()


def write(root, files):
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def zipped(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def fer_files(prefix=True):
    """Name -> JPEG of a small FER-2013 in the layout of Kaggle's archive."""
    files = {}
    for usage, n in COUNTS.items():
        for k, name in enumerate(fer2013.CLASSES):
            for i in range(n + (name == "happy")):
                number = 1000 * len(files) + 7
                file = f"{usage}_{number}.jpg" if prefix else f"im{number}.jpg"
                files[f"{FOLDERS[usage]}/{name}/{file}"] = picture(
                    100 * k + 10 * list(COUNTS).index(usage) + i
                )
    return files


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
    return cache.save("fer2013", DATASETS["fer2013"]().read(path))


def import_folder(path, name="mine", **options):
    return cache.save(name, read_folder(path, **options))


def class_files(classes=("angry", "happy"), n=3, **options):
    return {
        f"{c}/{i}.png": picture(10 * k + i, form="PNG", **options)
        for k, c in enumerate(classes)
        for i in range(n)
    }


# The contract of every entry


@pytest.mark.parametrize("name", list(DATASETS))
def test_entry_loads_or_says_how_to_get_it(name):
    entry = DATASETS[name]()
    assert entry.title
    assert entry.honest_ceiling is None or 0 < entry.honest_ceiling < 1
    assert dataset_available(name) == entry.available()
    if not entry.available():
        with pytest.raises(UserError, match=f"{name}.*fer-bench data import {name}|data import {name}"):
            entry.load()
        return
    images = open_dataset(name)
    assert isinstance(images, FaceImages)
    assert images.name == name
    assert images.source
    assert images.pixels.dtype == images.subsets.dtype == np.uint8
    assert images.labels.dtype == np.int32
    assert len(set(images.ids)) == len(images)
    assert images.counts().min() >= 2
    assert images.blank().mean() < 0.01
    assert images.fingerprint == entry.load().fingerprint
    for one in available_splits(images):
        assert len(split(images, one).train)


def test_looking_entries_up_imports_nothing_heavy():
    heavy = {"keras", "tensorflow", "jax", "mlflow", "optuna", "sklearn", "scipy", "matplotlib", "pandas"}
    code = f"import sys, fer_bench.datasets.base as b; list(b.DATASETS); print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_unknown_name_is_answered_with_the_nearest_and_with_imported_ones(tmp_path):
    import_folder(write(tmp_path / "faces", class_files()), "my-faces")
    with pytest.raises(UserError, match=r"did you mean 'fer2013'.*my-faces"):
        open_dataset("fer2031")
    assert "my-faces" in base.known_datasets()
    assert open_dataset("my-faces").name == "my-faces"
    assert base.find_dataset("my-faces").honest_ceiling is None


# FER-2013 in its forms


def test_all_forms_of_fer2013_give_the_same_images(tmp_path):
    files = fer_files()
    forms = [
        zipped(tmp_path / "archive.zip", files),
        write(tmp_path / "extracted", files),
        write(tmp_path / "outer", {f"archive/fer2013/{name}": data for name, data in files.items()}),
        fer_csv(tmp_path / "fer2013.csv", files),
        fer_csv(tmp_path / "icml_face_data.csv", files, icml=True),
        zipped(tmp_path / "csv.zip", {"fer2013.csv": fer_csv(tmp_path / "x.csv", files).read_bytes()}),
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
    images = import_fer2013(write(tmp_path / "plain", fer_files(prefix=False)))
    assert any("official split not to be had" in note for note in images.notes)
    assert available_splits(images) == ("union", "random_80_10_10", "random_80_20", "test_as_validation")
    assert open_dataset("fer2013").notes == images.notes


def test_synonyms_and_numbered_words_are_matched_by_name(tmp_path):
    words = {"angry": "Anger", "disgust": "1 disgusted", "fear": "2_fearful", "happy": "happiness"}
    words |= {"neutral": "6 neutral", "sad": "SADNESS", "surprise": "surprised"}
    files = {}
    for name, data in fer_files().items():
        subset, folder, file = name.split("/")
        files[f"{subset}/{words[folder]}/{file}"] = data
    images = import_fer2013(write(tmp_path / "words", files))
    plain = import_fer2013(write(tmp_path / "plain", fer_files()))
    assert (images.counts() == plain.counts()).all()
    for k in range(7):
        mine, theirs = (sorted(p.tobytes() for p in i.pixels[i.labels == k]) for i in (images, plain))
        assert mine == theirs


def test_fer2013_that_is_none_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"'contempt' is none of FER-2013's classes.*data import folder"):
        import_fer2013(write(tmp_path / "a", {**fer_files(), "train/contempt/Training_1.jpg": picture(1)}))
    with pytest.raises(UserError, match=r"'4' is none of.*--classes"):
        import_fer2013(write(tmp_path / "b", {"train/4/Training_1.jpg": picture(1)}))
    few = {name: data for name, data in fer_files().items() if "disgust" not in name}
    with pytest.raises(UserError, match=r"disgust 0"):
        import_fer2013(write(tmp_path / "c", few))
    with pytest.raises(UserError, match="isn't there"):
        import_fer2013(tmp_path / "missing.zip")
    with pytest.raises(UserError, match="isn't there"):
        import_fer2013(tmp_path / "missing.csv")
    with pytest.raises(UserError, match="unpack it"):
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
    path = fer_csv(tmp_path / "fer2013.csv", fer_files())
    lines = path.read_text().splitlines()
    lines[3] = row.format(good=good, high=good[:-1] + "256", words="1 face " + good)
    path.write_text("\n".join(lines))
    with pytest.raises(UserError, match=message):
        import_fer2013(path)
    assert not dataset_available("fer2013")


def test_csv_of_other_columns_or_no_text_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("label,image\n1,2\n")
    with pytest.raises(UserError, match=r"columns label, image: expected emotion, pixels and Usage"):
        import_fer2013(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00\x01" * 50)
    with pytest.raises(UserError, match="can't be read as a csv table"):
        import_fer2013(tmp_path / "b.csv")
    (tmp_path / "c.csv").write_text("")
    with pytest.raises(UserError, match="columns none"):
        import_fer2013(tmp_path / "c.csv")


# Folders of the user's own


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


def test_mixed_sizes_and_modes_are_brought_together_and_said(tmp_path):
    files = class_files(n=4)
    files["angry/wide.png"] = picture(1, (90, 30), "RGB", "PNG")
    files["happy/clear.png"] = picture(2, (20, 60), "RGBA", "PNG")
    files["happy/notes.txt"] = b"read me"
    draft = read_folder(write(tmp_path / "mixed", files))
    assert draft.shape == (112, 112, 3)
    said = "; ".join(draft.remarks)
    assert "10 images not 112x112 (48x48: 8, " in said
    assert "8 grey and 2 colour images: all kept as RGB" in said
    assert "1 other files ignored" in said
    assert read_folder(tmp_path / "mixed", size=32).shape == (32, 32, 3)
    images = import_folder(write(tmp_path / "grey", class_files(size=(60, 60))), "grey")
    assert images.pixels.shape == (6, 60, 60, 1)
    with pytest.raises(UserError, match="--size 4"):
        read_folder(tmp_path / "grey", size=4)


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


def test_numbered_folders_need_names(tmp_path):
    files = class_files(tuple("1234567"))
    with pytest.raises(UserError, match=r"--classes \"1=\.\.\..*RAF-DB has 1=surprise"):
        read_folder(write(tmp_path / "raf", files))
    named = parse_classes("1=surprise, 2=fear,3=disgust,4=happy,5=sad,6=angry,7=neutral")
    images = import_folder(tmp_path / "raf", classes=named)
    assert images.classes == fer2013.CLASSES
    assert images.ids[images.labels == 6].tolist() == ["1/0.png", "1/1.png", "1/2.png"]
    with pytest.raises(UserError, match="--classes names 8"):
        read_folder(tmp_path / "raf", {**named, "8": "contempt"})
    for wrong in ("", "1", "1=", "1=a=b"):
        with pytest.raises(UserError, match="expected FOLDER=CLASS"):
            parse_classes(wrong)


def test_empty_and_one_image_classes_are_refused_unless_allowed(tmp_path):
    root = write(tmp_path / "x", {**class_files(), "sad/0.png": picture(5)})
    with pytest.raises(UserError, match=r"too few images of a class \(sad 1\)"):
        import_folder(root)
    (root / "fear").mkdir()
    with pytest.raises(UserError, match="no image of fear"):
        import_folder(root)
    draft = read_folder(root, allow_missing=True)
    assert draft.remarks == ("left out, without an image: fear",)
    assert cache.save("mine", draft).counts().tolist() == [3, 3, 1]
    archive = zipped(tmp_path / "x.zip", {**class_files(), "fear/": b""})
    with pytest.raises(UserError, match="no image of fear"):
        read_folder(archive)


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
        ({"angry/x.png": b"x", "more/happy/y.png": b"x"}, "different depths, in the top and more"),
        ({"Angry/x.png": b"x", "angry/y.png": b"x"}, "differ in case only"),
    ],
)
def test_layouts_that_tell_no_class_are_refused(tmp_path, files, message):
    with pytest.raises(UserError, match=message):
        read_folder(write(tmp_path / "x", files))


def test_files_of_the_operating_system_are_passed_over(tmp_path):
    files = {
        **class_files(),
        "__MACOSX/angry/._0.png": b"x",
        ".git/angry/0.png": b"x",
        "angry/.DS_Store": b"x",
    }
    assert len(import_folder(zipped(tmp_path / "mac.zip", files))) == 6


# Broken and hostile input


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
    for source in (write(tmp_path / "x", files), zipped(tmp_path / "x.zip", files)):
        images = import_folder(source)
        assert len(images) == 8
        assert images.counts().tolist() == [4, 4]
        why = dict(line.split(": ", 1) for line in images.skipped)
        assert set(why) == {"angry/text.jpg", "angry/cut.jpg", "happy/empty.png", "happy/huge.png"}
        assert why["angry/text.jpg"] == "not an image"
        assert why["happy/empty.png"] == "empty file"
        assert "truncated" in why["angry/cut.jpg"]
        assert "too many pixels" in why["happy/huge.png"]
        assert open_dataset("mine").skipped == images.skipped
        assert open_dataset("mine").ids.tolist() == sorted(n for n in files if n[-5].isdigit())


def test_member_of_a_zip_with_a_wrong_checksum_is_skipped(tmp_path):
    path = zipped(tmp_path / "x.zip", class_files(n=4))
    data = bytearray(path.read_bytes())
    at = data.find(b"angry/2.png") + len("angry/2.png") + 200
    data[at] ^= 0xFF
    path.write_bytes(data)
    images = import_folder(path)
    assert [line.split(":")[0] for line in images.skipped] == ["angry/2.png"]
    assert len(images) == 7


def test_class_left_with_one_readable_image_is_refused_and_nothing_stays(tmp_path, home):
    files = {**class_files(n=2), "happy/1.png": picture(3, form="PNG")[:-900]}
    with pytest.raises(UserError, match=r"happy 1"):
        import_folder(write(tmp_path / "x", files))
    assert cache.stored() == []
    assert not [p for p in (home / "datasets").rglob("*") if p.is_dir() and p.name != "mine"]


def test_nothing_readable_at_all_is_one_clear_line(tmp_path):
    with pytest.raises(UserError, match=r"too few|none of its"):
        import_folder(write(tmp_path / "x", {"a/0.jpg": b"x", "a/1.jpg": b"x", "b/0.jpg": b"x"}))


@pytest.mark.parametrize("name", ["../evil.png", "/etc/evil.png", "a/../../evil.png", "C:/evil.png"])
def test_zip_with_names_that_lead_outside_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="leads out of its folder"):
        open_tree(zipped(tmp_path / "x.zip", {**class_files(), name: b"x"}))


def test_truncated_zip_and_no_zip_are_one_line(tmp_path):
    path = zipped(tmp_path / "x.zip", class_files())
    path.write_bytes(path.read_bytes()[:-100])
    for wrong in (
        path,
        write(tmp_path, {"y.zip": b"PK\3\4"}) / "y.zip",
        write(tmp_path, {"z.zip": b""}) / "z.zip",
    ):
        with pytest.raises(UserError, match="no whole zip") as told:
            import_folder(wrong)
        assert "\n" not in str(told.value)


def test_zip_that_unpacks_to_far_more_than_its_size_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("fer_bench.data.archive.BOMB_BYTES", 2**20)
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/0.png", b"\0" * 2**22)
    with pytest.raises(UserError, match="bomb"):
        open_tree(tmp_path / "x.zip")


# The store


def test_second_import_replaces_the_first_only_at_its_end(tmp_path, home):
    first = import_folder(write(tmp_path / "x", class_files()))

    def fails(items, total):
        for n, item in enumerate(items):
            if n == 3:
                raise KeyboardInterrupt
            yield item

    draft = read_folder(write(tmp_path / "y", class_files(n=5)))
    with pytest.raises(KeyboardInterrupt):
        cache.save("mine", draft, fails)
    assert open_dataset("mine").fingerprint == first.fingerprint
    second = cache.save("mine", draft)
    assert len(open_dataset("mine")) == len(second) == 10
    assert len([p for p in (home / "datasets/mine").iterdir() if p.is_dir()]) == 1
    assert len(first.pixels[0]) == 48  # whoever had the first open keeps it


def test_two_imports_of_one_name_do_not_mix(tmp_path):
    draft = read_folder(write(tmp_path / "x", class_files()))

    def meanwhile(items, total):
        with pytest.raises(UserError, match="another import of 'mine' is running"):
            cache.save("mine", draft)
        return items

    assert len(cache.save("mine", draft, meanwhile)) == 6


def test_damaged_import_says_to_import_again(tmp_path, home):
    import_folder(write(tmp_path / "x", class_files()))
    [pixels] = (home / "datasets/mine").glob("*/pixels.npy")
    whole = pixels.read_bytes()
    pixels.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"'mine'.*import it again"):
        open_dataset("mine")
    (home / "datasets/mine/meta.json").write_text("{")
    with pytest.raises(UserError, match=r"'mine'.*import it again"):
        open_dataset("mine")


def test_names_that_are_paths_are_refused(tmp_path):
    draft = read_folder(write(tmp_path / "x", class_files()))
    for name in ("../up", "a/b", "", ".hidden"):
        with pytest.raises(UserError, match="expected letters"):
            cache.save(name, draft)


def test_what_was_done_is_written_down(tmp_path, home):
    files = {**class_files(), "angry/text.jpg": b"x"}
    import_folder(write(tmp_path / "x", files), size=24)
    about = json.loads((home / "datasets/mine/meta.json").read_text())
    assert about["shape"] == [24, 24, 1]
    assert about["images"] == 6
    assert about["skipped"] == ["angry/text.jpg: not an image"]
    assert "short side resized" in about["remarks"][0]
