"""Prediction from files beside an array."""

from contests import contest_here

from fer_bench.speed.prediction import compare


def test_files_are_predicted_beside_an_array():
    rounds = []

    def contest(makers, number, warm_up=1):
        rounds.append(contest_here(makers, number, warm_up))
        return rounds[-1]

    figure = compare("compact_cnn", 32, pictures=70, rounds=2, contest=contest)
    assert figure.what == "predict files, compact_cnn, 32 px, pictures/s"
    assert figure.least == 0.8
    (rates,) = rounds
    assert {name: len(each) for name, each in rates.items()} == {"files": 2, "memory": 2}
    assert min(rates["files"]) <= figure.value <= max(rates["files"])
    assert min(rates["memory"]) <= figure.other <= max(rates["memory"])
