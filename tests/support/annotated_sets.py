"""Small sets of drawn faces, laid out as data sets that have lists or annotations beside their images."""

import functools
import io
import json
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image

from fer_bench.datasets import affectnet, ck_plus, expw, synthetic

AFFECTNET_COLUMNS = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
)
MARGIN = 16  # pixels round a face in a picture of several


@functools.cache
def face(label: str, number: int) -> Image.Image:
    """A drawn face, 48x48 grey; that of a class which isn't drawn is a neutral one's."""
    drawn = label if label in synthetic.CLASSES else "neutral"
    labels = np.array([synthetic.CLASSES.index(drawn)])
    rng = np.random.RandomState([number, *label.encode()])
    return Image.fromarray(synthetic.draw(labels, rng)[0, ..., 0])


def encoded(image: Image.Image, form: str = "PNG") -> bytes:
    """An image file; PNG keeps every pixel."""
    file = io.BytesIO()
    image.save(file, form)
    return file.getvalue()


def pictured(*faces: Image.Image) -> tuple[Image.Image, list[tuple[int, int]]]:
    """One RGB picture of faces side by side with a margin, and the left upper corner of each."""
    step = 48 + MARGIN
    picture = Image.new("RGB", (step * len(faces) + MARGIN, 48 + 2 * MARGIN), "green")
    corners = [(MARGIN + step * k, MARGIN) for k in range(len(faces))]
    for one, corner in zip(faces, corners, strict=True):
        picture.paste(one.convert("RGB"), corner)
    return picture, corners


def expw_files(pictures: int = 6) -> dict[str, bytes]:
    """ExpW: `pictures` pictures of seven faces each, one of each class."""
    files, lines = {}, []
    for number in range(pictures):
        name = f"angry_actor_{number}.jpg"
        picture, corners = pictured(*(face(label, number) for label in expw.CLASSES))
        files[f"image/origin/{name}"] = encoded(picture)
        lines += [
            f"{name} {k} {top} {left} {left + 48} {top + 48} {20.5 + k} {k}\n"
            for k, (left, top) in enumerate(corners)
        ]
    return {**files, "label/label.lst": "".join(lines).encode()}


def affectnet_files(train: int = 4, validation: int = 2) -> dict[str, bytes]:
    """AffectNet's release of 2017: images of each class by subset, and one of each number without a face."""
    files = {}
    for table, count in (("training", train), ("validation", validation)):
        rows = [AFFECTNET_COLUMNS]
        for number, label in enumerate(affectnet.EXPRESSIONS):
            for i in range(count):
                picture, [(left, top)] = pictured(face(label, 10 * i + len(table)))
                path = f"{number}/{table}{i}.png"
                files[f"Manually_Annotated_Images/{path}"] = encoded(picture)
                rows.append(f"{path},{left},{top},48,48,{left}.5;{top}.5,{number},0.1,-0.2")
        rows += [f"9/{table}{n}.png,NULL,NULL,NULL,NULL,-1,{n},-2,-2" for n in (8, 9, 10)]
        files[f"Manually_Annotated_file_lists/{table}.csv"] = "\n".join(rows).encode()
    return files


def npy(value: object) -> bytes:
    """An .npy file of one value."""
    file = io.BytesIO()
    np.save(file, np.array(value))
    return file.getvalue()


def affectnet_npy_files(train: int = 4, validation: int = 2, text: bool = True) -> dict[str, bytes]:
    """AffectNet's later release, images of each class by subset; labels as text or as numbers."""
    files = {}
    for folder, count in (("train_set", train), ("val_set", validation)):
        for k, label in enumerate(affectnet.EXPRESSIONS * count):
            number = affectnet.EXPRESSIONS.index(label)
            files[f"{folder}/images/{k}.jpg"] = encoded(face(label, k + 100 * count))
            files[f"{folder}/annotations/{k}_exp.npy"] = npy(str(number) if text else number)
            files[f"{folder}/annotations/{k}_val.npy"] = npy("0.1" if text else 0.1)
    return files


def ck_plus_files(people: int = 24, frames: int = 6) -> dict[str, bytes]:
    """CK+'s official tree: each person has a sequence of one class, and one without a label."""
    files = {}
    for person in range(people):
        number = 1 + person % 7
        for sequence in (1, 2):
            folder = f"S{person:03}/{sequence:03}"
            stem = folder.replace("/", "_")
            for i in range(frames):
                label = ck_plus.OFFICIAL[number] if i >= frames - 3 else "neutral"
                files[f"cohn-kanade-images/{folder}/{stem}_{i + 1:08}.png"] = encoded(
                    face(label, 100 * person + 10 * sequence + i)
                )
            if sequence == 1:
                annotation = f"Emotion/{folder}/{stem}_{frames:08}_emotion.txt"
                files[annotation] = f"   {number:.7e}\n".encode()
    return files


def ck_plus_folders(people: int = 24) -> dict[str, bytes]:
    """CK+'s copy in class folders: three frames of one sequence of each person."""
    words = {"angry": "anger", "sad": "sadness"}
    files = {}
    for person in range(people):
        label = ck_plus.OFFICIAL[1 + person % 7]
        for i in range(11, 14):
            name = f"CK+48/{words.get(label, label)}/S{person:03}_001_{i:08}.png"
            files[name] = encoded(face(label, 100 * person + i))
    return files


def ck_plus_table(rows: int = 24) -> bytes:
    """CK+'s table of 48x48 pixels, with a usage for each row, and classes 0 to 7."""
    lines = ["emotion,pixels,Usage"]
    for row in range(rows):
        label = ck_plus.TABLE_ORDER[row % 8]
        pixels = " ".join(map(str, np.asarray(face(label, row)).ravel()))
        lines.append(f"{row % 8},{pixels},{('Training', 'PublicTest', 'PrivateTest')[row % 3]}")
    return "\n".join(lines).encode()


def parquet_file(
    rows: Iterable[tuple[object, object]],
    columns: tuple[str, str] = ("image", "label"),
    names: Sequence[str] = (),
    **options,
) -> bytes:
    """A Parquet file of images and labels; options are those of pyarrow.parquet.write_table.

    `names` are what the labels mean, said in the description of the schema as Hugging Face's files do.
    """
    import pyarrow as pa
    from pyarrow import parquet

    images, labels = zip(*rows, strict=True)
    table = pa.table({columns[0]: list(images), columns[1]: list(labels)})
    if names:
        features = {columns[0]: {"_type": "Image"}, columns[1]: {"names": names, "_type": "ClassLabel"}}
        about = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": about})
    file = io.BytesIO()
    parquet.write_table(table, file, **options)
    return file.getvalue()


def parquet_files(train: int = 4, test: int = 2) -> dict[str, bytes]:
    """Files as Hugging Face hands them out: images of seven classes, train in two files, test in one."""
    files, names = {}, expw.CLASSES
    for file, count in (("train-00000-of-00002", train), ("train-00001-of-00002", 1), ("test-0-of-1", test)):
        faces = [(face(name, 10 * i + len(files)), k) for i in range(count) for k, name in enumerate(names)]
        rows = [({"bytes": encoded(image), "path": None}, k) for image, k in faces]
        files[f"data/{file}.parquet"] = parquet_file(rows, names=names, row_group_size=10)
    return files
