"""What `--classes` means."""

import pytest

from fer_bench.data.class_choice import ALL_CLASSES, ClassChoice, parse_classes
from fer_bench.errors import UserError


def test_pairs_and_common_are_read():
    assert parse_classes("1=surprise, 2=fear") == ClassChoice({"1": "surprise", "2": "fear"})
    assert parse_classes("common") == ClassChoice(common=True)
    assert parse_classes("common, 7=-") == ClassChoice({"7": "-"}, common=True)


@pytest.mark.parametrize("text", ["", ",", "1", "1=", "=a", "1=a=b", "Common=", "commonly"])
def test_what_is_no_list_of_pairs_is_refused(text):
    with pytest.raises(UserError, match=r'expected CLASS=NAME pairs.*"0=angry,contempt=-"'):
        parse_classes(text)


def test_a_class_named_twice_and_an_unprintable_name_are_refused():
    with pytest.raises(UserError, match="names a class twice"):
        parse_classes("1=a,1=b")
    with pytest.raises(UserError, match="names a class twice, of happy: keep one"):
        parse_classes("happy=glad,joy=merry").apply(("happy", "sad"))
    with pytest.raises(UserError, match=r"'a\\x07' is no name"):
        parse_classes("1=a\a")


def test_classes_are_renamed_merged_and_left_out():
    found = ("0", "fearful ", "contempt", "joy")
    assert ALL_CLASSES.apply(found) == {"0": "0", "fearful ": "fearful", "contempt": "contempt", "joy": "joy"}
    choice = parse_classes("0=joy,contempt=-")
    assert choice.apply(found) == {"0": "joy", "fearful ": "fearful", "joy": "joy"}
    choice = parse_classes("common,0=Anger")
    assert choice.apply(found) == {"0": "angry", "fearful ": "fear", "joy": "happy"}


def test_a_synonym_names_the_class_that_was_found():
    assert parse_classes("Happiness=glad").apply(("happy", "sad")) == {"happy": "glad", "sad": "sad"}
    assert parse_classes("CONTEMPT=-").apply(("happy", "contempt", "sad")) == {"happy": "happy", "sad": "sad"}


def test_classes_that_are_not_there_and_too_few_of_them_are_told():
    with pytest.raises(UserError, match="--classes names contempt: the classes are happy, sad"):
        parse_classes("contempt=-").apply(("happy", "sad"))
    with pytest.raises(UserError, match="leaves sad of the classes happy, sad: two are needed"):
        parse_classes("happy=-").apply(("happy", "sad"))
    with pytest.raises(UserError, match="leaves none of the classes 0, 1"):
        parse_classes("common").apply(("0", "1"))
    with pytest.raises(UserError, match="'Happy' and 'happy' differ in case only"):
        ALL_CLASSES.apply(("Happy", "happy"))
