"""CI runs what the gate runs: its jobs are words of `.ci/run`, on every Python that is supported."""

import re
import subprocess
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
JOBS = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))["jobs"]
GATE = ROOT / ".ci" / "run"


def test_ci_runs_words_of_the_gate_and_nothing_else():
    commands = {step["run"] for job in JOBS.values() for step in job["steps"] if "run" in step}
    matrix = JOBS["gate"]["strategy"]["matrix"]
    parts = {*matrix["part"], *(row["part"] for row in matrix["include"])}
    assert commands == {".ci/run ${{ matrix.part }}", ".ci/run slow"}
    described = re.findall(r"^#   \.ci/run (\w+)", GATE.read_text(encoding="utf-8"), re.MULTILINE)
    assert {*parts, "slow"} == set(described)


def test_ci_begins_with_the_lowest_python():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    matrix = JOBS["gate"]["strategy"]["matrix"]
    assert project["requires-python"] == f">={matrix['python'][0]}"
    assert {row["python"] for row in matrix["include"]} == {matrix["python"][0]}


def test_the_gate_refuses_a_word_it_does_not_know():
    done = subprocess.run(["bash", GATE, "fast"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        2,
        "error: .ci/run takes lint, tests, lowest or slow, not 'fast'\n",
    )
