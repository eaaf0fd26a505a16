"""Budgets, limits, objectives, fidelities as users write them."""

import pytest

from searchitect.core import (
    Architecture,
    Budget,
    Constraint,
    ConstraintError,
    Fidelity,
    Objective,
    SettingError,
    TaskInfo,
    Trial,
    TrialState,
    parse_budget,
    parse_constraint,
    parse_objectives,
    unknown_name,
)


@pytest.mark.parametrize(
    ("text", "metric", "relation", "limit"),
    [
        ("params<=100k", "params", "<=", 100_000),
        ("params <= 1.5M", "params", "<=", 1_500_000),
        ("PARAMS<20000", "params", "<", 20_000),
        ("macs<=2G", "macs", "<=", 2e9),
        ("macs<=2.5e6", "macs", "<=", 2.5e6),
        ("latency<=2ms", "latency", "<=", 2),
        ("latency<=2", "latency", "<=", 2),
        ("latency<=0.5s", "latency", "<=", 500),
        ("latency<=300us", "latency", "<=", 0.3),
        ("memory<4MB", "memory", "<", 4),
        ("memory<=512kB", "memory", "<=", 0.512),
        ("memory<=1GB", "memory", "<=", 1000),
        ("accuracy>=0.9", "accuracy", ">=", 0.9),
        ("accuracy>=90%", "accuracy", ">=", 0.9),
        ("rmse<3", "rmse", "<", 3),
    ],
)
def test_limits_are_read_with_their_units(text: str, metric: str, relation: str, limit: float) -> None:
    constraint = parse_constraint(text)
    assert (constraint.metric, constraint.relation) == (metric, relation)
    assert constraint.limit == pytest.approx(limit)
    assert parse_constraint(str(constraint)) == constraint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("params", "is not a limit: write metric"),
        ("params=5", "is not a limit"),
        ("params<=", "is not a limit"),
        ("<=5", "is not a limit"),
        ("parms<=5", "unknown metric 'parms': did you mean 'params'"),
        ("params<=5ms", "unknown unit 'ms' of params; allowed are 'k', 'm', 'g', 'b'"),
        ("latency<=5MB", "unknown unit 'MB' of latency"),
        ("accuracy>=9k", "unknown unit 'k' of accuracy; allowed are '%'"),
        ("params<=1.2.3", "'1.2.3' is not a number"),
    ],
)
def test_a_misspelt_limit_is_refused_with_what_is_allowed(text: str, message: str) -> None:
    with pytest.raises(ConstraintError, match=message):
        parse_constraint(text)


def test_latencies_on_other_devices_have_the_units_of_latency() -> None:
    for text, limit in (("latency_pixel3<=5ms", 5), ("latency_pixel3<=5", 5), ("latency_pixel3<0.1s", 100)):
        assert parse_constraint(text, ["latency_pixel3"]).limit == pytest.approx(limit)
    with pytest.raises(ConstraintError, match="unknown unit 'kB' of latency_pixel3; allowed are 'us', 'ms', 's'"):
        parse_constraint("latency_pixel3<=5kB", ["latency_pixel3"])


def test_a_limit_may_name_a_metric_of_ones_own() -> None:
    assert parse_constraint("weight<=3", ["weight"]).metric == "weight"
    with pytest.raises(ConstraintError, match="unknown metric 'weight'"):
        parse_constraint("weight<=3")


@pytest.mark.parametrize(
    ("relation", "below", "at", "above"),
    [("<=", True, True, False), ("<", True, False, False), (">=", False, True, True), (">", False, False, True)],
)
def test_each_relation_means_what_it_says(relation: str, below: bool, at: bool, above: bool) -> None:
    constraint = Constraint("params", relation, 10)  # type: ignore[arg-type]
    assert [constraint.is_met({"params": value}) for value in (9, 10, 11)] == [below, at, above]
    assert not constraint.is_met({})
    assert not constraint.is_met({"params": float("nan")})


def test_a_violation_grows_with_the_distance_and_is_zero_where_the_limit_is_met() -> None:
    constraint = Constraint("params", "<=", 100)
    assert constraint.violation({"params": 100}) == 0
    assert 0 < constraint.violation({"params": 110}) < constraint.violation({"params": 200}) < constraint.violation({})
    assert Constraint("params", "<", 100).violation({"params": 100}) > 0


