"""Model files as someone may have changed them."""

import zipfile
from pathlib import Path

CLASSES = "classes.angry.happy.sad"  # name of the last layer of the fixture `model_file`


def edited(source: Path, to: Path, *changes: tuple[str, str]) -> Path:
    """A copy of a model file with other words in its config."""
    with zipfile.ZipFile(source) as whole, zipfile.ZipFile(to, "w") as copy:
        for name in whole.namelist():
            data = whole.read(name)
            for old, new in changes if name == "config.json" else ():
                assert old.encode() in data
                data = data.replace(old.encode(), new.encode())
            copy.writestr(name, data)
    return to
