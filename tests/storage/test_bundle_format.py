import json
import zipfile

import pytest
from small_results import rewritten, small_results

from fer_bench.errors import UserError
from fer_bench.storage.bundle import Bundle
from fer_bench.storage.bundle_writer import write_bundle


@pytest.fixture
def path(tmp_path):
    write_bundle(small_results(), "small", tmp_path / "results.zip")
    return tmp_path / "results.zip"


def refusal(path):
    with pytest.raises(UserError) as found:
        Bundle(path)
    assert "\n" not in str(found.value) and str(found.value).isprintable()
    return str(found.value)


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (lambda m: m.update(version=2), "has version 2 of its format, and this fer-bench reads 1"),
        (lambda m: m.update(version=-1), "has version -1"),
        (lambda m: m.update(format="other results"), "says 'other results'"),
        (lambda m: m.pop("format"), "manifest.json: format: Field required"),
        (lambda m: m.update(run="rm -rf /"), "run: Extra inputs"),
        (lambda m: m["members"].pop("study.json"), "its manifest and its members differ in 'study.json'"),
        (lambda m: m["members"].update({"../x": "0" * 64}), "differ in '../x'"),
        (lambda m: m["members"].update({"study.json": "short"}), "members.study.json"),
        (lambda m: m.update(study="\x1b[2J"), "control characters"),
    ],
)
def test_manifests_that_arent_ours(path, manifest, said):
    assert said in refusal(rewritten(path, lambda members: None, manifest))


def edited(path, change):
    def edit(members):
        study = json.loads(members["study.json"])
        change(study)
        members["study.json"] = json.dumps(study).encode()

    return rewritten(path, edit)


def test_a_bundle_that_is_older_than_training_sets_is_read(path):
    def older(study):
        for each in (*study["statuses"], *study["trials"], *study["runs"]):
            for name in ("imbalance_ratio", "imbalance_profile", "label_noise"):
                del each["board"][name]

    runs = Bundle(edited(path, older)).runs()
    assert {each.board["imbalance_ratio"] for each in (*runs.statuses, *runs.repeats)} == {""}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s["images"][0].update(test=10**12), "images.0.test"),
        (lambda s: s["images"][0].update(test=-1), "images.0.test"),
        (lambda s: s["images"][0].update(test="90"), "images.0.test"),
        (lambda s: s["images"].append(s["images"][0]), "differ in 'images/0001/dedup.npy'"),
        (lambda s: s["runs"].pop(), "differ in 'runs/0003/logits.npy'"),
        (lambda s: s["runs"][0].update(images=5), "run 0 doesn't fit its images"),
        (lambda s: s["runs"][0].update(images=-1), "runs.0.images"),
        (lambda s: s["runs"][0].update(classes=["a", "b"]), "run 0 doesn't fit"),
        (lambda s: s["runs"][0].update(classes=["c"] * 2000), "runs.0.classes"),
        (lambda s: s["runs"][0].update(logits="|O"), "runs.0.logits"),
        (lambda s: s["runs"][0]["board"].update(label_noise="much"), "label_noise 'much', expected a number"),
        (lambda s: s["trials"][0]["board"].update(imbalance_ratio="0"), "imbalance_ratio '0', expected a n"),
        (lambda s: s["runs"][0].update(logits=None), "differ in 'runs/0000/logits.npy'"),
        (lambda s: s["runs"][0].update(backbone="\x1b]0;title\x07"), "control characters"),
        (lambda s: s["runs"][0].update(predictions="os.system"), "runs.0.predictions"),
        (lambda s: s["runs"][0]["metrics"].update({"test/f1/\x1b[2J": 0.5}), "control characters"),
        (lambda s: s["runs"][0]["tags"].update({"": "0"}), "runs.0.tags"),
        (lambda s: s["runs"][0]["board"].pop("study"), "hasn't the names of a board"),
        (lambda s: s["statuses"][0]["board"].update({"\x1b[2J": ""}), "hasn't the names of a board"),
        (lambda s: s["runs"][0]["tags"].update(val_twins="many"), "runs.0.tags"),
        (lambda s: s["runs"][0]["tags"].update(honest_ceiling="high"), "runs.0.tags"),
        (lambda s: s["runs"][0]["tags"].update(reported="{"), "runs.0.tags"),
        (lambda s: s["runs"][0]["tags"].update(reported='{"accuracy": "high"}'), "tag reported can't be"),
        (lambda s: s["runs"][0]["tags"].update(versions="[" * 20_000), "tag versions can't be"),
        (lambda s: s["statuses"][0].update(strategy="\x9b31m"), "control characters"),
        (lambda s: s["statuses"][0].update(repeats_done=10**30), "beyond all counts"),
        (lambda s: s["trials"][0].update(value=1e300), "beyond all counts"),
        (lambda s: s["runs"][0].update(started=10**400), "runs.0.started"),
        (lambda s: s["statuses"][0].update(trials_done="two"), "statuses.0.trials_done"),
        (lambda s: s.pop("trials"), "trials"),
    ],
)
def test_studies_that_arent_ours(path, change, said):
    assert said in refusal(edited(path, change))


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"study": NaN}', b"{" * 9 + b"}" * 9],
    ids=len,
)
def test_texts_that_are_no_json_or_too_deep(path, content):
    for name in ("study.json", "manifest.json"):
        changed = path.with_name("changed.zip")
        with zipfile.ZipFile(path) as file, zipfile.ZipFile(changed, "w") as other:
            for each in file.namelist():
                other.writestr(each, content if each == name else file.read(each))
        assert name in refusal(changed)


def test_the_manifest_says_what_the_study_was_and_by_whom(path):
    manifest = Bundle(path).manifest
    assert (manifest.study, manifest.data_fingerprints) == ("small", ("f" * 64,))
    assert set(manifest.made_by) == {"commit", "fer-bench"}
    assert len(manifest.test_images) == 1