def test_costs_are_checked_before_training_and_scores_are_not() -> None:
    assert parse_constraint("params<=5").is_cost
    assert not parse_constraint("accuracy>=0.5").is_cost


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("90s", Budget(seconds=90)),
        ("10m", Budget(seconds=600)),
        ("1.5h", Budget(seconds=5400)),
        ("2d", Budget(seconds=172_800)),
        ("50trials", Budget(trials=50)),
        ("1 trial", Budget(trials=1)),
        ("200epochs", Budget(epochs=200)),
        ("0.5epochs", Budget(epochs=0.5)),
        ("10M, 50Trials", Budget(seconds=600, trials=50)),
        ("1h,20trials,300epochs", Budget(3600, 20, 300)),
    ],
)
def test_budgets_are_read_with_their_units(text: str, budget: Budget) -> None:
    assert parse_budget(text) == budget
    assert parse_budget(str(budget)) == budget
    assert parse_budget(budget) is budget


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not understood: write '90s'"),
        ("10", "is not understood"),
        ("ten minutes", "is not understood"),
        ("10x", "is not understood"),
        ("-5m", "is not understood"),
        ("0s", "seconds must be above 0"),
        ("10m,5s", "names seconds twice"),
        ("2.5trials", "trials must be a whole number"),
    ],
)
def test_a_misspelt_budget_is_refused(text: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        parse_budget(text)


def test_an_empty_budget_is_refused() -> None:
    with pytest.raises(SettingError, match="budget is empty"):
        Budget()


def test_objectives_are_oriented_so_that_higher_is_better() -> None:
    accuracy, latency = parse_objectives(["accuracy"], ["latency"])
    assert (accuracy, latency) == (Objective("accuracy", "max"), Objective("latency", "min"))
    metrics = {"accuracy": 0.9, "latency": 3.0}
    assert (accuracy.value(metrics), latency.value(metrics)) == (0.9, -3.0)
    assert accuracy.value({}) == latency.value({}) == latency.value({"latency": float("nan")}) == float("-inf")


def test_a_metric_cannot_be_both_maximised_and_minimised() -> None:
    with pytest.raises(SettingError, match="'accuracy' is given twice"):
        parse_objectives(["accuracy"], ["accuracy"])


@pytest.mark.parametrize(
    "setting", [{"epochs": 0}, {"epochs": 1, "data": 0}, {"epochs": 1, "data": 1.1}, {"epochs": 1, "resolution": -1}]
)
def test_a_fidelity_outside_its_range_is_refused(setting: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=f"fidelity: {list(setting)[-1]} must"):
        Fidelity(**setting)


def test_the_cost_of_a_fidelity_is_in_passes_over_all_data() -> None:
    assert Fidelity(8, data=0.5, resolution=0.5).passes == 8 * 0.5 * 0.25


@pytest.mark.parametrize(
    ("state", "twin", "is_trained"),
    [
        (TrialState.COMPLETE, None, True),
        (TrialState.PRUNED, None, True),
        (TrialState.FAILED, None, True),
        (TrialState.INFEASIBLE, None, False),
        (TrialState.RUNNING, None, False),
        (TrialState.COMPLETE, 3, False),
    ],
)
def test_only_trials_on_which_work_was_spent_count(state: TrialState, twin: int | None, is_trained: bool) -> None:
    trial = Trial(4, Architecture({}), "key", Fidelity(1), 0, state=state, twin=twin)
    assert trial.is_trained is is_trained
    assert state.is_finished is (state not in (TrialState.RUNNING, TrialState.WAITING))


def test_a_task_info_survives_json_and_tells_its_numeric_columns() -> None:
    import json

    info = TaskInfo("t", "table-classification", (5,), 3, 10, ("a", "b", "c"), ("v", "w", "x", "y", "z"), (4, 9))
    assert TaskInfo.from_json(json.loads(json.dumps(info.to_json()))) == info
    assert info.numeric == 3
    assert info.is_classification
    assert not info.is_image


def test_an_unknown_name_is_answered_with_the_nearest_and_all_known() -> None:
    assert (
        str(unknown_name("colour", "gren", ["red", "green"]))
        == "unknown colour 'gren': did you mean 'green'? known are green, red"
    )
    assert "did you mean" not in str(unknown_name("colour", "xyz", ["red", "green"]))
