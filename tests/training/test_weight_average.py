"""The moving average of weights: its numbers, and a training that keeps it."""

import keras
import numpy as np
import pytest
from trials import ALL, HEAD, build, run

from fer_bench.training.weight_average import WeightAverage


def values(variables):
    return [keras.ops.convert_to_numpy(v.value) for v in variables]


def test_the_first_steps_weigh_more_and_later_ones_by_the_decay():
    weight, number = keras.Variable([1.0, 5.0]), keras.Variable([3, 4], dtype="int32", trainable=False)
    average = WeightAverage([weight, number], decay=0.2)
    average.restart()
    expected = np.array([1.0, 5.0])
    for decay, value in ((0.1, 2.0), (2 / 11, 4.0), (0.2, 8.0), (0.2, 0.0)):
        weight.assign([value, -value])
        average.update()
        expected = decay * expected + (1 - decay) * np.array([value, -value])
    np.testing.assert_allclose(values(average.averages), [expected], rtol=1e-6)
    average.swap()
    np.testing.assert_allclose(values([weight]), [expected], rtol=1e-6)
    np.testing.assert_array_equal(values(average.averages), [[0.0, 0.0]])
    np.testing.assert_array_equal(values([number]), [[3, 4]])


def test_a_decay_of_nearly_0_is_the_training_without_the_last_step_of_each_epoch(data):
    """With batches as large as an epoch's images less one step: here, the state before each step."""
    plain = build(data, phases=[{**ALL, "epochs": 2}], keep="last")
    averaged = build(data, phases=[{**ALL, "epochs": 2}], keep="last", ema=1e-9)
    seen = []
    trace = averaged.averaged

    def spied(phase):
        seen.append(values(averaged.net.whole.trainable_variables))
        return trace(phase)

    averaged.averaged = spied
    run(plain, data)
    run(averaged, data)
    for current, kept in zip(seen[-1], values(plain.net.whole.trainable_variables), strict=True):
        np.testing.assert_array_equal(current, kept, "training itself is the same")
    differences = [
        np.abs(a - b).max()
        for a, b in zip(seen[-1], values(averaged.net.whole.trainable_variables), strict=True)
    ]
    assert max(differences) > 0, "what is kept is the average"
    assert max(differences) < 0.02, "which is one step behind: Adam moves no weight by more than its rate"


@pytest.mark.parametrize("phases", [[{**HEAD, "epochs": 3}], [{**HEAD, "epochs": 2}, {**ALL, "epochs": 2}]])
def test_logits_are_those_of_the_averaged_net(data, phases):
    trainer = build(data, phases=phases, ema=0.5)
    outcome = run(trainer, data, test=True)
    pixels = trainer.pixel_bank(trainer.pixel_bank.inputs(data.test))
    np.testing.assert_allclose(trainer.net.whole(pixels), outcome.test_logits, atol=1e-4)
    again = run(trainer, data, test=True)
    np.testing.assert_array_equal(again.test_logits, outcome.test_logits)
    without = run(build(data, phases=phases), data, test=True)
    assert np.abs(without.test_logits - outcome.test_logits).max() > 1e-3


def test_a_failure_while_the_averages_are_in_use_leaves_the_weights_of_the_training(data):
    trainer = build(data, phases=[HEAD], ema=0.5)
    run(trainer, data)
    before = trainer.state()

    def fail_while_averaged():
        with trainer.averaged(0):
            assert any((a != b).any() for a, b in zip(before, trainer.state(), strict=True))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_while_averaged()
    for was, now in zip(before, trainer.state(), strict=True):
        np.testing.assert_array_equal(was, now)
