from collections.abc import Callable
from typing import Any

import pytest

from searchitect.core import Architecture, Fidelity, Trial, TrialState
from searchitect.reports import ReportData, charts
from searchitect.reports.data import Goal

MAX, MIN = Goal("accuracy", "max"), Goal("loss", "min")


def trial(number: int, metrics: dict[str, float], **more: Any) -> Trial:
    architecture = Architecture({"n": number})
    made = Trial(number, architecture, architecture.key, Fidelity(3), 0, state=TrialState.COMPLETE, metrics=metrics)
    made.finished = float(number + 1) * 10
    for name, value in more.items():
        setattr(made, name, value)
    return made


def layer(view: dict[str, Any], name: str) -> list[list[Any]]:
    found: list[list[Any]] = next(entry["rows"] for entry in view["layers"] if entry["name"] == name)
    return found


@pytest.mark.parametrize(
    ("goal", "scores", "line"),
    [
        (MAX, [0.5, 0.4, 0.7, 0.6], [[1, 0.5, 0], [3, 0.7, 2], [4, 0.7, 2]]),
        (MIN, [0.5, 0.4, 0.7, 0.3], [[1, 0.5, 0], [2, 0.4, 1], [4, 0.3, 3], [4, 0.3, 3]]),
    ],
)
def test_the_best_so_far_only_gets_better_and_reaches_the_last_trial(goal: Goal, scores: list[float], line: list[Any]) -> None:
    data = ReportData(trials=[trial(n, {goal.metric: s}) for n, s in enumerate(scores)])
    views = charts.progress_views(data, goal)
    assert layer(views["trials"], "best so far") == line
    assert [row[0] for row in layer(views["time"], "3 epochs")] == [10, 20, 30, 40]


def test_baseline_and_final_trials_are_drawn_but_not_counted_as_the_search() -> None:
    trials = [
        trial(0, {"accuracy": 0.5}),
        trial(1, {"accuracy": 0.9}, origin="baseline"),
        trial(2, {"accuracy": 0.95}, origin="final"),
    ]
    view = charts.progress_views(ReportData(trials=trials), MAX)["trials"]
    assert [row[1] for row in layer(view, "best so far")] == [0.5, 0.5]
    assert layer(view, "random baseline") == [[2, 0.9, 1]]
    assert layer(view, "final training") == [[3, 0.95, 2]]


def test_trials_that_took_over_a_result_or_failed_are_not_drawn() -> None:
    trials = [
        trial(0, {"accuracy": 0.5}),
        trial(1, {"accuracy": 0.5}, twin=0),
        trial(2, {"accuracy": 0.8}, state=TrialState.FAILED),
        trial(3, {"accuracy": float("nan")}),
    ]
    assert layer(charts.progress_views(ReportData(trials=trials), MAX)["trials"], "3 epochs") == [[1, 0.5, 0]]


def test_a_few_bad_scores_do_not_press_the_good_ones_flat() -> None:
    scores = [0.1, 0.96, 0.97, 0.98, 0.99]
    view = charts.progress_views(ReportData(trials=[trial(n, {"accuracy": s}) for n, s in enumerate(scores)]), MAX)["trials"]
    assert 0.9 < view["y"]["low"] < 0.96
    even = charts.progress_views(ReportData(trials=[trial(n, {"accuracy": s}) for n, s in enumerate(scores[1:])]), MAX)[
        "trials"
    ]
    assert "low" not in even["y"]


def test_the_comparison_with_random_search_ends_where_the_random_draws_end() -> None:
    baseline = {
        "metric": "accuracy",
        "curve": [{"n": n, "expected": 0.9 + n / 1000, "low": 0.88, "high": 0.95} for n in range(1, 11)],
        "search_curve": [{"n": n, "best": 0.9} for n in range(1, 50)],
    }
    view = charts.baseline_views(ReportData(result={"baseline": baseline}), MAX)["trials"]
    assert [row[0] for row in layer(view, "this search")] == list(range(1, 11))
    assert layer(view, "95 % interval")[0] == [1, 0.88, 0.95]
    assert charts.baseline_views(ReportData(result={"baseline": None}), MAX) == {}


