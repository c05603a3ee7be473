"""What was sent to the demo as a picture: its file removed, and read as safely as at import."""

from __future__ import annotations

import contextlib
import io
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from fer_bench.data.decode import FORMATS, MAX_BYTES, reason, seen
from fer_bench.errors import UserError

CLEANED_EVERY = 10.0  # seconds
FORGOTTEN_AFTER = 60.0  # seconds in which nothing was written to a file


class Folder:
    """Where Gradio puts what is uploaded, until it is read.

    Visitors who send the same picture at once share a file: what was read last is remembered for seconds.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        self._last: tuple[Path, bytes] | None = None

    def take(self, upload: Any) -> bytes | None:
        """What is in an uploaded file, which is removed; None where Gradio has none."""
        path = Path(str((upload or {}).get("path", ""))).resolve()
        if not path.is_relative_to(self._path):
            return None
        last = self._last  # which another thread forgets
        try:
            content = path.read_bytes()
        except OSError:
            return last[1] if last and last[0] == path else None
        self._remove(path)
        self._last = path, content
        return content

    @contextmanager
    def cleaned(self) -> Iterator[None]:
        """Meanwhile, remove what was left behind, as by visitors who went before all had come."""
        ended = threading.Event()

        def clean() -> None:
            while not ended.wait(CLEANED_EVERY):
                self.clean()

        cleaner = threading.Thread(target=clean, daemon=True)
        cleaner.start()
        try:
            yield
        finally:
            ended.set()
            cleaner.join()

    def clean(self, age: float = FORGOTTEN_AFTER) -> None:
        """Remove the files to which nothing was written for so many seconds, and forget what was read."""
        self._last = None
        for path in list(self._path.rglob("*")):
            with contextlib.suppress(OSError):  # read and removed meanwhile
                if path.is_file() and path.stat().st_mtime < time.time() - age:
                    self._remove(path)

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        if path.parent != self._path:  # Gradio makes a folder for each content, whatever the files' names
            with contextlib.suppress(OSError):
                path.parent.rmdir()


def read_picture(content: bytes) -> Image.Image:
    """A picture from the bytes of its file: upright, RGB, at most 2048 pixels a side.

    Raises UserError for what is no picture, is damaged, or is larger than 64 MiB or 64 million pixels.
    """
    if len(content) > MAX_BYTES:
        raise UserError(f"Not read: larger than {MAX_BYTES // 2**20} MiB")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
                return seen(opened).convert("RGB")
    except Exception as error:  # Pillow's readers raise nearly anything on a broken file
        why = reason(error) if content else "an empty file"
        expected = ", ".join(FORMATS)
        raise UserError(
            f"Not read: {why}. Expected a picture ({expected}) of at most 64 million pixels"
        ) from None
