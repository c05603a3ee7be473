"""FERPlus: votes joined with images, majorities, and files that don't belong together."""

import numpy as np
import pytest
from ferplus_files import clear_votes, ferplus_rows, first_values, folder_files, joined_files
from image_files import class_files, write, zipped

from fer_bench.data import cache
from fer_bench.data.archive import open_tree
from fer_bench.data.class_choice import parse_classes
from fer_bench.data.draft import ImportOptions
from fer_bench.data.splits import available_splits
from fer_bench.datasets.base import DATASETS
from fer_bench.datasets.ferplus import CLASSES, majority
from fer_bench.datasets.recognise import recognise
from fer_bench.errors import UserError

pytestmark = pytest.mark.usefixtures("workplace")


def drafted(path, classes=None):
    options = ImportOptions(classes=parse_classes(classes)) if classes else ImportOptions()
    return DATASETS["ferplus"]().read(open_tree(path), options)


@pytest.mark.parametrize(
    ("votes", "place"),
    [
        ([4, 0, 0, 1, 3, 2, 0, 0, 0, 0], None),  # 4 of the 9 that count
        ([6, 0, 1, 1, 0, 0, 0, 0, 2, 0], 0),  # 6 of 8
        ([4, 0, 0, 4, 1, 0, 0, 0, 1, 0], None),
        ([5, 0, 0, 2, 1, 1, 1, 0, 0, 0], 0),  # half of all, but 5 of the 7 that count
        ([5, 0, 5, 0, 0, 0, 0, 0, 0, 0], None),
        ([0, 0, 0, 2, 1, 1, 1, 1, 3, 1], 8),  # unknown
        ([0, 0, 0, 0, 0, 0, 0, 0, 0, 10], 9),  # no face
        ([1] * 10, None),
        ([0, 0, 0, 0, 0, 0, 0, 9, 0, 0], 7),  # the one row with nine votes is like this
    ],
)
def test_majority_is_more_than_half_without_single_votes(votes, place):
    assert majority(votes) == place


def test_votes_are_joined_with_pixels_row_by_row(tmp_path):
    rows = ferplus_rows()
    rows.insert(5, ("Training", "fer0000002.png", [5, 0, 0, 5, 0, 0, 0, 0, 0, 0]))
    rows.insert(9, ("Training", "fer0000003.png", [0, 1, 0, 0, 0, 0, 0, 0, 8, 1]))
    rows.insert(10, ("Training", "fer0000004.png", [0, 0, 0, 0, 0, 0, 0, 9, 0, 0]))
    tree = open_tree(write(tmp_path / "both", joined_files(rows)))
    assert recognise(tree) == ("ferplus", "FERPlus votes beside fer2013.csv")
    draft = drafted(tmp_path / "both")
    assert draft.remarks == (
        "left out: 1 excluded by FERPlus, having no name, 1 without a majority, "
        "1 unknown or no face by majority",
    )
    images = cache.save("ferplus", draft)
    assert images.classes == tuple(sorted(CLASSES))
    assert images.classes[1] == "contempt"
    kept = [n for n in range(1, len(rows) + 1) if n not in (1, 6, 10)]
    assert first_values(images).tolist() == kept
    assert images.ids[:2].tolist() == ["row 2", "row 3"]
    assert images.ids[images.labels == 1].tolist() == ["row 11", "row 12", "row 20", "row 28", "row 36"]
    np.testing.assert_allclose(images.votes[0], [0, 0, 0, 0, 0.2, 0.8, 0, 0])  # neutral 8, happy 2
    np.testing.assert_allclose(images.votes.sum(axis=1), 1, rtol=1e-6)
    assert (images.votes.argmax(axis=1) == images.labels).all()
    assert "official" in available_splits(images)
    assert [int(images.in_subset(s).sum()) for s in ("train", "val", "test")] == [17, 8, 8]


def test_seven_classes_of_fer2013_only(tmp_path):
    draft = drafted(write(tmp_path / "both", joined_files(ferplus_rows())), "common")
    images = cache.save("ferplus", draft)
    assert images.classes == ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
    assert images.votes.shape == (28, 7)
    assert "left out by --classes: 4 contempt" in draft.remarks
    fear = images.votes[images.labels == 2]
    np.testing.assert_allclose(fear, np.tile([0, 0, 1, 0, 0, 0, 0], (4, 1)))  # two for contempt are lost


