"""The report of a comparison: drawings by their numbers, and the page in a browser."""

import math
from typing import Any

import pytest

from searchitect.comparison import compare
from searchitect.reports.comparison import draw_main
from searchitect.reports.comparison_charts import anytime_views, dash_of, tone_of
from searchitect.reports.comparison_drawings import cliques, draw_ranks, spread
from tests.benchmarks.tables import ones_table

from .test_report_in_a_browser import opened


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("comparison")
    return compare(ones_table(7), "random,regularized-evolution,asha", queries=25, seeds=6, out=folder / "out")


def test_a_bar_joins_the_ranks_that_are_closer_than_the_critical_difference() -> None:
    # Demsar 2006, figure 1 (a): ranks 1.964, 2.000, 2.893, 3.143 with a critical difference of 1.25
    assert cliques([1.964, 2.0, 2.893, 3.143], 1.25) == [(0, 3)]
    assert cliques([1.964, 2.0, 2.893, 3.143], 1.15) == [(0, 2), (1, 3)]
    assert cliques([1.964, 2.0, 2.893, 3.143], 1.0) == [(0, 2), (2, 3)]
    assert cliques([1, 2, 3], 0.5) == []
    assert cliques([1, 1.4, 2.0, 2.2], 0.7) == [(0, 1), (1, 2), (2, 3)]


def test_the_rank_diagram_names_every_strategy() -> None:
    ranking = {"strategies": ["a", "b", "c"], "ranks": [2.5, 1.0, 2.5], "critical_difference": 1.3}
    drawing = draw_ranks(ranking)
    assert all(f">{name}</text>" in drawing for name in "abc")
    assert "critical difference 1.30" in drawing
    assert "critical" not in draw_ranks(ranking | {"critical_difference": None})


def test_labels_are_pushed_apart_and_stay_within() -> None:
    assert spread([10, 11, 50], 5, 0, 100) == [10, 15, 50]
    assert spread([98, 99, 100], 5, 0, 100) == [90, 95, 100]
    assert spread([0, 0, 0], 50, 0, 60) == [0, 50, 100]  # too many: they go on below


def test_strategies_beyond_the_colours_are_dashed() -> None:
    assert tone_of(3) == tone_of(13)
    assert (dash_of(3), bool(dash_of(13))) == ("", True)


def test_regret_is_positive_on_its_logarithmic_axis_and_falls_to_the_floor_at_the_optimum(found: Any) -> None:
    task = found.record["tasks"][0]
    views = anytime_views(task, list(found.record["strategies"]))
    assert list(views) == ["regret / evaluations", "test score / evaluations", "regret / time", "test score / time"]
    view = views["regret / evaluations"]
    assert view["y"]["log"]
    values = [value for layer in view["layers"] for row in layer["rows"] for value in row[1:]]
    assert min(values) >= 100 * task["regret"]["floor"] * 0.999
    line = next(layer for layer in view["layers"] if layer["name"] == "random")
    last = task["anytime"]["evaluations"]["random"]["median"][-1]
    assert line["rows"][-1][1] == pytest.approx(100 * max(task["optimum"]["test"] - last, task["regret"]["floor"]), rel=1e-4)
    assert all(math.isfinite(value) for value in values)


def test_the_main_picture_has_a_line_for_each_strategy_and_needs_no_style_variables(found: Any) -> None:
    drawing = draw_main(found.record)
    assert drawing is not None
    for name in found.record["strategies"]:
        assert f">{name}</text>" in drawing
    assert "var(" not in drawing.split("</style>")[1]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_every_chart_of_a_comparison_is_drawn(browser: Any, found: Any, width: int, scheme: str) -> None:
    with opened(browser, found.folder / "report.html", width, scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for chart in ("anytime-0", "correlation-0"):
            for button in page.locator(f"#chart-{chart} .toggle button").all():
                button.click()
                assert page.locator(f"#chart-{chart} .plot :is(circle, path)").count() > 5
        page.locator("#chart-anytime-0 .toggle button").first.click()
        assert page.locator("#chart-anytime-0 .legend span", has_text="random").count() > 0
        labels = page.locator("#chart-anytime-0 .plot text").all_text_contents()
        assert any("logarithmic" in text for text in labels)
