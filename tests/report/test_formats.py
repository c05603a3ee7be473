"""Numbers as the page writes them."""

import math

import numpy as np
import pandas as pd
import pytest

from fer_bench.report.formats import count, decimal, interval, listed, percent, points, rounded, word

MISSING = [None, math.nan, pd.NA]


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        (percent, 0.6196, "62.0"),
        (percent, 1, "100.0"),
        (points, 0.0056, "+0.6"),
        (points, -0.0241, "\u22122.4"),
        (points, 0.0004, "0.0"),
        (points, -0.0004, "0.0"),
        (count, 28698.0, "28,698"),
        (decimal, 914.218, "914"),
        (decimal, 0.09216, "0.0922"),
        (decimal, 38550.6, "38,551"),
        (decimal, -1.5, "\u22121.5"),
        (word, "none", "none"),
    ],
)
def test_numbers_have_one_decimal_a_true_minus_and_no_signed_zero(form, value, text):
    assert form(value) == text


@pytest.mark.parametrize("form", [percent, points, count, decimal, word])
@pytest.mark.parametrize("value", MISSING, ids=str)
def test_what_is_missing_is_blank(form, value):
    assert form(value) == ""


def test_intervals_need_both_ends():
    assert interval(0.583, 0.657) == "[58.3, 65.7]"
    assert interval(-0.002, 0.0135, points) == "[\u22120.2, +1.4]"
    assert interval(math.nan, 0.1) == ""


def test_long_lists_name_the_first_and_count_the_others():
    assert listed([]) == ""
    assert listed(["a"]) == "`a`"
    assert listed(["a", "b"]) == "`a` and `b`"
    assert listed(list("abcd")) == "`a`, `b`, `c` and `d`"
    assert listed(list("abcdef")) == "`a`, `b`, `c` and 3 others"


def test_values_for_json_are_short_and_never_nan():
    assert rounded(np.float64(0.123456789), 100) == 12.3457
    assert rounded(np.int64(3)) == 3
    assert rounded(True) is True
    assert rounded("a") == "a"
    assert [rounded(each) for each in MISSING] == [None] * 3
