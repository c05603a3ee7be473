"""Rates of training steps, of fer-bench and of what it is compared with."""

import time

import pytest
from contests import ContestHere

from fer_bench.backbones.base import BACKBONES
from fer_bench.speed.training import CACHED_EPOCHS, Job, backbones, compare, ours

pytestmark = pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")  # of Keras' generator
JOB = Job("compact_cnn", 24, 16, "head", 48)


def test_each_ratio_is_of_two_contestants_and_has_its_own_bound():
    rates = {"notebook": 10.0, "ours": 30.0, "bare": 40.0, "bare, our net": 50.0, "cached": 200.0}
    asked = []

    def contest(makers, rounds, warm_up=1):
        asked.append((list(makers), rounds))
        return {name: [rates[name]] * rounds for name in makers}

    figures = compare(JOB, 2, over_notebook=1.25, over_bare=0.9, cached=10.0, contest=contest)
    assert asked == [(list(rates), 2)]
    assert [(f.against, f.value, f.other, f.ratio, f.least, f.met) for f in figures] == [
        ("ImageDataGenerator", 30, 10, 3, 1.25, True),
        ("bare fit", 30, 40, 0.75, 0.9, False),
        ("bare fit of our net", 30, 50, 0.6, 0.9, False),
        ("ImageDataGenerator", 200, 10, 20, 10, True),
    ]
    assert figures[0].what == "compact_cnn 24 px, batch 16, trunk frozen"
    assert figures[3].what.endswith("cached features")


def test_every_contestant_trains():
    contest = ContestHere()
    figures = compare(JOB, 1, cached=10.0, contest=contest)
    (rates,) = contest.results
    assert list(rates) == ["notebook", "ours", "bare", "bare, our net", "cached"]
    assert [figure.value for figure in figures] == [*rates["ours"] * 3, *rates["cached"]]


@pytest.mark.parametrize(("augmented", "epochs"), [(True, 1), (False, CACHED_EPOCHS)])
def test_a_rate_counts_every_image_of_a_round_and_no_more_time_than_it_took(augmented, epochs):
    play = ours(JOB, augmented)
    play()
    begun = time.perf_counter()
    rate = play()
    assert rate > JOB.images * epochs / (time.perf_counter() - begun)


def test_every_other_backbone_is_measured_at_its_studys_size():
    jobs = {job.backbone: job for job in backbones()}
    assert set(jobs) == set(BACKBONES) - {"mobilenet_v2"}
    assert all(job.images % job.batch == 0 and job.images >= 2 * job.batch for job in jobs.values())
    assert (jobs["vgg16"].size, jobs["vgg16"].batch) == (96, 64)
