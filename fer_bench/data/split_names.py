"""Splits by name; apart from `splits`, which loads NumPy, as the command line names them."""

from __future__ import annotations

from typing import Literal

SplitName = Literal["official", "union", "random_80_10_10", "random_80_20", "test_as_validation"]

SPLITS: dict[SplitName, str] = {
    "official": "train, val and test as imported (FER-2013: Training, PublicTest, PrivateTest)",
    "union": "train and val from the imported train 90:10, test = the imported val and test together",
    "random_80_10_10": "stratified over all images, identical ones kept together",
    "random_80_20": "as many notebooks do: stratified 80:20 over all images, val and test both the 20",
    "test_as_validation": "as many notebooks do: imported train; val and test both the imported val and test",
}
