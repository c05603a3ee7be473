"""What MLflow's page opens with, in the words that it keeps a view in."""

import json

from fer_bench.storage.mlflow_view import VIEW, show_cells_first


class Tags(dict[str, str]):
    """Takes the place of a tracker."""

    def tag_experiment(self, key: str, value: str) -> None:
        self[key] = value


def view(*classes: str):
    show_cells_first(tags := Tags(), classes)
    ((key, value),) = tags.items()
    assert key == f"mlflow.sharedViewState.{VIEW}" and len(value) < 5000, (
        "as much as a server's database takes"
    )
    return json.loads(value)


def test_cells_come_first_with_their_backbone_strategy_and_classes():
    found = view("sad", "angry")
    assert found["searchFilter"] == 'tags.`fer_bench.kind` = "cell"'
    names = ["params.`backbone`", "params.`strategy`", "metrics.`macro_f1`"]
    assert found["selectedColumns"][:5] == [*names, "metrics.`f1/angry`", "metrics.`f1/sad`"]
    assert set(found["selectedColumns"]) < set(found["columnOrder"]) == set(found["columnWidths"])


def test_bars_are_drawn_of_all_cells_and_every_class():
    found = view("sad", "angry")
    assert found["runsHiddenMode"] == "SHOW_ALL"
    shown = {section["uuid"] for section in found["compareRunSections"] if section["display"]}
    charts = [chart["metricKey"] for chart in found["compareRunCharts"]]
    assert charts[0] == "macro_f1" and charts[-2:] == ["f1/angry", "f1/sad"]
    assert {chart["metricSectionId"] for chart in found["compareRunCharts"]} == shown


def test_many_classes_fit_into_the_tag():
    assert len(view(*map(str, range(8)))["compareRunCharts"]) == 4 + 8
