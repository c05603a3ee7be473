"""Trials that are not trained, filled into real databases."""

from fer_bench.speed.overhead import trials


def test_a_round_fills_a_slot_with_a_trial_of_all_its_epochs(monkeypatch, tmp_path):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    play = trials("quick", tmp_path, validation=70)
    assert [epochs for _, epochs in (play(), play())] == [6, 6]
    assert len(list(tmp_path.glob("results/*/trial-*.npz"))) == 2
    assert (tmp_path / "mlflow.db").is_file() and (tmp_path / "optuna.db").is_file()
