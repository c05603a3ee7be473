"""Records of chosen classes."""

from fer_bench.data.class_choice import ALL_CLASSES, parse_classes
from fer_bench.data.draft import ImageRecord, choose

CLASSES = ("sad", "happy", "contempt", "joy")
RECORDS = [
    ImageRecord("a", "happy", "train", votes=(1, 6, 2, 1)),
    ImageRecord("b", "contempt", "train", votes=(0, 1, 9, 0)),
    ImageRecord("c", "joy", "test", votes=(0, 4, 0, 6)),
]


def test_votes_are_in_the_order_of_the_sorted_classes():
    chosen = choose(RECORDS, CLASSES, ALL_CLASSES)
    assert chosen.classes == ("contempt", "happy", "joy", "sad")
    assert [record.votes for record in chosen.records] == [(2, 6, 1, 1), (9, 1, 0, 0), (0, 4, 6, 0)]
    assert chosen.remarks == ()


def test_votes_for_merged_classes_are_added_and_those_left_out_lost():
    chosen = choose(RECORDS, CLASSES, parse_classes("contempt=-,joy=happy"))
    assert chosen.classes == ("happy", "sad")
    assert chosen.records[1] is None
    assert [(r.label, r.votes) for r in chosen.records if r] == [("happy", (7, 1)), ("happy", (10, 0))]
    assert chosen.remarks == ("named by --classes: joy as happy", "left out by --classes: 1 contempt")
