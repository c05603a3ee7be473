import numpy as np
import pytest

from fer_bench.evaluation.figures import confusion_matrix, curves, made_images

CLASSES = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")


def annotations(axes):
    return [text.get_text() for text in axes.texts if text.get_text()]


def inside(figure, path):
    """Save, and assert that no text sticks out of the figure."""
    figure.savefig(path)
    renderer = figure.canvas.get_renderer() if hasattr(figure.canvas, "get_renderer") else None
    box = figure.get_tightbbox(renderer)
    width, height = figure.get_size_inches()
    assert box.x0 >= -0.01
    assert box.y0 >= -0.01
    assert box.x1 <= width + 0.01
    assert box.y1 <= height + 0.01
    return path


def test_confusion_matrix_counts_and_percent(tmp_path):
    labels, predicted = np.array([0, 0, 0, 0, 1, 2]), np.array([0, 0, 0, 1, 1, 0])
    figure = confusion_matrix(labels, predicted, ("a", "b", "c"))
    counts, percent = figure.axes
    assert annotations(counts) == ["3", "1", "0", "0", "1", "0", "1", "0", "0"]
    assert annotations(percent) == ["75", "25", "0", "0", "100", "0", "100", "0", "0"]
    assert [t.get_text() for t in counts.get_yticklabels()] == ["a", "b", "c"]
    inside(figure, tmp_path / "matrix.png")


def test_confusion_matrix_of_an_absent_class(tmp_path):
    figure = confusion_matrix(np.array([0, 0]), np.array([0, 2]), ("a", "b", "c"))
    assert annotations(figure.axes[1]) == ["50", "0", "50"]
    inside(figure, tmp_path / "matrix.png")


@pytest.mark.parametrize("count", [2, 12])
def test_class_names_are_not_cut(tmp_path, count):
    names = [f"{CLASSES[k % 7]} {'at great length' if k == 3 else k}" for k in range(count)]
    labels = np.random.default_rng(0).integers(count, size=900)
    inside(confusion_matrix(labels, labels, names), tmp_path / "matrix.png")


def row(epoch, phase):
    fit = 1 - 0.9**epoch
    losses = {"train/loss": 2 - fit, "val/loss": 2.1 - 0.8 * fit}
    scores = {"train/accuracy": fit, "val/accuracy": 0.8 * fit, "val/macro_f1": 0.7 * fit}
    return losses | scores | {"phase": float(phase), "learning_rate": 1e-3}


def test_curves_mark_the_phases(tmp_path):
    history = [row(epoch, epoch > 4) for epoch in range(1, 13)]
    figure = curves(history, ["head", "last 30"])
    scores, loss = figure.axes
    assert annotations(loss) == ["head", "last 30"]
    dashed = [line for line in scores.lines if line.get_linestyle() == "--"]
    assert [line.get_xdata()[0] for line in dashed] == [4.5]
    names = [text.get_text() for text in scores.get_legend().get_texts()]
    assert names == ["training accuracy", "validation accuracy", "validation macro-F1"]
    np.testing.assert_array_equal(loss.lines[0].get_xdata(), np.arange(1, 13))
    inside(figure, tmp_path / "curves.png")


@pytest.mark.parametrize("history", [[], [row(1, 0)]])
def test_curves_of_almost_nothing(tmp_path, history):
    inside(curves(history, ["head"]), tmp_path / "curves.png")


def test_no_global_state():
    import matplotlib.pyplot as plt

    confusion_matrix(np.array([0, 1]), np.array([0, 1]), ("a", "b"))
    assert plt.get_fignums() == []


@pytest.mark.parametrize("channels", [1, 3])
def test_real_images_stand_on_the_left_and_made_ones_on_the_right(channels, tmp_path):
    sheet = np.zeros((3, 2, 4, 12, 10, channels), np.uint8)
    sheet[1, 0, 2], sheet[2, 1, 0] = 200, 100
    figure = made_images(sheet, ("a", "b", "c"))
    real, made = (axes.images[0].get_array() for axes in figure.axes)
    assert real.shape[:2] == made.shape[:2] == (36, 40)
    assert np.all(real[12:24, 20:30] == 200) and real.sum() == 200 * 12 * 10 * channels
    assert np.all(made[24:, :10] == 100) and made.sum() == 100 * 12 * 10 * channels
    assert [axes.get_title() for axes in figure.axes] == ["Real", "Made"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["a", "b", "c"]
    inside(figure, tmp_path / "made.png")
