"""The report as a reader sees it, in headless Chromium."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from searchitect.reports import ReportData, write_report
from searchitect.spaces import find_published

from .conftest import make_result, make_run_record, make_trials

CHARTS = ["progress", "baseline", "trade-off", "curves"]


@contextmanager
def opened(browser: Any, path: Path, width: int = 1280, scheme: str = "light") -> Iterator[Any]:
    """The page; any message on the console, any error and any request but for the file itself fail the test."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda request: troubles.append(request.url) if request.url != path.as_uri() else None)
    page.goto(path.as_uri())
    page.wait_for_function("document.querySelectorAll('.plot').length === document.querySelectorAll('.plot svg').length")
    yield page
    assert troubles == []
    page.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    trials = make_trials(150)
    return write_report(
        ReportData(make_run_record(), trials, make_result(trials)), tmp_path_factory.mktemp("run") / "report.html"
    )


def ids(page: Any) -> list[int]:
    found: list[int] = page.evaluate(
        "[...document.querySelectorAll('#trial-table tbody tr[id]:not([hidden])')].map(r => +r.id.slice(1))"
    )
    return found


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "light"), (390, "dark")])
def test_every_figure_is_drawn_and_the_page_does_not_scroll_sideways(
    browser: Any, report: Path, width: int, scheme: str
) -> None:
    with opened(browser, report, width, scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("[...document.querySelectorAll('.chart')].map(f => f.dataset.chart)") == CHARTS
        for chart in CHARTS:
            marks = page.locator(f"#chart-{chart} .plot :is(circle, path)").count()
            assert marks > 3, chart
            assert page.locator(f"#chart-{chart} .plot").get_attribute("aria-label")
            outside = page.evaluate(
                "id => { const box = document.querySelector(`#chart-${id}`).getBoundingClientRect();"
                "return [...document.querySelectorAll(`#chart-${id} .plot text`)].filter(t => { const b = t.getBoundingClientRect();"
                "return b.left < box.left || b.right > box.right; }).map(t => t.textContent) }",
                chart,
            )
            assert outside == [], chart
        assert page.locator(".drawing svg.arch").bounding_box()["width"] > 300
        light = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(246, 248, 250)"
        assert light is (scheme == "light")


@pytest.mark.parametrize("width", [1280, 390])
def test_cells_are_drawn_at_a_legible_size_and_scroll_inside_their_figure(browser: Any, tmp_path: Path, width: int) -> None:
    trials = make_trials(12)
    result = make_result(trials)
    _, result["winner"]["spec"] = find_published("darts-v2").make()
    path = write_report(ReportData(make_run_record(), trials, result), tmp_path / "report.html")
    with opened(browser, path, width) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator(".drawing svg.arch").count() == 2
        drawing = page.locator(".cells svg")
        natural = float(drawing.get_attribute("width"))
        assert drawing.bounding_box()["width"] >= min(natural, 0.77 * natural if width < natural else natural)
        cut = page.evaluate(
            "[...document.querySelectorAll('.cells .op')].filter(g => { const t = g.querySelector('text').getBBox(),"
            " b = g.querySelector('rect').getBBox(); return t.width > Math.max(b.width, b.height) - 4 }).length"
        )
        assert cut == 0  # in the fonts of this machine


def test_columns_sort_by_value_both_ways_with_what_is_missing_last(browser: Any, report: Path) -> None:
    scores = {t.id: t.metrics.get("accuracy") for t in make_trials(150)}
    with opened(browser, report) as page:
        assert ids(page) == list(range(150))
        button = page.locator("#trial-table th button", has_text="accuracy")
        button.click()
        there = [scores[n] for n in ids(page) if scores[n] is not None]
        assert [round(s, 5) for s in there] == sorted(round(s, 5) for s in there)
        button.click()
        order = ids(page)
        assert order[0] == max((n for n in scores if scores[n] is not None), key=lambda n: scores[n] or 0)
        missing = [n for n in scores if scores[n] is None]
        assert set(order[-len(missing) :]) == set(missing)
        assert button.locator("..").get_attribute("aria-sort") == "descending"


def test_filter_and_state_buttons_choose_rows(browser: Any, report: Path) -> None:
    trials = make_trials(150)
    with opened(browser, report) as page:
        page.fill("#filter", "NaN epoch")
        expected = [t.id for t in trials if "NaN" in t.reason]
        assert ids(page) == expected
        assert page.locator("#shown").text_content() == f"{len(expected)} of 150 rows"
        page.fill("#filter", "activation=silu")  # decisions are searched too
        assert ids(page) == [t.id for t in trials if t.architecture.decisions["activation"] == "silu"]
        page.fill("#filter", "")
        page.locator(".chips [data-state=complete]").click()
        assert ids(page) == [t.id for t in trials if t.state != "complete"]


def test_a_row_opens_to_its_decisions_with_the_keyboard(browser: Any, report: Path) -> None:
    trial = make_trials(150)[7]
    with opened(browser, report) as page:
        page.locator("#t7 button").focus()
        page.keyboard.press("Enter")
        shown = page.locator("tr.more").text_content()
        assert trial.key in shown
        for path, value in trial.architecture.decisions.items():
            assert path in shown
            assert str(value) in shown or isinstance(value, (bool, float))
        page.keyboard.press("Enter")
        assert page.locator("tr.more").count() == 0


def test_charts_answer_to_pointer_keys_and_toggle(browser: Any, report: Path) -> None:
    with opened(browser, report) as page:
        plot = page.locator("#chart-progress .plot")
        plot.focus()
        page.keyboard.press("ArrowRight")
        first = page.locator("#tip").text_content()
        assert first.startswith("Trial ")
        page.keyboard.press("ArrowRight")
        assert page.locator("#tip").text_content() != first
        page.keyboard.press("Escape")
        assert page.locator("#tip").is_hidden()
        page.locator("#chart-progress .toggle [data-view=time]").click()
        assert page.locator("#chart-progress .plot text", has_text="time").count() == 1
        circle = page.locator("#chart-trade-off .plot circle").nth(5)
        circle.scroll_into_view_if_needed()
        page.wait_for_timeout(100)
        box = circle.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        assert "latency: " in page.locator("#tip").text_content()


def test_hostile_names_do_not_run(browser: Any, tmp_path: Path) -> None:
    evil = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    trials = make_trials(20)
    for trial in trials:
        trial.reason = evil
    run = make_run_record() | {"name": evil, "command": evil}
    path = write_report(ReportData(run, trials, make_result(trials) | {"sentence": evil, "notes": [evil]}), tmp_path / "r.html")
    with opened(browser, path, 390) as page:
        page.locator("#t3 button").click()
        assert page.title() != "owned"
        assert page.locator("h1").text_content() == evil
        assert page.locator("img").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize(("count", "fail"), [(0, 0.0), (6, 1.0), (1, 0.0)])
def test_runs_without_results_open_without_errors(browser: Any, tmp_path: Path, count: int, fail: float) -> None:
    data = ReportData(make_run_record(), make_trials(count, fail=fail, infeasible=0), {})
    with opened(browser, write_report(data, tmp_path / "r.html"), 390) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.locator("#trial-table tbody tr").count() == count


def test_regression_draws_its_residuals(browser: Any, tmp_path: Path, make_run: Callable[..., ReportData]) -> None:
    data = make_run(30)
    residuals = {"actual": [float(n) for n in range(50)], "predicted": [n + 0.5 * (-1) ** n for n in range(50)]}
    data.result.update(confusion=None, residuals=residuals)
    with opened(browser, write_report(data, tmp_path / "r.html")) as page:
        assert page.locator("#chart-residuals .plot circle:not(.cursor)").count() == 50
