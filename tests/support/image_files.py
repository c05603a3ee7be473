"""Small image files, in folders and zips, as users bring them."""

import io
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from fer_bench.data import cache
from fer_bench.data.archive import open_tree
from fer_bench.data.class_folders import read_folder
from fer_bench.data.draft import Draft, ImportOptions
from fer_bench.data.images import FaceImages
from fer_bench.datasets import fer2013

FER2013_COUNTS = {"Training": 3, "PublicTest": 2, "PrivateTest": 1}  # images of each class; one more happy
FER2013_FOLDERS = {"Training": "train", "PublicTest": "test", "PrivateTest": "test"}


def picture(seed: int, size: tuple[int, int] = (48, 48), mode: str = "L", form: str = "JPEG") -> bytes:
    """An image file of noise; size is (width, height)."""
    channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
    pixels = np.random.RandomState(seed).randint(0, 256, (size[1], size[0], *channels), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form)
    return file.getvalue()


def write(root: Path, files: Mapping[str, bytes]) -> Path:
    """Write files, by their names below a folder; gives the folder."""
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def zipped(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write a zip of files, by their names; gives its path."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tarred(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write a tar of files, compressed where its name says so; gives its path."""
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def class_files(classes: Iterable[str] = ("angry", "happy"), n: int = 3, **options) -> dict[str, bytes]:
    """`n` images of each class, by CLASS/NUMBER.png; options are those of `picture`."""
    return {
        f"{c}/{i}.png": picture(10 * k + i, form="PNG", **options)
        for k, c in enumerate(classes)
        for i in range(n)
    }


def fer2013_files(prefix: bool = True) -> dict[str, bytes]:
    """A small FER-2013 in the layout of Kaggle's archive; without `prefix`, names don't tell the split."""
    files = {}
    for usage, n in FER2013_COUNTS.items():
        for k, name in enumerate(fer2013.CLASSES):
            for i in range(n + (name == "happy")):
                number = 1000 * len(files) + 7
                file = f"{usage}_{number}.jpg" if prefix else f"im{number}.jpg"
                files[f"{FER2013_FOLDERS[usage]}/{name}/{file}"] = picture(
                    100 * k + 10 * list(FER2013_COUNTS).index(usage) + i
                )
    return files


def import_folder(path: Path, name: str = "mine", **options) -> FaceImages:
    """Import a folder or zip of class folders under a name; options are fields of ImportOptions."""
    return cache.save(name, folder_draft(path, **options))


def folder_draft(path: Path, **options) -> Draft:
    """Draft of a folder or zip of class folders; options are fields of ImportOptions."""
    return read_folder(open_tree(path), ImportOptions(**options))
