"""The report in a browser: opened from its file, sorted, filtered, exported, and read by a machine."""

import csv
import io
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from board_analyses import BACKBONES, CLASSES, STRATEGIES, board_analysis
from browser import chromium, drawn, opened
from PIL import Image
from subgroup_records import example_with_attributes

from fer_bench.leaderboard.analysis import analyse
from fer_bench.report.page import render
from fer_bench.storage.records import StudyRuns

pytestmark = pytest.mark.browser

HOSTILE = (
    "</script><script>document.title='taken'</script>",
    "<img src=x onerror=\"document.title='taken'\">",
)
FIGURES = 15  # of a whole board
HEADINGS = "[id='1-leaderboard-table'] thead th"
ROWS = "[id='1-leaderboard-table'] tbody tr:not([hidden])"


def written(folder: Path, *boards, study="imbalance") -> Path:
    path = folder / "report.html"
    path.write_text(render(study, boards, StudyRuns([], [], []), "fer-bench report"), "utf-8")
    return path


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    first = board_analysis(BACKBONES[:2], STRATEGIES[:3])
    return written(
        tmp_path_factory.mktemp("report"), first, board_analysis(strategies=STRATEGIES[:2], dataset="b")
    )


@pytest.fixture(scope="module")
def page(browser, report):
    """The report as it opens, for tests that change no more than an order or a choice."""
    with opened(browser, report) as page:
        yield page


def column(page, place: int) -> list[str]:
    return [row.locator("th, td").nth(place).text_content() for row in page.locator(ROWS).all()]


def test_all_is_drawn_and_nothing_is_asked_for(page, report):
    assert page.locator("svg.marks").count() == 2 * FIGURES
    assert page.complaints == []
    assert page.asked[0] == report.as_uri()
    assert {address.partition(":")[0] for address in page.asked[1:]} <= {"data", "blob"}


def test_one_cell_is_chosen_for_its_matrices(page):
    rows = "[id='data-1-confusion'] tbody tr:not([hidden])"
    before = page.locator(f"{rows} th:first-child").first.text_content()
    other = page.locator("#cell-0 option").nth(3).inner_text()
    page.locator("#cell-0").select_option(other)
    drawn(page)
    assert page.locator(rows).count() == len(CLASSES)
    assert page.locator(f"{rows} th:first-child").first.text_content() == other != before


def test_rows_are_sorted_by_a_heading_with_blanks_last(page):
    heading = page.locator(HEADINGS, has_text="Gain")
    for order in ("descending", "ascending"):
        heading.get_by_role("button").press("Enter")
        assert heading.get_attribute("aria-sort") == order
        words = column(page, 5)
        numbers = [float(each.replace("\u2212", "-").rstrip("*")) for each in words if each]
        assert numbers == sorted(numbers, reverse=order == "descending")
        assert len(numbers) == 4
        assert words[4:] == ["", ""]
    page.locator(HEADINGS, has_text="Strategy").get_by_role("button").click()
    assert heading.get_attribute("aria-sort") is None
    assert column(page, 2) == sorted(column(page, 2))


def test_charts_are_saved_as_svg_png_and_csv(page):
    saved = {}
    for kind in ("svg", "png", "csv"):
        with page.expect_download() as download:
            page.locator(f"[data-exports='1-gains'] button:text-is('{kind.upper()}')").click()
        assert download.value.suggested_filename == f"imbalance-1-gains.{kind}"
        saved[kind] = Path(download.value.path()).read_bytes()
    assert page.complaints == []
    words = " ".join(ET.fromstring(saved["svg"]).itertext())
    assert "Gain over none" in words
    assert "oversampling · vgg16" in words
    picture = Image.open(io.BytesIO(saved["png"]))
    assert picture.width > 1500
    assert picture.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    rows = list(csv.DictReader(io.StringIO(saved["csv"].decode())))
    assert [row["strategy"] for row in rows].count("class_weights") == 2
    assert len(rows) == 4
    assert all(float(row["low"]) < float(row["value"]) < float(row["high"]) for row in rows)


def test_the_policy_lets_no_connection_out(page):
    assert page.evaluate("fetch('https://example.com/').then(() => 'out', () => 'refused')") == "refused"
    page.complaints.clear()


