import keras
import numpy as np
import pytest
from trials import HEAD, run, settings_of

from fer_bench.strategies.base import STRATEGIES


class LearningRates(keras.callbacks.Callback):
    """Notes the learning rate of every step as the optimizer applies it."""

    def __init__(self):
        super().__init__()
        self.noted = []

    def on_train_batch_end(self, batch, logs=None):
        rate = self.model.optimizer._get_current_learning_rate()
        self.noted.append(float(keras.ops.convert_to_numpy(rate)))


def rates(trainer, data, phase, **changes):
    trainer.begin_trial(STRATEGIES["none"](), settings_of(trainer, **changes), 0, data)
    rates = LearningRates()
    trainer.train_phase(phase, callbacks=[rates])
    return rates.noted


def test_a_drawn_learning_rate_scales_every_phase_alike(trainer_of, data):
    trainer = trainer_of(phases=[{**HEAD, "learning_rate": 1e-2}, HEAD], learning_rate=1e-3)
    assert rates(trainer, data, 0) == pytest.approx([1e-2] * 15)
    assert rates(trainer, data, 1) == pytest.approx([1e-3] * 15)
    assert rates(trainer, data, 0, learning_rate=5e-4) == pytest.approx([5e-3] * 15)
    assert rates(trainer, data, 1, learning_rate=5e-4) == pytest.approx([5e-4] * 15)


def test_a_cosine_falls_to_zero_over_the_phase_in_every_trial(trainer_of, data):
    trainer = trainer_of(phases=[HEAD], schedule="cosine", optimizer="sgd", learning_rate=0.1)
    expected = 0.05 * (1 + np.cos(np.pi * np.arange(1, 16) / 15))
    for _ in range(2):
        np.testing.assert_allclose(rates(trainer, data, 0), expected, atol=1e-7)
    assert trainer.traces == 1


def test_weight_decay_spares_biases_and_norms(trainer_of, data):
    trainer = trainer_of(
        phases=[{**HEAD, "epochs": 1}], learning_rate=1e-4, head={"dense": [8], "normalize": True}
    )

    def head():
        variables = trainer.net.head.variables
        return {v.path: np.array(keras.ops.convert_to_numpy(v.value)) for v in variables}

    def trained(decay):
        trainer.begin_trial(STRATEGIES["none"](), settings_of(trainer, weight_decay=decay), 0, data)
        start = head()
        trainer.train_phase(0)
        return start, head()

    start, plain = trained(0.0)
    _, decayed = trained(100.0)  # x learning rate = 1 % a step
    for path in plain:
        if path.endswith("kernel"):
            shrunk = np.linalg.norm(decayed[path]) / np.linalg.norm(plain[path])
            assert shrunk == pytest.approx(0.99**5, rel=0.02), path
        elif path.endswith(("bias", "beta")):
            assert not start[path].any()
            assert np.abs(plain[path]).max() == pytest.approx(np.abs(decayed[path]).max(), rel=0.6), path


def test_curves_show_the_learning_rate_of_each_phase(trainer_of, data):
    trainer = trainer_of(phases=[{**HEAD, "learning_rate": 1e-2}, HEAD], learning_rate=1e-3)
    rates = [row["learning_rate"] for row in run(trainer, data, learning_rate=6e-3).history]
    assert rates == pytest.approx([6e-2] * 3 + [6e-3] * 3)
