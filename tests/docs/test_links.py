"""Documents lead somewhere: links, headings, paths and pictures are there; lines and the README are short."""

import re
from pathlib import Path

import pytest
from documents import DOCUMENTS, ROOT
from PIL import Image

WIDEST, LONGEST = 120, 250  # characters of a line but in tables, lines of the README
PATH = r"(?:(?:fer_bench|tests|experiments|mlruns|\.ci|\.github)/[\w./]+)"


def prose(text: str) -> str:
    """A document without its code blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(text: str) -> set[str]:
    """Anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    words = [re.sub(r"\[(.*?)\]\(.*?\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", each).replace(" ", "-") for each in words}


def links(text: str) -> list[str]:
    return re.findall(r"\]\((\S+?)\)", prose(text))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_to_files_and_headings_that_exist(name):
    for link in links(DOCUMENTS[name]):
        if re.match(r"https://|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text("utf-8")), link


def test_readme_leads_to_every_other_document():
    linked = {link.partition("#")[0] for link in links(DOCUMENTS["README.md"])}
    templates = {name for name in DOCUMENTS if name.startswith(".github/")} - {".github/CONTRIBUTING.md"}
    assert linked >= DOCUMENTS.keys() - templates - {"README.md"}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_paths_named_in_passing_exist(name):
    text = re.sub(
        r"<!-- file: .*?```\n.*?```", "", DOCUMENTS[name], flags=re.DOTALL
    )  # examples, not there yet
    words = re.findall(r"`([^`\n]+)`", prose(text))
    words += re.findall(r"^```(?:sh|bash)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    for path in {path for each in words for path in re.findall(rf"(?<![\w/.]){PATH}", each)}:
        if not path.startswith("mlruns/"):  # its files come with the first run
            assert (ROOT / path).exists(), path


@pytest.mark.parametrize("name", DOCUMENTS)
def test_lines_are_short(name):
    long = [line for line in DOCUMENTS[name].splitlines() if len(line) > WIDEST and not line.startswith("|")]
    assert not long


def test_readme_is_short_and_its_picture_is_small():
    readme = DOCUMENTS["README.md"]
    assert len(readme.splitlines()) <= LONGEST
    (picture,) = re.findall(r"!\[.+?\]\((\S+)\)", readme)
    assert (ROOT / picture).stat().st_size < 150_000
    assert Image.open(ROOT / picture).width >= 600


def test_no_document_lies_elsewhere():
    hidden = {"node_modules", "build", "dist"}
    found = {
        str(path.relative_to(ROOT))
        for folder in ("experiments", "fer_bench", "tests", ".github", ".ci")
        for path in Path(ROOT, folder).rglob("*.md")
        if not hidden & set(path.parts)
    }
    assert found <= DOCUMENTS.keys()
