"""What a plan says before anything trains."""

import json
import textwrap

import pytest
from gpus import machine_with_gpu
from smooth import noisy, smooth_pictures

from fer_bench.data import cache
from fer_bench.data.draft import Draft, ImageRecord
from fer_bench.datasets.base import DATASETS, Dataset
from fer_bench.errors import UserError
from fer_bench.study.plan import _choose, make_plan, make_plans

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


SEARCH = "    search: {learning_rate: {low: 1.0e-4, high: 1.0e-2}}\n    budgets:"


def test_where_none_is_tuned_it_is_also_repeated_untuned(study):
    plan = make_plan(study(**{"    budgets:": SEARCH}), trials=4)
    assert [(task.name, task.trials) for task in plan.tasks] == [
        ("compact_cnn/none", 4), ("compact_cnn/none (defaults)", 0), ("compact_cnn/class_weights", 4),
        ("mobilenet_v2/none", 4), ("mobilenet_v2/none (defaults)", 0), ("mobilenet_v2/class_weights", 4),
    ]  # fmt: skip
    tuned, untuned = plan.tasks[:2]
    assert untuned.key != tuned.key
    assert (untuned.seed_key, untuned.shared_key) == (tuned.seed_key, tuned.shared_key), "repeats are paired"
    assert untuned.cell.recipe_hash == tuned.cell.recipe_hash
    assert plan.slots == 4 * (4 + 3) + 2 * 3
    assert untuned.hours < tuned.hours / 2


@pytest.mark.parametrize("options", [{"trials": 0}, {"trials": 1}, {"strategies": ("class_weights",)}])
def test_where_nothing_is_tuned_there_is_nothing_untuned_beside_it(study, options):
    plan = make_plan(study(**{"    budgets:": SEARCH}), **{"trials": 4, **options})
    assert all(task.cell.tuned and task.trials == options.get("trials", 4) for task in plan.tasks)
    assert all(task.cell.tuned for task in make_plan(study(), trials=4).tasks), "no parameter is searched"


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
    weights_file(tmp_path / "mobilenet_v2.weights.h5")
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
    for place, content in (("one", "a"), ("two", "b")):
        monkeypatch.setenv("FER_BENCH_WEIGHTS", str(tmp_path / place))
        (tmp_path / place).mkdir()
        weights_file(tmp_path / place / "mobilenet_v2.weights.h5", content)
        keys.append(make_plan(name, backbones=("mobilenet_v2",)).tasks[0].key)
    assert keys[0] != keys[1]


