"""What the page says and shows of boards that differ in their training sets alone."""

import json

import pytest
from dose_boards import SKILLS, dose_runs

from fer_bench.leaderboard.analysis import analyse_boards
from fer_bench.leaderboard.dose_response import dose_responses
from fer_bench.leaderboard.ranking import find_boards
from fer_bench.report.dose_response import baseline, dose_page, grown, limits
from fer_bench.report.dose_view import DoseView
from fer_bench.report.page import render
from fer_bench.storage.records import StudyRuns


def view(*args, **options):
    (response,) = dose_responses(find_boards(*dose_runs(*args, **options)))
    return DoseView(response, 4)


@pytest.fixture(scope="module")
def ratios():
    return view()


def test_heading_and_facts_name_what_is_compared(ratios):
    assert ratios.heading == "Dose-response: imbalance ratio 1 to 16, fer2013, split official, budget quick"
    assert ratios.facts == ["3 boards", "600 training images on each board"]
    noise = view({name: {"0": 0.6, "0.4": 0.5} for name in SKILLS}, knob="label_noise")
    assert noise.heading.startswith("Dose-response: label noise 0 % to 40 %,")


def test_the_answer_says_what_none_loses_and_whose_gain_rises(ratios):
    words = baseline(ratios)
    first, last = (
        ratios.points_of("score").query("strategy == 'none'")["value"].iloc[end] for end in (0, -1)
    )
    assert words.startswith(f"`none` has a macro-F1 of {100 * first:.1f} % at a ratio of 1 and of ")
    assert f"{100 * last:.1f} % at 16: " in words and words.endswith(" points per doubling of the ratio.")
    words = grown(ratios)
    assert words.startswith("With the imbalance ratio, the gain over `none` rises for `oversampling` (+")
    assert " at 16). For the other no change can be told." in words and "(5 % for all 2 together)" in words


def test_where_nothing_can_be_told_it_says_so():
    alike = view({name: SKILLS["none"] for name in SKILLS})
    assert grown(alike) == (
        "No gain over `none` can be told to rise or fall with the imbalance ratio (5 % for all 2 together)."
    )
    alone = grown(view({"none": SKILLS["none"], "oversampling": SKILLS["none"]}))
    assert alone.endswith("with the imbalance ratio (5 %).")
    assert grown(view(repeats=1)) == "", "one repeat has no intervals"
    assert "points per doubling" in baseline(view(repeats=1))


def test_the_limits_say_where_amounts_differ(ratios):
    assert "rarity and amount" not in limits(ratios)
    first, second = dose_runs({"none": {"1": 0.5}}), dose_runs({"none": {"4": 0.5}}, images="900/400/500")
    (response,) = dose_responses(find_boards(*(a + b for a, b in zip(first, second, strict=True))))
    assert "rarity and amount are mixed" in limits(DoseView(response, 1))


def test_boards_that_have_no_strategy_in_common_are_shown_without_slopes():
    page = dose_page(view({"none": {"1": 0.5}, "smote": {"4": 0.5}}))
    assert page.answer.startswith("No slope can be told yet")
    assert [figure.name for figure in page.figures] == ["response_macro_f1", "response_rarest_class_recall"]


def test_figures_have_their_rows_as_tables(ratios):
    page = dose_page(ratios)
    assert [figure.name for figure in page.figures] == [
        "response_macro_f1", "gains", "slopes", "response_rarest_class_recall"
    ]  # fmt: skip
    lines, gains, slopes, _ = page.figures
    assert len(lines.table.rows) == 9 and len(gains.table.rows) == 6 and len(slopes.table.rows) == 2
    assert lines.data["shown"][:3] == [1, 4, 16]
    none = ratios.cells.index[ratios.cells["strategy"] == "none"][0]
    beside = [value for c, value in zip(lines.data["c"], lines.data["none"], strict=True) if c == none]
    assert beside == [None] * 3, "none beside itself says nothing"
    assert set(gains.data["at"]) == {"ratio 1", "ratio 4", "ratio 16"}
    assert dict(zip(slopes.data["c"], slopes.data["verdict"], strict=True)) == {
        c: "rises" if name == "oversampling" else "not told from 0"
        for c, name in enumerate(ratios.cells["strategy"])
        if name != "none"
    }


def test_the_page_shows_them_before_the_boards_and_counts_their_cells_once():
    statuses, repeats = dose_runs()
    boards = find_boards(statuses, repeats)
    text = render(
        "doses", analyse_boards(boards), StudyRuns(statuses, repeats, []), "fer-bench report",
        dose_responses(boards),
    )  # fmt: skip
    order = [text.index(f'<article class="board" id="board-{place}"') for place in (4, 1, 2, 3)]
    assert order == sorted(order)
    data = json.loads(text.split('<script type="application/json" id="page-data">')[1].split("</script>")[0])
    assert [board["across"] for board in data["boards"]] == [False, False, False, True]
    assert {"4-response_macro_f1", "4-gains", "4-slopes"} < data["figures"].keys()
    assert "imbalance ratio 4: fer2013, split official" in text
