"""Attributes of images: read from a table, refused where it doesn't fit, kept as codes."""

import numpy as np
import pytest
from image_files import class_files, folder_draft, import_folder, write, zipped

from fer_bench.data.attributes import Attributes, check_values, in_order
from fer_bench.data.draft import ImageRecord
from fer_bench.datasets.base import open_dataset
from fer_bench.errors import UserError

pytestmark = pytest.mark.usefixtures("workplace")
TABLE = (
    "image, gender, age\n"
    "angry/0.png, female, 20-29\n"
    "./happy/0.png, male, \n"
    "happy\\1.png,, 30-39\n"
    "alone.png, male\n"
)


def faces(table: str = TABLE, name: str = "attributes.csv") -> dict[str, bytes]:
    files = class_files()
    files["happy/alone.png"] = files.pop("happy/2.png")
    return files | {name: table.encode()}


@pytest.mark.parametrize("form", ["folder", "zip", "wrapped", "split"])
def test_values_are_those_of_the_rows_and_unknown_without_one(tmp_path, form):
    files = faces()
    if form == "wrapped":
        files = {f"some/where/{name}": data for name, data in files.items()}
    if form == "split":
        table = (
            TABLE.replace("angry/", "train/angry/")
            .replace("./", "./train/")
            .replace("happy\\", "train/happy/")
        )
        files = {f"train/{n}": d for n, d in files.items() if n != "attributes.csv"}
        files["Attributes.CSV"] = table.encode()
    source = zipped(tmp_path / "x.zip", files) if form != "folder" else write(tmp_path / "x", files)
    draft = folder_draft(source)
    assert draft.attributes == ("gender", "age")
    assert draft.remarks == ("attributes.csv: gender, age; 2 of 6 images have no row",)
    import_folder(source)
    images = open_dataset("mine")
    ids = [each.removeprefix("train/") for each in images.ids]
    assert ids == [f"angry/{n}.png" for n in "012"] + ["happy/0.png", "happy/1.png", "happy/alone.png"]
    assert images.attributes["gender"].tolist() == ["female", "", "", "male", "", "male"]
    assert images.attributes["age"].tolist() == ["20-29", "", "", "", "30-39", ""]


def test_the_fingerprint_is_that_of_the_images_without_a_table(tmp_path):
    with_table = import_folder(write(tmp_path / "x", faces()), "with")
    (tmp_path / "x" / "attributes.csv").unlink()
    without = import_folder(tmp_path / "x", "without")
    assert with_table.fingerprint == without.fingerprint
    assert without.attributes == {}


def test_a_broken_image_may_have_a_row(tmp_path):
    files = faces(TABLE + "happy/torn.png,male,20-29\n") | {"happy/torn.png": b"x"}
    images = import_folder(write(tmp_path / "x", files))
    assert len(images) == 6
    assert len(images.skipped) == 1


MANY = "image,age\n" + "".join(f"{c}/{n}.png,{30 * k + n}\n" for k, c in enumerate("ab") for n in range(12))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("gender,image\nfemale,0.png\n", "has the columns gender, image: expected image first"),
        ("image;gender\nangry/0.png;female\n", "image;gender: expected image first, .* commas between"),
        ("image\nangry/0.png\n", "has the columns image: expected image first"),
        ("image,gender,gender\n", "has the columns image, gender, gender: expected"),
        ("image,,age\n", r"has the columns image, \(no name\), age: expected"),
        ("", "has the columns none: expected image; image not found"),
        ("image,age\nangry/9.png,1\n", "'angry/9.png' isn't there: expected its path, as in 'angry/0.png'"),
        ("image,age\n../../etc/passwd,1\n", r"row 1: '../../etc/passwd' isn't there"),
        ("image,age\n0.png,1\n", "row 1: '0.png' is any of 2 images, such as angry/0.png"),
        ("image,age\nhappy/alone.png,1\nalone.png,2\n", "rows 1 and 2 are both of happy/alone.png: keep one"),
        ("image,age\nangry/0.png,1,2\n", "row 1: more values than columns"),
        ("image,age\nangry/0.png,a/b\n", "attribute 'age' has the name or value 'a/b': expected at most 40"),
        ("image,age\nangry/0.png,\x1b[31m\n", r"the name or value '\\\\x1b\[31m'"),
        ("image,a=b\nangry/0.png,1\n", "the name or value 'a=b'"),
        (f"image,age\nangry/0.png,{'x' * 41}\n", "expected at most 40 letters"),
        ("image,gender\nangry/0.png,Male\nangry/1.png,male\n", "'Male' and 'male' of gender differ in case"),
        ("image," + ",".join(map(str, range(21))) + "\nangry/0.png\n", "has 21 attributes: at most 20"),
        ("image,age\nangry/0.png,\udcff\n", "can't be read as a csv table"),
    ],
)  # fmt: skip
def test_a_table_that_does_not_fit_is_one_clear_line(tmp_path, table, message):
    files = faces("") | {"attributes.csv": table.encode("utf-8", "surrogateescape")}
    with pytest.raises(UserError, match=message) as told:
        folder_draft(write(tmp_path / "x", files))
    assert "\n" not in str(told.value)
    assert "x: attributes.csv" in str(told.value)