def test_the_filter_is_kept_in_the_address_and_read_from_it(browser, report):
    with opened(browser, report) as page:
        page.get_by_label("class_weights").check()
        page.get_by_label("vgg16").check()
        assert page.evaluate("location.hash") == "#backbone=vgg16&strategy=class_weights"
        assert column(page, 2) == ["class_weights"]
        assert page.locator("#shown").inner_text() == "1 of 8 cells"
        assert "No cell of this board" in page.locator("#board-2 .empty").inner_text()
        drawn(page)
        chart = page.locator("[data-figure='1-f1'] svg").text_content()
        assert "class_weights · vgg16" in chart
        assert "none" not in chart
        page.get_by_role("link", name="Who pays").first.click()
        address = page.evaluate("location.hash")
        assert address == "#1-who-pays&backbone=vgg16&strategy=class_weights"
        page.get_by_role("button", name="Show all").click()
        assert page.locator(ROWS).count() == 6
        assert page.evaluate("location.hash") == "#1-who-pays"
    with opened(browser, report, address) as page:
        assert column(page, 2) == ["class_weights"]
        assert page.get_by_label("vgg16").is_checked()
        assert not page.get_by_label("mobilenet_v2").is_checked()


def test_a_filter_of_names_that_are_not_there_shows_all(browser, report):
    with opened(browser, report, "#strategy=none_such&x=<b>&%") as page:
        assert page.locator(ROWS).count() == 6
        assert page.complaints == []


@pytest.mark.parametrize(
    ("scheme", "width"), [("dark", 400), pytest.param("light", 1400, marks=pytest.mark.slow)]
)
def test_each_theme_can_be_read_in_narrow_and_wide_windows(browser, tmp_path, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    small = [board_analysis(strategies=STRATEGIES[:2], classes=CLASSES[:3], dataset=name) for name in "ab"]
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    with opened(browser, written(tmp_path, *small), **options) as page:
        page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
        found = axe.run(page, context={"exclude": [[".chart svg"]]}).response["violations"]  # they are hidden
        assert [(each["id"], each["nodes"][0]["html"][:200]) for each in found] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        ink = page.locator("[data-figure='1-gains'] svg text").first.get_attribute("fill")
        assert (paper, ink) == {
            "light": ("rgb(255, 255, 255)", "#59636e"),
            "dark": ("rgb(20, 24, 30)", "#9da7b3"),
        }[scheme]


def test_without_scripts_all_tables_can_be_read(browser, report):
    with opened(browser, report, java_script_enabled=False) as page:
        assert page.locator(ROWS).count() == 6
        assert not page.locator(".chart, [data-exports] button, .filter, select").filter(visible=True).count()
        page.locator("#figure-1-gains summary").click()
        assert page.locator("[id='data-1-gains'] tbody tr").filter(visible=True).count() == 4


def test_names_are_words_whatever_they_are(browser, tmp_path):
    board = board_analysis(strategies=("none", *HOSTILE), classes=("a", *HOSTILE), dataset=HOSTILE[0])
    with opened(browser, written(tmp_path, board, study=HOSTILE[1])) as page:
        assert page.title() == f"{HOSTILE[1]} · fer-bench report"
        assert set(column(page, 1)) == {"none", *HOSTILE}
        page.locator("#filter input").first.check()
        drawn(page)
        page.locator("[data-figure='1-gains'] svg .mark-symbol path").first.hover(force=True)
        assert page.locator("#vg-tooltip-element").text_content().count("taken") == 1
        assert page.locator("img").count() == 0
        assert page.title() != "taken"


def test_choosers_of_a_cell_in_two_sections_agree(browser, tmp_path):
    with opened(browser, written(tmp_path, *analyse(*example_with_attributes()))) as page:
        page.locator("#cell-0-1").select_option("2")
        drawn(page)
        assert page.locator("#cell-0").input_value() == "2"
        for figure in ("confusion", "group_classes"):
            shown = page.locator(f"[id='data-1-{figure}'] tbody tr:not([hidden])")
            assert {row.get_attribute("data-c") for row in shown.all()} == {"2"}
        assert page.complaints == []
