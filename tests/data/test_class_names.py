import pytest

from fer_bench.data.class_names import COMMON, class_name


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("Happiness", "happy"),
        ("0 angry", "angry"),
        ("3_Surprised", "surprise"),
        (" FEAR ", "fear"),
        ("Contempt", "Contempt"),
        ("7 contempt", "contempt"),
        ("neutral", "neutral"),
    ],
)
def test_words_for_the_same_class(word, name):
    assert class_name(word) == name
    assert (name in COMMON) == (name.lower() != "contempt")
