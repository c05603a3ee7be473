"""Contestants for processes of their own, which find them by the name of this module."""

import os
import time
from functools import partial


def clocked(seconds: float):
    """A round sleeps; its process, and when it began and ended."""

    def play() -> tuple[int, float, float]:
        begun = time.monotonic()
        time.sleep(seconds)
        return os.getpid(), begun, time.monotonic()

    return play


def raises():
    def play():
        raise ValueError("no more breath")

    return play


def dies():
    return partial(os._exit, 3)
