import random

import pytest

from searchitect.core import Architecture, Fidelity, Trial, TrialState
from searchitect.reports.decisions import comparable_trials, decisions_of, decisions_taken, importance


def trial(number: int, decisions: dict[str, object], score: float, epochs: float = 3.0) -> Trial:
    architecture = Architecture(decisions, decisions)
    return Trial(
        number, architecture, architecture.key, Fidelity(epochs), 0, state=TrialState.COMPLETE, metrics={"accuracy": score}
    )


def draw(count: int, seed: int = 0) -> list[dict[str, object]]:
    rng = random.Random(seed)
    return [{"op": rng.choice(["a", "b", "c"]), "width": rng.choice([16, 32, 64]), "noise": rng.random()} for _ in range(count)]


def test_the_only_decision_that_counts_gets_nearly_all_the_share() -> None:
    gain = {"a": 0.1, "b": 0.9, "c": 0.5}
    rng = random.Random(1)
    trials = [trial(n, d, gain[str(d["op"])] + rng.gauss(0, 0.02)) for n, d in enumerate(draw(80))]
    found = importance(trials, "accuracy", "max")
    assert found[0]["decision"] == "op"
    assert found[0]["share"] > 0.9
    assert found[0]["best_value"] == "b"
    assert found[0]["explained"] > 0.5
    assert sum(entry["share"] for entry in found) == pytest.approx(1.0)


def test_a_number_is_found_too_and_the_direction_decides_which_value_is_best() -> None:
    trials = [trial(n, d, float(str(d["width"]))) for n, d in enumerate(draw(60))]
    for direction, best in (("max", "64"), ("min", "16")):
        first = importance(trials, "accuracy", direction)[0]
        assert (first["decision"], first["best_value"]) == ("width", best)


def test_an_interaction_shares_the_importance_between_both() -> None:
    rng = random.Random(2)
    rows: list[dict[str, object]] = [
        {"x": rng.choice([0, 1]), "y": rng.choice([0, 1]), "z": rng.choice([0, 1])} for _ in range(200)
    ]
    found = importance([trial(n, d, float(d["x"] == d["y"])) for n, d in enumerate(rows)], "accuracy", "max")
    share = {entry["decision"]: entry["share"] for entry in found}
    assert share["x"] > 0.3
    assert share["y"] > 0.3
    assert share["z"] < 0.1


def test_scores_of_pure_noise_are_explained_by_nothing() -> None:
    rng = random.Random(3)
    found = importance([trial(n, d, rng.random()) for n, d in enumerate(draw(40))], "accuracy", "max")
    assert found
    assert all(entry["share"] == 0 for entry in found)
    assert found[0]["explained"] <= 0


def test_a_monotone_change_of_the_scores_changes_no_share() -> None:
    gain = {"a": 0.1, "b": 0.9, "c": 0.5}
    rng = random.Random(4)
    scores = [gain[str(d["op"])] + rng.gauss(0, 0.1) for d in draw(40)]
    plain = importance([trial(n, d, s) for n, (d, s) in enumerate(zip(draw(40), scores, strict=True))], "accuracy", "max")
    cubed = importance([trial(n, d, s**3) for n, (d, s) in enumerate(zip(draw(40), scores, strict=True))], "accuracy", "max")
    assert [(e["decision"], e["share"]) for e in plain] == [(e["decision"], e["share"]) for e in cubed]


@pytest.mark.parametrize(("count", "is_told"), [(11, False), (12, True)])
def test_below_twelve_comparable_trials_nothing_is_said(count: int, is_told: bool) -> None:
    trials = [trial(n, d, float(n)) for n, d in enumerate(draw(count))]
    assert bool(importance(trials, "accuracy", "max")) is is_told


def test_only_trials_at_the_fidelity_of_most_are_compared() -> None:
    trials = [trial(n, d, 0.5) for n, d in enumerate(draw(20))]
    trials += [trial(20 + n, d, 0.99, epochs=27) for n, d in enumerate(draw(5))]
    trials[0].state = TrialState.FAILED
    trials[1].metrics["accuracy"] = float("nan")
    trials[2].twin = 5
    trials[3].origin = "final"
    assert [t.id for t in comparable_trials(trials, "accuracy")] == list(range(4, 20))


def test_a_decision_that_exists_only_under_another_is_absent_elsewhere() -> None:
    rng = random.Random(5)
    rows: list[dict[str, object]] = []
    for _ in range(60):
        body = rng.choice(["plain", "inverted"])
        rows.append({"body": body} | ({"body/inverted/expansion": rng.choice([2, 4])} if body == "inverted" else {}))
    score = [0.2 if d["body"] == "plain" else 0.1 * float(str(d["body/inverted/expansion"])) + 0.1 for d in rows]
    found = importance([trial(n, d, s) for n, (d, s) in enumerate(zip(rows, score, strict=True))], "accuracy", "max")
    best = {entry["decision"]: entry["best_value"] for entry in found}
    assert best == {"body": "inverted", "body/inverted/expansion": "4"}


def test_many_different_numbers_are_told_in_thirds() -> None:
    rng = random.Random(6)
    rows: list[dict[str, object]] = [{"rate": rng.uniform(0, 1)} for _ in range(60)]
    entry = importance([trial(n, d, -float(str(d["rate"]))) for n, d in enumerate(rows)], "accuracy", "max")[0]
    low, high = map(float, entry["best_value"].split(" to "))
    assert low < 0.1
    assert 0.2 < high < 0.45
    assert sorted(value["count"] for value in entry["values"]) == [20, 20, 20]


def test_an_architecture_without_decisions_is_read_by_the_leaves_of_its_spec() -> None:
    architecture = Architecture({"stem": {"width": 16}, "ops": ["a", "b"]})
    assert decisions_of(architecture) == {"stem/width": 16, "ops/0": "a", "ops/1": "b"}


def test_of_very_many_leaves_only_the_first_are_read() -> None:
    architecture = Architecture({"links": list(range(10_000))})
    assert list(decisions_of(architecture, 3)) == ["links/0", "links/1", "links/2"]
    trials = [Trial(n, architecture, architecture.key, Fidelity(1.0), 0) for n in range(3)]
    assert len(decisions_taken(trials)) == 501
