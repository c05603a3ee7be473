"""Prediction from files beside an array."""

from statistics import median

from contests import ContestHere

from fer_bench.speed.prediction import compare


def test_files_are_predicted_beside_an_array():
    contest = ContestHere()
    figure = compare("compact_cnn", 32, pictures=70, rounds=3, contest=contest)
    assert figure.what == "predict files, compact_cnn, 32 px, pictures/s"
    assert figure.least == 0.8
    (rates,) = contest.results
    assert (figure.value, figure.other) == (median(rates["files"]), median(rates["memory"]))
