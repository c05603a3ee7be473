"""Keras files: class names in a layer's name, and files from elsewhere that are refused."""

import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from model_files import CLASSES, edited
from pictures import noise

from fer_bench.errors import UserError
from fer_bench.inference.keras_file import class_names, layer_name, open_keras
from fer_bench.inference.model_file import open_model


def test_any_class_names_come_back_from_the_file():
    names = ("angry", "very happy", "Ärger", "a.b-c_d", "喜")
    assert class_names(layer_name(names)) == names
    assert layer_name(("angry", "sad")) == "classes.angry.sad"
    assert re.fullmatch(r"[A-Za-z0-9.][A-Za-z0-9_.-]*", layer_name(names)), "as TensorFlow has it"
    assert class_names("dense_3") == ()


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


def test_model_files_from_elsewhere_are_refused_and_run_nothing(predict_command, tmp_path):
    noise().save(tmp_path / "good.png")
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
        code, out, err = predict_command("good.png", model=tmp_path / name)
        assert (code, out) == (2, ""), name
        assert message in err, name
        assert len(err.strip().splitlines()) == 1, err
    assert not (tmp_path / "ran").exists()


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
        ('"output_shape": [32,', '"output_shape": [3200000,'),
        ('"height": 48', '"height": -1'),
    ],
)
def test_model_files_with_edited_names_or_sizes_are_refused(model_file, tmp_path, change):
    with pytest.raises(UserError, match=r"none by fer-bench export|can't be loaded") as told:
        open_model(edited(model_file, tmp_path / "m.keras", change))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["M.KERAS", "model"])
def test_a_model_file_of_any_name_is_opened(model_file, tmp_path, name):
    opened = open_model(Path(shutil.copyfile(model_file, tmp_path / name)))
    assert opened.classes == ("angry", "happy", "sad")


def test_weights_that_are_no_numbers_are_refused(model_file, tmp_path):
    import keras

    model = keras.saving.load_model(model_file)
    weights = model.get_weights()
    weights[-1] = np.full_like(weights[-1], np.nan)
    model.set_weights(weights)
    model.save(tmp_path / "nan.keras")
    with pytest.raises(UserError, match="has weights that are no finite numbers"):
        open_keras(tmp_path / "nan.keras")