def test_the_front_is_found_where_none_is_recorded_and_what_is_over_a_limit_is_apart() -> None:
    points = {0: (0.9, 1.0), 1: (0.8, 0.5), 2: (0.85, 1.2), 3: (0.95, 2.0), 4: (0.8, 0.6)}
    trials = [trial(n, {"accuracy": a, "latency": c}) for n, (a, c) in points.items()]
    trials.append(trial(5, {"latency": 9.0}, state=TrialState.INFEASIBLE))
    data = ReportData(trials=trials, result={"constraints": ["latency<=3ms"]})
    view = charts.trade_off_views(data, [MAX, Goal("latency", "min")])["latency"]
    assert [row[2] for row in layer(view, "Pareto front")] == [1, 0, 3]
    assert [row[2] for row in layer(view, "trial")] == [2, 4]
    assert layer(view, "over a limit") == [[9, None, 5]]
    assert layer(view, "limit latency<=3") == [[3]]


def test_learning_curves_are_those_of_the_best_fifty() -> None:
    curve = [{"epoch": e, "accuracy": e / 10, "train_loss": 1.0} for e in (1, 2, 3)]
    trials = [trial(n, {"accuracy": n / 100}, curve=curve) for n in range(80)]
    views = charts.curve_views(ReportData(trials=trials), MAX)
    assert list(views) == ["validation accuracy", "training loss"]
    layers = views["validation accuracy"]["layers"]
    assert {entry["rows"][0][2] for entry in layers} == set(range(30, 80))
    assert layers[-1]["rows"] == [[1, 0.1, 79], [2, 0.2, 79], [3, 0.3, 79]]  # the best is drawn last, on top


@pytest.mark.parametrize("count", [1, 2, 10, 11, 1000])
def test_thinning_keeps_both_ends_and_the_order(count: int) -> None:
    rows = list(range(count))
    thinned = charts.thin(rows, 10)
    assert len(thinned) == min(count, 10)
    assert (thinned[0], thinned[-1]) == (0, count - 1)
    assert thinned == sorted(set(thinned))


def test_the_confusion_of_many_classes_shows_those_with_the_most_errors() -> None:
    counts = [[10 * (i == j) for j in range(30)] for i in range(30)]
    counts[3][17], counts[5][3] = 4, 2
    table = charts.confusion_table(ReportData(result={"confusion": {"labels": [f"c{n}" for n in range(30)], "counts": counts}}))
    assert table is not None
    assert table["left_out"] == 10
    assert {"c3", "c5", "c17"} <= set(table["labels"])
    assert table["pairs"] == [{"truth": "c3", "taken": "c17", "count": 4}, {"truth": "c5", "taken": "c3", "count": 2}]
    assert next(row for row in table["rows"] if row["label"] == "c3")["recall"] == pytest.approx(10 / 14)


def test_residuals_are_predicted_minus_actual() -> None:
    views = charts.residual_views(ReportData(result={"residuals": {"actual": [1.0, 3.0], "predicted": [1.5, 2.0]}}))
    assert layer(views["residuals"], "test example") == [[1, 0.5], [3, -1]]
    assert layer(views["predicted"], "perfect prediction") == [[1, 1], [3, 3]]


def test_big_runs_are_thinned_out(make_run: Callable[..., ReportData]) -> None:
    data = make_run(5000)
    for views in (charts.progress_views(data, MAX), charts.trade_off_views(data, [MAX, Goal("latency", "min")])):
        for view in views.values():
            assert sum(len(entry["rows"]) for entry in view["layers"]) < 3000


def test_final_trainings_stand_apart_from_the_trials_of_the_search() -> None:
    trials = [trial(0, {"accuracy": 0.5, "latency": 1.0}), trial(1, {"accuracy": 0.9, "latency": 1.0}, origin="final")]
    view = charts.trade_off_views(ReportData(trials=trials), [MAX, Goal("latency", "min")])["latency"]
    assert [row[2] for row in layer(view, "Pareto front")] == [0]
    assert [row[2] for row in layer(view, "final training")] == [1]
