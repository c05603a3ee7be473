import io

import numpy as np
import pandas as pd
import pytest

from fer_bench.data.model_outputs import read_outputs
from fer_bench.errors import UserError

CLASSES = ("angry", "happy", "sad")
IDS = np.array([f"test/angry/Private_{n}.jpg" for n in range(4)] + ["train/sad/1.jpg", "test/sad/1.jpg"])
TEST = np.array([0, 1, 3, 5])
P = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.25, 0.25, 0.5], [0.0, 1.0, 0.0]])


def table(**changes):
    columns = {"id": IDS[TEST], **dict(zip(CLASSES, P.T, strict=True))}
    return pd.DataFrame({k: v for k, v in {**columns, **changes}.items() if v is not None})


def read(tmp_path, frame):
    path = tmp_path / "theirs.csv"
    frame.to_csv(path, index=False)
    return read_outputs(path, CLASSES, IDS, TEST)


def refusal(tmp_path, content, name="theirs.csv"):
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, pd.DataFrame):
        content.to_csv(path, index=False)
    else:
        np.savez(path, **content)
    with pytest.raises(UserError) as found:
        read_outputs(path, CLASSES, IDS, TEST)
    assert "\n" not in str(found.value) and str(path) in str(found.value)
    return str(found.value)


def probabilities(outputs):
    p = np.exp(outputs.logits.astype("float64"))
    return p / p.sum(axis=1, keepdims=True)


def test_columns_and_rows_may_come_in_any_order(tmp_path):
    frame = table()[["sad", "id", "happy", "angry"]].iloc[[2, 0, 3, 1]]
    found = read(tmp_path, frame)
    assert np.allclose(probabilities(found), P, atol=1e-6)
    assert found.logits.dtype == np.float32 and found.notes == ()


def test_an_image_may_be_named_by_its_file_alone_where_only_one_has_it(tmp_path):
    found = read(
        tmp_path, table(id=["/data/Private_0.jpg", "C:\\x\\Private_1.jpg", "Private_3.jpg", "test/sad/1.jpg"])
    )
    assert np.allclose(probabilities(found), P, atol=1e-6)
    assert "1 of 4 ids are of no image" in refusal(tmp_path, table(id=[*IDS[TEST[:3]], "1.jpg"])), (
        "two have it"
    )


def test_classes_go_by_any_case_and_by_synonyms_which_is_said(tmp_path):
    found = read(tmp_path, table().rename(columns={"angry": "Anger", "happy": "HAPPY", "sad": "sadness"}))
    assert found.notes == ("Anger taken for angry", "sadness taken for sad")
    assert np.allclose(probabilities(found), P, atol=1e-6)


def test_rows_of_images_outside_the_test_set_are_left_out_and_counted(tmp_path):
    more = pd.concat([table(), table().iloc[:1].assign(id=IDS[4])])
    assert read(tmp_path, more).notes == ("1 rows of images that aren't test images left out",)


def test_positions_count_test_images_from_0(tmp_path):
    frame = table(id=None, position=[3, 0, 2, 1])
    assert np.allclose(probabilities(read(tmp_path, frame))[[3, 0, 2, 1]], P, atol=1e-6)


@pytest.mark.parametrize("kind", ["probabilities", "logits"])
def test_an_npz_has_its_classes_named(tmp_path, kind):
    values = P if kind == "probabilities" else np.log(P + 1e-12) + 5
    np.savez(tmp_path / "t.npz", classes=np.array(CLASSES[::-1]), ids=IDS[TEST], **{kind: values[:, ::-1]})
    found = read_outputs(tmp_path / "t.npz", CLASSES, IDS, TEST)
    assert np.allclose(probabilities(found), P, atol=1e-6) and found.notes == ()


def test_logits_in_a_csv_are_taken_as_such_which_is_said(tmp_path):
    found = read(tmp_path, table(**dict(zip(CLASSES, (np.log(P + 1e-9) + 3).T, strict=True))))
    assert found.notes == ("values taken for logits, as they are no probabilities",)
    assert np.allclose(probabilities(found), P, atol=1e-6)


