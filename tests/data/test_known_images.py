import io

import numpy as np
import pytest
from faces import draw_faces
from PIL import Image
from smooth import smooth_pictures

from fer_bench.data.images import SUBSETS
from fer_bench.data.known_images import FER2013, Recognised, copies, hashes, recognise
from fer_bench.data.thumbnails import thumbnails

TRAIN, VAL, TEST, NONE = range(len(SUBSETS))
PICTURES = smooth_pictures(200)
OWN = np.repeat([TRAIN, VAL, TEST], [140, 30, 30]).astype(np.uint8)


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """A set of 200 known pictures, in place of FER-2013."""
    path = tmp_path_factory.mktemp("known") / "hashes.npz"
    np.savez(path, hashes=hashes(PICTURES), subsets=OWN)
    return path


def stored_again(picture, side, quality):
    """A picture of another size, as JPEG in colour."""
    file = io.BytesIO()
    Image.fromarray(picture).resize((side, side)).convert("RGB").save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


@pytest.mark.parametrize(("side", "quality"), [(48, 75), (96, 60), (224, 80), (40, 90)])
def test_copies_are_known_in_other_sizes_and_as_jpeg(side, quality):
    pixels = np.stack([stored_again(picture, side, quality) for picture in PICTURES])
    seen = copies(hashes(thumbnails(pixels)), hashes(PICTURES), OWN)
    assert (seen.argmax(axis=1) == OWN).all()
    assert (seen.sum(axis=1) == 1).all()


def test_its_own_split_is_left_alone(known):
    assert recognise(PICTURES, OWN, known) == Recognised()
    both = np.where(OWN == VAL, TEST, OWN)
    assert recognise(PICTURES, both, known) == Recognised(), "PublicTest and PrivateTest in one"


def test_another_split_is_told_and_official_refused(known):
    found = recognise(PICTURES, np.roll(OWN, 40), known)
    assert found.refused == ("official",)
    [note] = found.notes
    assert note.startswith("these are 200 of FER-2013's images under another split, 100 of them in another")
    assert "not comparable" in note


def test_without_a_split_and_in_part(known):
    [note] = recognise(PICTURES, np.full(200, NONE), known).notes
    assert note.startswith("these are 200 of FER-2013's images without its split")
    mixed = np.concatenate([PICTURES[:50], smooth_pictures(150, seed=5)])
    assert recognise(mixed, OWN, known).notes[0].startswith("50 of these 200 images are FER-2013's")
    assert recognise(mixed, OWN, known).refused == ()


def test_other_images_are_not_taken_for_it(known):
    others = smooth_pictures(200, seed=8)
    noise = np.random.RandomState(0).randint(0, 256, (200, 48, 48), dtype=np.uint8)
    flat = np.full((200, 48, 48), 128, np.uint8)
    for images in (others, noise, flat, thumbnails(draw_faces(200, side=48).pixels)):
        for path in (known, FER2013):
            assert recognise(images, OWN, path) == Recognised()


def test_the_package_brings_all_of_fer2013():
    with np.load(FER2013) as file:
        assert file["hashes"].dtype == np.uint64
        assert np.bincount(file["subsets"]).tolist() == [28709, 3589, 3589]
        assert (file["hashes"] == 0).sum() == 12, "the blank ones"
    assert FER2013.stat().st_size < 300_000