def test_folders_with_lists_give_the_same_labels(tmp_path):
    rows = ferplus_rows()
    files = folder_files(rows)
    tree = open_tree(zipped(tmp_path / "x.zip", files))
    assert recognise(tree) == ("ferplus", "FERPlus, image folders with their lists of votes")
    images = cache.save("ferplus", drafted(tmp_path / "x.zip"))
    joined = cache.save("other", drafted(write(tmp_path / "both", joined_files(rows))))
    assert images.ids[0] == "test/fer0000026.png"
    order = np.argsort(images.ids)
    theirs = [f"{row[0]}" for row in rows if row[1]]
    assert len(images) == len(joined) == len(theirs) == 32
    assert sorted(images.labels[order]) == sorted(joined.labels)
    np.testing.assert_allclose(images.votes.sum(axis=0), joined.votes.sum(axis=0))
    by_name = {name: data for name, data in files.items() if not name.endswith(".csv")}
    by_name |= {"fer2013new.csv": joined_files(rows)["fer2013new.csv"]}
    tree = open_tree(write(tmp_path / "named", by_name))
    assert recognise(tree) == ("ferplus", "FERPlus votes, with image folders")
    named = cache.save("named", drafted(tmp_path / "named"))
    assert sorted(named.ids) == sorted(images.ids)
    assert named.labels[np.argsort(named.ids)].tolist() == images.labels[order].tolist()


def test_images_named_and_not_there_and_named_twice_are_left_out(tmp_path):
    files = folder_files(ferplus_rows())
    del files["data/FER2013Train/fer0000005.png"]
    path = "data/FER2013Train/label.csv"
    evil = [
        f'{name},"(0, 0, 48, 48)",10,0,0,0,0,0,0,0,0,0'
        for name in ("../../x.png", "/etc/passwd", "a\\b\x07.png")
    ]
    files[path] += ("\n" + "\n".join([*evil, files[path].decode().splitlines()[0]])).encode()
    draft = drafted(write(tmp_path / "x", files))
    assert sorted(draft.skipped) == [
        "train/../../x.png: named in the list, but not there",
        "train//etc/passwd: named in the list, but not there",
        "train/a\\\\b\\x07.png: named in the list, but not there",
        "train/fer0000002.png: named more than once: only the first counts",
        "train/fer0000005.png: named in the list, but not there",
    ]
    assert len(draft.records) == 31


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("fer0000002.png,8,", "fer0000002.png,9,", r"fer2013new.csv, row 2: 11 votes in all, expected 10"),
        ("fer0000002.png,8,", "fer0000002.png,6,", "row 2: 8 votes in all"),
        ("fer0000002.png,8,", "fer0000002.png,-8,", "row 2: '-8' votes, expected a number from 0 to 10"),
        ("fer0000002.png,8,", "fer0000002.png,8.5,", r"row 2: '8\.5' votes"),
        ("fer0000002.png,8,", "fer0000002.png,,", "row 2: '' votes"),
        ("fer0000002.png,8,", "fer0000002.png,\u00b2,", "row 2: '\u00b2' votes"),
        (
            "Training,fer0000002",
            "Practice,fer0000002",
            "row 2: Usage 'Practice', expected Training, PublicTest",
        ),
        ("Training,fer0000002", "PublicTest,fer0000002", "row 2: Usage differs"),
        ("contempt", "scorn", "the columns Usage.*contempt not found"),
        ("Training,fer0000002.png,8,2,0,0,0,0,0,0,0,0\n", "", "have 32 and 33 rows"),
    ],
)
def test_votes_that_are_none_and_rows_that_do_not_belong_together_are_told(tmp_path, old, new, message):
    files = joined_files(ferplus_rows())
    text = files["fer2013new.csv"].decode()
    assert old in text
    files["fer2013new.csv"] = text.replace(old, new, 1).encode()
    with pytest.raises(UserError, match=message) as told:
        drafted(write(tmp_path / "x", files))
    assert "\n" not in str(told.value)


def test_votes_without_images_and_beside_class_folders_are_told(tmp_path):
    table = joined_files(ferplus_rows())["fer2013new.csv"]
    alone = write(tmp_path / "alone", {"fer2013new.csv": table})
    folders = write(tmp_path / "folders", {"fer2013new.csv": table, **class_files()})
    for path in (alone, folders, alone / "fer2013new.csv"):
        assert recognise(open_tree(path)) == ("ferplus", "FERPlus votes, without images")
        with pytest.raises(UserError, match=r"put fer2013new.csv and fer2013.csv .* into one folder"):
            drafted(path)


def test_lists_that_are_none_are_told(tmp_path):
    files = folder_files(ferplus_rows())
    path = "data/FER2013Test/label.csv"
    for content, message in {
        b"a.png,10": "row 1: 2 values, expected a name, a box and 10 votes",
        b"a.png,x,1,1,1,1,1,1,1,1,1,x": "row 1: 'x' votes",
        b"\xff\xfe\x00" * 9: "can't be read as text after line 0",
        b'"' * 100_000: "row 1: 1 values",
        b"x" * 500_000: r"label.csv, row 1: field larger than field limit",
        b"": r"label.csv is empty: expected a name, a box",
    }.items():
        with pytest.raises(UserError, match=message):
            drafted(write(tmp_path / "x", {**files, path: content}))


def test_clear_votes_have_a_majority():
    assert [majority(clear_votes(place)) for place in range(10)] == list(range(10))