def test_what_fer_bench_predict_writes_is_read_as_it_is(tmp_path):
    frame = table().rename(columns={"id": "file"})
    frame.insert(1, "expression", "happy")
    frame.insert(2, "probability", 0.5)
    frame.insert(3, "faces", "")
    frame.insert(4, "notes", "")
    assert np.allclose(probabilities(read(tmp_path, frame)), P, atol=1e-6)


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (table().iloc[1:], "1 of 4 test images are missing, such as test/angry/Private_0.jpg"),
        (table(id=[*IDS[TEST[:3]], "who.jpg"]), "1 of 4 ids are of no image of the dataset, such as 'who"),
        (pd.concat([table(), table().iloc[:1]]), "image test/angry/Private_0.jpg is there 2 times"),
        (table(contempt=0.0), "column 'contempt' is no class; expected angry, happy, sad"),
        (table(sad=None), "has no column for sad; expected angry, happy, sad"),
        (table(anger=0.0), "columns 'angry' and 'anger' are both angry"),
        (table(sad=[0.1, "", 0.5, 0.0]), "image test/angry/Private_1.jpg has no number for sad"),
        (table(sad=[0.1, "nan", 0.5, 0.0]), "has no number for sad"),
        (table(sad=[0.1, "inf", 0.5, 0.0]), "has no number for sad"),
        (table(sad=[0.1, 0.1, 0.4, 0.0]), "those of test/angry/Private_3.jpg sum to 0.9, expected 1"),
        (table(sad=[0.1, 0.1, 0.5, -0.2]), "1 of 4 images have values that are no probabilities"),
        (table(sad=0.0, happy=0.1, angry=0.2), "4 of 4 images have values that are no probabilities"),
        (table(**dict(zip(CLASSES, 100 * P.T, strict=True))), "sum to 100: divide percentages by 100"),
        (table(id=None), "has no column that names the images; expected a CSV with"),
        (table(id=None, position=[1, 2, 3, 4]), "is none of the 4 test images, 0 to 3 (they begin with 1"),
        (table(id=None, position=[0, 1, 2, 9]), "position 9 is none of the 4 test images, 0 to 3"),
        (table(id=None, position=[0, 1, 2, 2]), "position 2 is there 2 times"),
        (table(id=None, position=[0, 1, 2, 3]).iloc[:3], "1 of 4 test images are missing, such as posi"),
        (table(id=None, position=[0, 1, 2, 2.5]), "positions aren't whole numbers"),
        (table(id=None, position=["a", "b", "c", "d"]), "positions aren't whole numbers"),
        (table().iloc[:0], "4 of 4 test images are missing"),
    ],
)  # fmt: skip
def test_what_doesnt_fit_is_one_line(tmp_path, frame, said):
    assert said in refusal(tmp_path, frame)


def pickled():
    file = io.BytesIO()
    np.savez(file, probabilities=P, classes=np.array(CLASSES, dtype=object), ids=IDS[TEST])
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"", "theirs.csv", "is empty"),
        (b"id;angry;happy;sad\n1;0.2;0.3;0.5\n", "theirs.csv", "are separated by ';': write commas"),
        (b"\xff\xfe\x00\x01", "theirs.csv", "is no CSV"),
        (b"id,angry\n1,2,3,4\n1,2\n", "theirs.csv", "row 1 has 4 fields, expected 2"),
        (b"id,angry,happy,sad\na,1,0,0,\n", "theirs.csv", "row 1 has 5 fields, expected 4"),
        (b"not a zip", "theirs.npz", "is no npz of plain arrays"),
        (pickled(), "theirs.npz", "is no npz of plain arrays (Object arrays cannot be loaded"),
        ({"probabilities": P, "ids": IDS[TEST]}, "theirs.npz", "holds probabilities, ids; expected"),
        ({"classes": np.array(CLASSES), "ids": IDS[TEST], "logits": P[:, :2]}, "theirs.npz", "don't fit one"),
        ({"classes": IDS[:3], "ids": IDS[TEST], "probabilities": P, "logits": P}, "theirs.npz", "holds "),
    ],
)  # fmt: skip
def test_files_that_are_no_tables_are_one_line(tmp_path, content, name, said):
    assert said in refusal(tmp_path, content, name)


def test_a_file_that_isnt_there_is_one_line(tmp_path):
    for name in ("none.csv", "none.npz"):
        with pytest.raises(UserError, match="can't be read: No such file"):
            read_outputs(tmp_path / name, CLASSES, IDS, TEST)
