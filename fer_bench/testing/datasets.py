"""The contract of datasets: how to get one that isn't there, and what its images have to be."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from fer_bench.data import cache
from fer_bench.data.archive import open_tree
from fer_bench.data.images import FaceImages
from fer_bench.data.splits import available_splits, split
from fer_bench.datasets.base import DATASETS, Dataset, Imported, dataset_available, open_dataset
from fer_bench.datasets.recognise import recognise
from fer_bench.errors import UserError


class DatasetContract:
    """Tests of the dataset registered as `name`, where nothing has been imported yet.

    For one that the user imports, override the fixture `source`: a small file or folder for its `read`.
    """

    name: ClassVar[str]

    @pytest.fixture
    def registered(self) -> str:
        """Name of the dataset."""
        return self.name

    @pytest.fixture
    def stored(self, registered: str) -> str:
        """Name that it is imported under: of a mere form, whose images are the user's, another."""
        return "mine" if DATASETS[registered].generic else registered

    @pytest.fixture(autouse=True)
    def nothing_imported(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """A home of its own, so that the user's imports neither help nor suffer."""
        monkeypatch.setenv("FER_BENCH_HOME", str(tmp_path / "home"))

    @pytest.fixture
    def dataset(self, registered: str) -> Dataset:
        """The dataset."""
        return DATASETS[registered]()

    @pytest.fixture
    def source(self) -> Path | None:
        """What to import; None for a dataset that needs no import."""
        return None

    @pytest.fixture
    def images(self, stored: str, dataset: Dataset, source: Path | None) -> FaceImages:
        """All of its images, imported first where there is a `source`."""
        if source is not None:
            cache.save(stored, dataset.read(open_tree(source)))
        elif not dataset.available() or dataset.generic:
            pytest.skip("has to be imported, and the contract's fixture `source` gives nothing to import")
        return open_dataset(stored)

    def test_it_says_what_it_is(self, dataset: Dataset) -> None:
        """`fer-bench list` shows the title; scores above `honest_ceiling` are marked as a possible leak."""
        assert dataset.title
        assert dataset.honest_ceiling is None or 0 < dataset.honest_ceiling < 1

    def test_it_loads_or_says_how_to_get_it(self, registered: str, dataset: Dataset) -> None:
        """What isn't imported is answered with what to type."""
        if dataset.generic:
            assert registered in dataset.how
            return
        assert dataset_available(registered) == dataset.available()
        if dataset.available():
            return
        with pytest.raises(UserError, match=re.escape(registered)) as caught:
            dataset.load()
        command = f"data import {registered}" if isinstance(dataset, Imported) else dataset.how
        assert command in str(caught.value)

    def test_it_recognises_what_it_reads(self, registered: str, source: Path | None) -> None:
        """`data import PATH` finds it by looking."""
        if source is not None:
            assert recognise(open_tree(source))[0] == registered

    def test_its_images_are_whole(self, stored: str, images: FaceImages) -> None:
        """Labelled, each with an id of its own, hardly any blank, and the same whenever they are loaded."""
        assert dataset_available(stored)
        assert isinstance(images, FaceImages)
        assert images.name == stored
        assert images.source
        assert images.pixels.dtype == images.subsets.dtype == np.uint8
        assert images.labels.dtype == np.int32
        assert len(set(images.ids)) == len(images)
        assert images.counts().min() >= 2
        assert images.blank().mean() < 0.01
        assert images.fingerprint == open_dataset(stored).fingerprint

    def test_its_images_can_be_split(self, images: FaceImages) -> None:
        """Every split that the images allow has all classes in train."""
        for name in available_splits(images):
            assert images.counts(split(images, name).train).all(), name
