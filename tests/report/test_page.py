"""The page as text: whole, small, without addresses, and whatever names hold."""

import hashlib
import html
import json
import re
import time
from base64 import b64encode
from html.parser import HTMLParser

import pytest
from board_analyses import BACKBONES, STRATEGIES, board_analysis
from leaderboard_records import example

from fer_bench.errors import UserError
from fer_bench.leaderboard.analysis import analyse
from fer_bench.report.page import check_html, content_policy, prose, render
from fer_bench.storage.records import StudyRuns

NO_RUNS = StudyRuns([], [], [])
SECTIONS = ("answer", "leaderboard", "gains", "causes", "who-pays", "cell", "trade-offs", "cost", "data")


def page(*boards, runs=NO_RUNS, study="imbalance", again="fer-bench report") -> str:
    return render(study, boards, runs, again)


def scripts(text: str) -> list[str]:
    return re.findall(r"<script>(.*?)</script>", text, re.DOTALL)


class Outline(HTMLParser):
    """Tags that are open at the end, ids, and the attributes of each tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.ids, self.tags = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        self.ids += [attributes["id"]] if "id" in attributes else []
        if tag not in ("meta", "input", "br", "img", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def whole() -> str:
    return page(
        board_analysis(BACKBONES[:2], STRATEGIES[:3]), board_analysis(strategies=STRATEGIES[:2], dataset="b")
    )


def test_the_page_is_well_formed_and_every_link_leads_somewhere(whole):
    outline = Outline(whole)
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    targets = {attributes["href"][1:] for tag, attributes in outline.tags if tag == "a"}
    assert targets <= set(outline.ids)
    assert {f"{board}-{name}" for board in (1, 2) for name in SECTIONS} <= set(outline.ids)


def test_each_table_has_a_caption_and_headings_with_a_scope(whole):
    tables = re.findall(r"<table.*?</table>", whole.partition("<script")[0], re.DOTALL)
    assert len(tables) > 30
    for table in tables:
        assert re.search(r"<caption[^>]*>[^<]", table)
        assert not re.search(r"<th(?! scope=\"(?:col|row)\")[ >]", table)


def test_each_chart_has_words_a_table_and_a_specification(whole):
    data = json.loads(re.search(r'id="page-data">(.*?)</script>', whole, re.DOTALL)[1])
    charts = [attributes for tag, attributes in Outline(whole).tags if "data-figure" in attributes]
    assert {chart["data-figure"] for chart in charts} == set(data["figures"])
    assert all(chart["role"] == "img" and chart["aria-label"] for chart in charts)
    for figure in data["figures"].values():
        assert figure["spec"]
        assert len({len(values) for values in figure["data"].values()}) == 1


def test_the_policy_names_the_scripts_of_the_page_and_nothing_else(whole):
    policy = html.unescape(re.search(r'Content-Security-Policy" content="(.*?)"', whole)[1])
    hashes = [
        f"'sha256-{b64encode(hashlib.sha256(each.encode()).digest()).decode()}'" for each in scripts(whole)
    ]
    assert len(hashes) == 2
    assert policy == content_policy(scripts(whole))
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"].split() == hashes
    assert "connect-src" not in rules  # so it is the default's


def test_nothing_is_loaded_from_anywhere(whole):
    for tag, attributes in Outline(whole).tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base")
        assert "src" not in attributes
        assert attributes.get("href", "#").startswith("#")
    assert "url(" not in re.search(r"<style>(.*?)</style>", whole, re.DOTALL)[1]


def test_names_are_escaped_in_words_and_in_json():
    hostile = "</script><script>alert(1)</script>\"'&"
    board = board_analysis(strategies=("none", hostile), classes=("a", hostile), dataset=hostile)
    text = page(board, study=hostile, again=hostile)
    assert len(scripts(text)) == 2
    assert "<script>alert" not in text
    data = json.loads(re.search(r'id="page-data">(.*?)</script>', text, re.DOTALL)[1])
    assert data["study"] == hostile
    assert {cell["strategy"] for cell in data["boards"][0]["cells"]} == {"none", hostile}
    Outline(text)


def test_names_between_backticks_are_code_and_all_else_is_text():
    assert prose("`a<b` is < `c`") == "<code>a&lt;b</code> is &lt; <code>c</code>"


def test_sixteen_cells_are_small_and_two_hundred_are_made_in_time():
    sixteen = page(board_analysis(BACKBONES, STRATEGIES[:4]))
    assert len(sixteen.encode()) < 3e6
    many = board_analysis(
        [f"backbone_{i}" for i in range(10)], ["none", *(f"strategy_{i}" for i in range(19))]
    )
    began = time.process_time()
    text = page(many)
    assert time.process_time() - began < 60
    assert len(text.encode()) < 10e6


def test_what_was_really_analysed_can_be_shown_also_unfinished():
    runs = StudyRuns(*example(), [])
    text = page(*analyse(*runs), runs=runs)
    Outline(text)
    words = html.unescape(re.sub(r"<[^>]+>", "", text))
    assert "cells have no rank, such as" in words
    assert "collapsed: 3 of 3 repeats predict one class only" in words
    assert "Ensembles of the repeats" in words
    assert "fer-bench run --study imbalance" in words


def test_a_study_of_which_nothing_was_tested_says_so():
    statuses = example()[0]
    text = page(runs=StudyRuns(statuses, [], []))
    assert f"none of {len(statuses)} planned cells has a finished repeat" in text
    Outline(text)


def test_a_path_that_can_hold_no_page_is_refused(tmp_path):
    check_html(tmp_path / "new" / "report.html")
    for path in (tmp_path, tmp_path / "report.csv"):
        with pytest.raises(UserError, match=r"such as report\.html"):
            check_html(path)
