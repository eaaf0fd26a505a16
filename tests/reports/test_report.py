import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from searchitect.core import Architecture, Fidelity, RunError, Trial, TrialState
from searchitect.reports import ReportData, render_report, write_report

from .conftest import REASONS, make_result, make_run_record, make_trials

EVIL = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">&'"
VOID = {"meta", "input", "br", "img", "link", "hr"}


class Page(HTMLParser):
    """Collects what could run or load, and checks that every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.loads: list[str] = []
        self.handlers: list[str] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        fields = dict(attrs)
        self.loads += [str(v) for k, v in attrs if k in ("src", "href", "action", "data") and not str(v).startswith("#")]
        self.handlers += [k for k, _ in attrs if k.startswith("on")]
        self.ids += [str(fields["id"])] if "id" in fields else []
        if tag == "script":
            self.scripts.append(fields.get("type") or "script")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass  # shapes of the drawing

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)


def embedded(text: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    return json.loads(found.group(1))


def test_the_report_is_one_small_file_that_loads_nothing(make_run: Callable[..., ReportData], tmp_path: Path) -> None:
    path = write_report(make_run(150), tmp_path / "report.html")
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert page.loads == []
    assert page.handlers == []
    assert page.scripts == ["application/json", "script"]
    assert "url(http" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text
    assert len(set(page.ids)) == len(page.ids)
    assert path.stat().st_size < 400_000
    assert list(tmp_path.iterdir()) == [path]


def test_the_report_tells_what_was_found(make_run: Callable[..., ReportData]) -> None:
    data = make_run(150)
    text = render_report(data)
    words = " ".join(" ".join(Page(text).words).split()).replace("\u202f", " ")
    for said in (
        data.result["sentence"],
        data.result["baseline"]["sentence"],
        "test accuracy",
        "99.11 %",
        "validation 99.07 %",
        "23.4 k",
        data.run["command"],
        "selection_rule",
        data.result["strategy_notes"][0],
        REASONS[0],
        "Pareto front",
        "torch 2.13.0",
        "AMD EPYC 7B13",
    ):
        assert said in words
    assert text.count("<tr id=") == 150


def test_the_same_run_gives_the_same_report(make_run: Callable[..., ReportData]) -> None:
    assert render_report(make_run(60)) == render_report(make_run(60))


def test_networks_that_list_every_link_have_a_short_report() -> None:
    trials = make_trials(30)
    for trial in trials:
        trial.architecture = Architecture({"links": [[n, trial.id] for n in range(2_000)]})
    text = render_report(ReportData(make_run_record(), trials, make_result(trials)))
    assert "Too many decisions to tell: at most 500 can be told apart." in text
    details = embedded(text)["details"]
    assert {len(packed) // 2 for packed in details["trials"].values()} == {201}
    assert "in trials.csv" in details["values"]


def test_names_reasons_and_specs_with_markup_are_inert() -> None:
    trials = make_trials(30)
    for trial in trials:
        trial.reason = EVIL
        trial.metrics = {EVIL: 1.0, **trial.metrics}
        trial.architecture = Architecture({"op": EVIL, EVIL: 1}, {f"path{EVIL}": EVIL, "other": trial.id})
    trials[0].state = TrialState.FAILED
    result = make_result(trials)
    result |= {"sentence": EVIL, "notes": [EVIL], "strategy_notes": [EVIL], "protocol": {EVIL: {EVIL: [EVIL]}}}
    result["winner"] |= {"spec": {"op": EVIL, EVIL: [EVIL, {"kind": EVIL}]}, "key": EVIL}
    result["confusion"]["labels"] = [EVIL] * 10
    result["baseline"]["sentence"] = EVIL
    result["objectives"].append({"metric": EVIL, "direction": "max"})
    run = make_run_record() | {"name": EVIL, "command": EVIL, "created": EVIL, "versions": {EVIL: EVIL}, "sessions": [EVIL]}
    text = render_report(ReportData(run, trials, result))
    page = Page(text)
    assert page.scripts == ["application/json", "script"]
    assert page.handlers == []
    assert "<img" not in text
    assert "<script>document" not in text
    assert EVIL in embedded(text)["details"]["values"]


def test_every_part_of_the_result_may_be_missing(make_run: Callable[..., ReportData]) -> None:
    data = make_run(40)
    for part in data.result:
        for other in (None, ...):
            result = {k: v for k, v in data.result.items() if k != part} | ({} if other is ... else {part: None})
            Page(render_report(ReportData(data.run, data.trials[:11], result)))
    for part in data.run:
        Page(render_report(ReportData({**data.run, part: None}, data.trials[:5], data.result)))


@pytest.mark.parametrize(
    ("count", "fail", "said"),
    [
        (0, 0.0, "This run has no trials yet"),
        (8, 1.0, "None of the 8 trials so far is complete"),
        (20, 0.0, "best of 20 trials so far is"),
    ],
)
def test_an_interrupted_run_has_a_report_too(count: int, fail: float, said: str) -> None:
    text = render_report(ReportData(make_run_record(), make_trials(count, fail=fail, infeasible=0), {}))
    assert said in " ".join(Page(text).words)
    assert ("no final result yet" in text) is (count > 0)


def test_nothing_at_all_has_a_report_too() -> None:
    assert "This run has no trials yet" in render_report(ReportData())


def test_values_that_are_not_finite_do_not_spoil_the_data() -> None:
    trials = make_trials(20)
    trials[0].metrics |= {"accuracy": float("nan"), "params": float("inf")}
    trials[1].curve = [{"epoch": 1, "accuracy": float("nan")}, {"epoch": 2, "accuracy": 0.5}]
    trials[2].finished = None
    assert embedded(render_report(ReportData(make_run_record(), trials, {})))["charts"]["progress"]


def test_a_big_run_shows_the_best_and_the_failures_and_says_so(tmp_path: Path) -> None:
    trials = make_trials(20_000)
    data = ReportData(make_run_record(), trials, make_result(trials))
    path = write_report(data, tmp_path / "report.html")
    assert path.stat().st_size < 1_000_000
    text = path.read_text(encoding="utf-8")
    assert text.count("<tr id=") == 700
    assert text.count('data-s="failed"') == 200
    assert "trials.csv has all of them" in text
    best = max((t for t in trials if t.state is TrialState.COMPLETE), key=lambda t: t.metrics["accuracy"])
    assert f'id="t{best.id}"' in text


def test_regression_shows_residuals_and_the_smaller_error_is_better() -> None:
    trials = []
    for number in range(15):
        architecture = Architecture({"width": number}, {"width": number})
        metrics = {"rmse": 10.0 + number, "r2": 0.5}
        trials.append(
            Trial(
                number, architecture, architecture.key, Fidelity(1), 0, state=TrialState.COMPLETE, metrics=metrics, finished=1.0
            )
        )
    run = {"settings": {"minimize": ["rmse"]}}
    result = {"residuals": {"actual": [1.0, 2.0], "predicted": [1.1, 1.8]}}
    text = render_report(ReportData(run, trials, result))
    assert "trial 0, with a validation RMSE of 10." in text
    assert "chart-residuals" in text


def test_a_folder_that_does_not_exist_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot be written to .*report\.html: No such file"):
        write_report(ReportData(), tmp_path / "nowhere" / "report.html")
    assert list(tmp_path.iterdir()) == []