def test_too_many_values_are_refused_with_a_hint(tmp_path):
    files = class_files(("a", "b"), n=12) | {"attributes.csv": MANY.encode()}
    with pytest.raises(
        UserError, match=r"age has 24 different values \(0, 1, 10, \.\.\.\), .* a few bins, such as"
    ):
        folder_draft(write(tmp_path / "x", files))
    check_values(["age"], [map(str, range(20))], "x")


def test_a_table_elsewhere_is_told_and_never_passed_over(tmp_path):
    with pytest.raises(
        UserError, match=r"attributes\.csv: expected it beside the class folders, in the top folder"
    ):
        folder_draft(write(tmp_path / "x", faces(name="happy/attributes.csv")))
    (tmp_path / "x" / "attributes.csv").write_text(TABLE)
    (tmp_path / "x" / "happy" / "attributes.csv").rename(tmp_path / "x" / "ATTRIBUTES.csv")
    with pytest.raises(UserError, match=r"both ATTRIBUTES\.csv and attributes\.csv: keep one"):
        folder_draft(tmp_path / "x")


def test_attributes_of_any_reader_are_checked_before_anything_is_decoded(tmp_path):
    from dataclasses import replace

    from fer_bench.data import cache

    draft = folder_draft(write(tmp_path / "x", class_files()))
    records = [ImageRecord(r.id, r.label, r.subset, attributes=("a\nb",)) for r in draft.records]
    with pytest.raises(UserError, match="the name or value"):
        cache.save("mine", replace(draft, records=records, attributes=("odd",), pixels=None))


def test_codes_are_places_among_the_values_and_0_is_unknown():
    words = {"gender": np.array(["male", "", "female", "male"]), "age": np.array(["", "9", "9", "9"])}
    found = Attributes.of(words, np.arange(4))
    assert found.values == {"gender": ("female", "male"), "age": ("9",)}
    assert found.codes.tolist() == [[2, 0, 1, 2], [0, 1, 1, 1]]
    assert found.codes.dtype == np.uint8
    two = Attributes.of(words, np.array([3, 2]))
    assert {v: m.tolist() for v, m in two.groups("gender").items()} == {
        "female": [False, True],
        "male": [True, False],
    }
    again = Attributes.read(found.arrays() | {"test_labels": np.zeros(4)})
    assert again.values == found.values
    assert (again.codes == found.codes).all()
    assert Attributes.of(words, np.array([1])).values == found.values
    assert Attributes.of({"gender": np.array(["", ""])}, np.arange(2)) is None
    assert Attributes.of({}, np.arange(2)) is None
    assert Attributes.read({}) is None


def test_ages_come_in_the_order_of_their_numbers_and_unknown_last():
    assert in_order(["70+", "", "20-39", "4-19", "0-3"]) == ["0-3", "4-19", "20-39", "70+", ""]
    assert in_order({"male", "Female", "unsure"}) == ["Female", "male", "unsure"]
    ages = np.array(["4-19", "20-39", "", "4-19"])
    groups = Attributes.of({"age": ages}, np.arange(4)).groups("age")
    assert {value: members.tolist() for value, members in groups.items()} == {
        "4-19": [True, False, False, True],
        "20-39": [False, True, False, False],
    }
    assert list(groups) == ["4-19", "20-39"]