def test_a_downloaded_file_is_used(study, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    from fer_bench.backbones.base import BACKBONES

    (tmp_path / "models").mkdir()
    weights_file(tmp_path / "models" / str(BACKBONES["mobilenet_v2"].download_name))
    plan = make_plan(study(**{"weights: none": "weights: imagenet"}), backbones=("mobilenet_v2",))
    assert plan.tasks[0].weights.origin == "imagenet"


def test_precision_auto_is_decided_before_keys_are_made(study):
    def plan(precision):
        recipe = {"image_size": 32, "batch_size": 32, "weights": "none", "precision": precision}
        return make_plan(study(), recipe=recipe)

    auto, half, single = plan("auto"), plan("bfloat16"), plan("float32")
    keys = {(task.cell.name, task.cell.recipe.precision): task.key for task in half.tasks + single.tasks}
    for task in auto.tasks:
        assert task.key == keys[task.cell.name, task.cell.recipe.precision]
    assert auto.precision.startswith("precision: ") and half.precision == single.precision == ""


def test_fewer_images_than_a_batch_are_refused(study):
    with pytest.raises(UserError, match="fewer than a batch of 512"):
        make_plan(study(**{"batch_size: 32": "batch_size: 512"}))


def weights_file(path, content="weights"):
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["content"] = content


def test_data_faults_trials_and_images_travel_with_every_run(study):
    tags = make_plan(study(), trials=3).tags
    assert (tags["images"], tags["trials"], tags["test_twins"]) == ("300/100/100", "3", "0")
    assert "drawn faces" in tags["notes"] and ";" not in tags["notes"]


@pytest.mark.parametrize(
    "with_features", [{"augmentation": "none"}, {"phases": [{"trainable": "head", "epochs": 2}]}]
)
def test_smote_without_a_phase_on_features_is_refused_in_one_line(study, with_features):
    recipe = {"image_size": 32, "batch_size": 32, "weights": "none"}
    whole = [{"trainable": "all", "epochs": 2}]
    name = study()
    with pytest.raises(
        UserError, match=r"smote works on .*: it needs `augmentation: none` and a first phase with"
    ) as caught:
        make_plan(name, strategies=("none", "smote"), recipe={**recipe, "phases": whole, **with_features})
    assert "\n" not in str(caught.value)
    both = {**recipe, "augmentation": "none", "phases": [{"trainable": "head", "epochs": 2}, *whole]}
    plan = make_plan(name, strategies=("none", "smote"), recipe=both)
    assert set(plan.tasks[1].effective_prior.values()) == {round(1 / 7, 4)}
    assert plan.tasks[1].warnings == ("acts in the first 2 of 4 epochs: the trunk is frozen in these only",)


class Elsewhere(Dataset):
    """Available, and not synthetic."""


@pytest.mark.parametrize(
    ("listed", "libraries", "budget", "reason"),
    [
        ("", True, "hour", "there is no GPU"),
        ("GPU 0: H100", True, "full", "there is a GPU that tensorflow has libraries for"),
        ("GPU 0: H100", False, "hour", "tensorflow has no libraries for the GPU (pip install"),
    ],
)
def test_the_full_budget_is_for_a_gpu_that_the_backend_can_use(tmp_path, listed, libraries, budget, reason):
    content = {"dataset": "elsewhere", "budgets": {"hour": {}, "full": {}}}
    with machine_with_gpu(tmp_path, listed, libraries), DATASETS.temporarily(elsewhere=Elsewhere):
        _, chosen, why = _choose(content, None, None)
    assert chosen == budget
    assert why.startswith(f"budget {budget}, as {reason}")


RECIPES = (
    STUDY
    + """
    reported: {accuracy: 0.5}
    recipes:
      as_written: {split: random_80_20, recipe: {preprocessing: unit_range, keep: last}}
      as_should_be: {}
"""
)


def test_each_recipe_of_a_study_is_a_plan_and_a_board_of_its_own(study):
    written, sound = make_plans(study(RECIPES))
    assert [plan.recipe_name for plan in (written, sound)] == ["as_written", "as_should_be"]
    assert written.experiment == "mine-as_written-synthetic-quick" and written.experiment != sound.experiment
    assert (written.spec.split, sound.spec.split) == ("random_80_20", "official")
    assert written.spec.recipe.preprocessing == "unit_range" and sound.spec.recipe.keep == "best"
    assert not {task.key for task in written.tasks} & {task.key for task in sound.tasks}
    assert written.tags["recipe_name"] == "as_written" and written.tags["reported"] == '{"accuracy": 0.5}'
    (alone,) = make_plans("mine.yaml", recipe_name="as_should_be")
    assert alone == sound


def test_a_recipe_that_is_not_there_is_met_with_the_nearest(study):
    with pytest.raises(UserError, match="did you mean 'as_written'"):
        make_plans(study(RECIPES), recipe_name="as_writen")
    with pytest.raises(UserError, match="but one recipe"):
        make_plans(study(), recipe_name="as_written")


def test_each_training_set_of_a_study_is_a_plan_and_a_board_of_its_own(study):
    plain = make_plan(study())
    name = study(STUDY + "    imbalance_ratio: [1, 10]\n")
    balanced, skewed = make_plans(name)
    assert [plan.experiment for plan in (balanced, skewed)] == [
        "mine-synthetic-quick-ratio_1", "mine-synthetic-quick-ratio_10"
    ]  # fmt: skip
    assert [plan.part for plan in (balanced, skewed)] == ["imbalance ratio 1", "imbalance ratio 10"]
    assert balanced.images == skewed.images == plain.images, "train_images still caps"
    assert [plan.tags["imbalance_ratio"] for plan in (plain, balanced, skewed)] == ["", "1", "10"]
    keys = [{task.key for task in plan.tasks} for plan in (plain, balanced, skewed)]
    assert len(set.union(*keys)) == 3 * 4
    none = balanced.tasks[0].effective_prior
    assert max(none.values()) == pytest.approx(min(none.values()), abs=0.005)
    prior = skewed.tasks[0].effective_prior
    assert prior["happy"] / prior["disgust"] == pytest.approx(10, rel=0.1)
    assert make_plan(name, imbalance_ratio=10) == skewed
    with pytest.raises(UserError, match="lists several training sets: imbalance ratio 1; imbalance ratio 10"):
        make_plan(name)


def test_strategies_see_the_noisy_labels(study):
    name = study(STUDY + "    label_noise: [0, 0.5]\n")
    clean, noisy = make_plans(name)
    assert {task.key for task in clean.tasks} == {task.key for task in make_plan(study()).tasks}
    assert not {task.key for task in clean.tasks} & {task.key for task in noisy.tasks}
    before, after = (plan.tasks[0].effective_prior for plan in (clean, noisy))
    # Half of the others' wrong labels are spread over six classes.
    expected = 0.5 * before["disgust"] + 0.5 * (1 - before["disgust"]) / 6
    assert after["disgust"] == pytest.approx(expected, abs=0.02)


def test_training_sets_that_cant_be_are_refused(study):
    with pytest.raises(UserError, match=r"imbalance_ratio 500 leaves . of 300 training images to disgust"):
        make_plans(study(STUDY + "    imbalance_ratio: [2, 500]\n"))
    along = "    label_noise: 0.1\n    label_noise_along: {digust: angry}\n"
    with pytest.raises(UserError, match=r"label_noise_along: unknown class 'digust': did you mean 'disgust'"):
        make_plans(study(STUDY + along))
    with pytest.raises(UserError, match="fewer than a batch of 32"):
        make_plans(study(STUDY.replace("train_images: 300", "train_images: 30\n    imbalance_ratio: 2")))


def test_groups_are_part_of_the_key_where_a_split_keeps_more_than_identical_images(study):
    pictures = smooth_pictures(160)
    pictures[150] = noisy(pictures[:1], 2)[0]  # test, nearly an image of train
    subsets = ["train"] * 100 + ["val"] * 30 + ["test"] * 30
    records = [ImageRecord(f"{n}", "ab"[n % 2], subset) for n, subset in enumerate(subsets)]
    draft = Draft(("a", "b"), (48, 48, 1), records, lambda: iter(pictures[..., None]), "drawn")
    cache.save("mine", draft)
    few = {"train_images: 300": "", "val_images: 100": "", "test_images: 100": "", "synthetic": "mine"}

    def keys(split):
        return [task.key for task in make_plan(study(**few), split=split).tasks]

    known = {split: keys(split) for split in ("official", "union")}
    assert make_plan(study(**few)).near_twins == 1
    meta = cache.home() / "datasets/mine/meta.json"
    meta.write_text(
        json.dumps(json.loads(meta.read_text()) | {"extras": ""})
    )  # as an earlier version left it
    assert keys("official") == known["official"]
    assert keys("union") != known["union"]
    assert make_plan(study(**few)).near_twins == 0
