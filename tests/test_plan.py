"""What a plan says before anything trains."""

import textwrap

import pytest

from fer_bench.errors import UserError
from fer_bench.plan import make_plan

STUDY = """
    dataset: synthetic
    backbones: [compact_cnn, mobilenet_v2]
    strategies: [none, class_weights]
    train_images: 300
    val_images: 100
    test_images: 100
    recipe: {image_size: 32, batch_size: 32, weights: none, phases: [{trainable: all, epochs: 2}]}
    budgets:
      quick: {repeats: 3}
"""


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FER_BENCH_WEIGHTS", raising=False)
    monkeypatch.chdir(tmp_path)

    def write(text=STUDY, **replaced):
        for old, new in replaced.items():
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "mine.yaml").write_text(textwrap.dedent(text))
        return "mine.yaml"

    return write


def test_cells_steps_and_origin(study):
    plan = make_plan(study())
    assert [task.cell.name for task in plan.tasks] == [
        "compact_cnn/none", "compact_cnn/class_weights", "mobilenet_v2/none", "mobilenet_v2/class_weights",
    ]  # fmt: skip
    assert plan.budget == "quick" and plan.repeats == 3
    assert plan.images == (300, 100, 100) and plan.steps == 300 // 32 * 2
    assert plan.experiment == "mine-synthetic-quick"
    assert len({task.key for task in plan.tasks}) == 4
    assert len({task.shared_key for task in plan.tasks}) == 2
    assert 0 < plan.hours < 1


def test_effective_priors_are_those_of_the_training_split(study):
    plan = make_plan(study())
    none, weighted = (task.effective_prior for task in plan.tasks[:2])
    assert none["happy"] > 10 * none["disgust"]
    assert set(weighted.values()) == {round(1 / 7, 4)}


def test_without_fer2013_the_default_is_synthetic_and_quick_and_says_so(study):
    plan = make_plan(study(synthetic="fer2013"))
    assert (plan.spec.dataset, plan.budget) == ("synthetic", "quick")
    assert "fer2013 is not imported" in plan.why and "data import" in plan.why


@pytest.mark.parametrize("asked", [{"dataset": "fer2013"}, {"budget": "quick"}])
def test_asking_for_what_is_not_there_is_an_error(study, asked):
    with pytest.raises(UserError, match="isn't imported"):
        make_plan(study(synthetic="fer2013"), **asked)


def test_missing_weights_refuse_only_the_backbones_that_need_them(study, tmp_path, monkeypatch):
    monkeypatch.setenv("FER_BENCH_WEIGHTS", str(tmp_path))
    (tmp_path / "mobilenet_v2.weights.h5").write_bytes(b"weights")
    name = study(**{"weights: none": "weights: imagenet", "compact_cnn, mobilenet_v2": "vgg16, mobilenet_v2"})
    with pytest.raises(
        UserError, match=r"vgg16: no vgg16.weights.h5 .*\nwithout them: --backbones mobilenet_v2"
    ):
        make_plan(name)
    (task, *_) = make_plan(name, backbones=("mobilenet_v2",)).tasks
    assert task.weights.origin == "mobilenet_v2.weights.h5" and len(task.weights.sha256) == 64


def test_other_weights_make_another_cell(study, tmp_path, monkeypatch):
    monkeypatch.setenv("FER_BENCH_WEIGHTS", str(tmp_path))
    name = study(**{"weights: none": "weights: imagenet"})
    keys = []
    for place, content in (("one", b"a"), ("two", b"b")):
        monkeypatch.setenv("FER_BENCH_WEIGHTS", str(tmp_path / place))
        (tmp_path / place).mkdir()
        (tmp_path / place / "mobilenet_v2.weights.h5").write_bytes(content)
        keys.append(make_plan(name, backbones=("mobilenet_v2",)).tasks[0].key)
    assert keys[0] != keys[1]


def test_a_download_that_fails_says_what_to_set(study, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr("fer_bench.weights.subprocess.run", lambda *a, **k: Done())
    with pytest.raises(UserError, match=r"no network.*FER_BENCH_WEIGHTS"):
        make_plan(study(**{"weights: none": "weights: imagenet"}), backbones=("mobilenet_v2",))


def test_a_downloaded_file_is_used(study, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    from fer_bench.backbones.base import BACKBONES

    (tmp_path / "models").mkdir()
    (tmp_path / "models" / str(BACKBONES["mobilenet_v2"].download_name)).write_bytes(b"weights")
    plan = make_plan(study(**{"weights: none": "weights: imagenet"}), backbones=("mobilenet_v2",))
    assert plan.tasks[0].weights.origin == "imagenet"


def test_fewer_images_than_a_batch_are_refused(study):
    with pytest.raises(UserError, match="fewer than a batch of 512"):
        make_plan(study(**{"batch_size: 32": "batch_size: 512"}))


class Done:
    returncode = 1
    stderr = "Traceback ...\nException: no network"
