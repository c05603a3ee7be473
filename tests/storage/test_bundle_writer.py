import hashlib
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from small_results import outputs, repeat, small_results, with_near_duplicates

from fer_bench.errors import UserError
from fer_bench.storage.bundle import Bundle, id_hashes
from fer_bench.storage.bundle_writer import write_bundle


def test_a_bundle_has_no_image_no_name_of_a_file_and_its_test_set_once(tmp_path):
    written = write_bundle(small_results(), "small", tmp_path / "results.zip")
    assert (written.repeats, written.whole, written.without) == (4, 0, 0)
    with zipfile.ZipFile(tmp_path / "results.zip") as file:
        names = file.namelist()
        everything = b"".join(map(file.read, names))
    assert [name for name in names if name.startswith("images")] == [
        f"images/0000/{name}.npy" for name in ("labels", "groups", "dedup", "ids", "val_labels")
    ]
    assert b"face_" not in everything, "images are named by hashes"


def test_the_same_results_make_the_same_bytes(tmp_path):
    for name in ("one.zip", "other.zip"):
        write_bundle(small_results(), "small", tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "other.zip").read_bytes()


def test_hashes_of_ids_are_the_first_64_bits_of_their_sha256():
    (found,) = id_hashes(np.array(["face_0.png"]))
    assert f"{found:016x}" == hashlib.sha256(b"face_0.png").hexdigest()[:16]


def test_logits_that_16_bits_would_decide_otherwise_keep_32(tmp_path):
    found = outputs("posthoc_adjustment")
    # 0.3 is added to the first, 0 to the third: 1e-5 decide, and 16 bits of -5.3 know no such step.
    logits = found.logits.copy()
    logits[0] = (-0.29999, -9, 0)
    near = replace(found, logits=logits, predicted=(logits + found.decision_offset).argmax(axis=1))
    assert near.predicted[0] == 0
    runs = small_results()
    kept = [runs.repeats[0], repeat("posthoc_adjustment", 0, outputs=lambda: near)]
    assert write_bundle(runs._replace(repeats=kept), "small", tmp_path / "results.zip").whole == 1


def test_a_run_without_all_that_logits_need_is_kept_by_its_decisions(tmp_path):
    def refuse():
        raise UserError("predictions.npz is broken")

    runs = small_results()
    old = [replace(runs.repeats[0], outputs=refuse), *runs.repeats[1:]]
    assert write_bundle(runs._replace(repeats=old), "small", tmp_path / "results.zip").without == 1


def test_a_bundle_is_written_completely_or_not_at_all(tmp_path):
    def refuse():
        raise UserError("gone")

    runs = small_results()
    broken = [*runs.repeats, replace(runs.repeats[0], outputs=refuse, predictions=refuse)]
    (tmp_path / "results.zip").write_text("what was there before")
    with pytest.raises(UserError, match="gone"):
        write_bundle(runs._replace(repeats=broken), "small", tmp_path / "results.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["results.zip"]
    assert (tmp_path / "results.zip").read_text() == "what was there before"


def test_colours_in_an_error_dont_keep_a_study_from_being_bundled(tmp_path):
    runs = small_results()
    failed = replace(runs.statuses[0], warnings=("failed trial 0: \x1b[31mNaN loss\x1b[0m",))
    noted = replace(
        runs.repeats[0], tags={**runs.repeats[0].tags, "notes": "خشم\u200cگین\x07 " + "n" * 30_000}
    )
    changed = runs._replace(statuses=[failed, *runs.statuses[1:]], repeats=[noted, *runs.repeats[1:]])
    write_bundle(changed, "small", tmp_path / "results.zip")
    found = Bundle(tmp_path / "results.zip").runs()
    assert found.statuses[0].warnings == ("failed trial 0:  [31mNaN loss [0m",)
    assert found.repeats[0].tags["notes"].startswith("خشم\u200cگین  nnn")


def test_where_it_cant_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"--out .*can't be written"):
        write_bundle(small_results(), "small", tmp_path / "file" / "results.zip")


def test_the_texts_are_json_that_any_program_reads(tmp_path):
    write_bundle(small_results(), "small", tmp_path / "results.zip")

    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    with zipfile.ZipFile(tmp_path / "results.zip") as file:
        study = json.loads(file.read("study.json"), parse_constant=refuse)
        logits = np.load(file.open("runs/0000/logits.npy"), allow_pickle=False)
    assert study["runs"][0]["history"][1]["loss"] is None
    assert logits.dtype == np.float16 and logits.shape == (60 + 90, 3)
    assert (logits.max(axis=1) == 0).all()


def test_near_duplicates_are_kept_with_the_images_of_which_they_are_known(tmp_path):
    runs = small_results()
    known = [*map(with_near_duplicates, runs.repeats[:2]), *runs.repeats[2:]]
    write_bundle(runs._replace(repeats=known), "small", tmp_path / "results.zip")
    bundle = Bundle(tmp_path / "results.zip")
    assert [of.near for of in bundle.study.images] == [True, False]
    assert (~bundle.predictions(0).images.near_dedup).sum() == 18
    assert bundle.predictions(2).images.near_dedup is None
    assert bundle.predictions(0).images.digest == bundle.predictions(2).images.digest
