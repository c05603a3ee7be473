"""What a study that trains on votes asks of its data."""

import numpy as np
import pytest
from faces import draw_faces
from tiny_study import tiny_study
from voted import voted

from fer_bench.errors import UserError
from fer_bench.study.plan import make_plan
from fer_bench.study.recipe import Recipe
from fer_bench.study.votes import check_votes, votes_key


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def write(labels, dataset="voted"):
        (tmp_path / "mine.yaml").write_text(
            tiny_study(
                {"labels": labels},
                dataset=dataset,
                split="random_80_10_10",
                train_images=100,
                val_images=40,
                test_images=40,
                strategies=["none", "class_weights"],
            )
        )
        return make_plan("mine.yaml")

    return write


def test_without_votes_it_is_refused_with_what_to_do(study):
    with pytest.raises(UserError) as error:
        study("votes", "synthetic")
    assert str(error.value) == (
        "recipe.labels: votes: dataset 'synthetic' has labels alone; expected one that was imported with the "
        "votes of its raters, such as FERPlus; or labels: hard"
    )
    check_votes(draw_faces(), Recipe())


def test_another_word_is_refused_with_those_that_are_known(study):
    with pytest.raises(UserError, match=r"recipe\.labels: expected hard or votes, got 'soft'"):
        study("soft")


def test_keys_are_others_with_votes_and_with_other_votes(study):
    voted(agreeing=7)
    hard, soft = study("hard"), study("votes")
    assert {task.key for task in hard.tasks}.isdisjoint(task.key for task in soft.tasks)
    fingerprint = soft.fingerprint
    voted(agreeing=8)
    other = study("votes")
    assert other.fingerprint == fingerprint, "which is of images and labels"
    assert other.tasks[0].key != soft.tasks[0].key
    assert study("hard").tasks[0].key == hard.tasks[0].key


def test_hard_labels_add_nothing_to_the_data_of_a_key(study):
    images = voted()
    assert votes_key(images, Recipe()) == votes_key(draw_faces(), Recipe()) == {}
    assert len(votes_key(images, Recipe(labels="votes"))["votes"]) == 64


def test_the_effective_prior_is_that_of_the_votes(study):
    """Of each class 7 of 10 votes stay, and 3 go to the next one, disgust's to happy and sad's to angry."""
    voted()
    hard, soft = (study(labels).tasks[0].effective_prior for labels in ("hard", "votes"))
    shares = np.array(list(hard.values()))
    np.testing.assert_allclose(list(soft.values()), 0.7 * shares + 0.3 * np.roll(shares, 1), atol=1e-4)
    weighted = study("votes").tasks[1]
    assert not any("no-op" in warning for warning in weighted.warnings)
    assert not study("votes").tasks[0].warnings


def test_votes_and_noise_in_labels_exclude_each_other():
    with pytest.raises(UserError, match="label_noise disturbs labels, which are not trained on then"):
        check_votes(draw_faces(), Recipe(labels="votes"), noise=True)
