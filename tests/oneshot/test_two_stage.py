import random

from searchitect.core import Fidelity, Objective, Proposal, Space, Strategy, Trial, TrialState
from searchitect.oneshot.elite_evolution import EliteEvolution, redrawn
from searchitect.oneshot.two_stage import TwoStage
from tests.oneshot.test_samplers import Chain

OBJECTIVE = [Objective("accuracy", "max")]


def score(trial: Trial) -> float:
    return sum("abcd".index(block) for block in trial.architecture.spec["blocks"]) + trial.architecture.spec["width"] / 100


def is_legal(trial: Trial) -> bool:
    return trial.architecture.spec["depth"] < 4


def ended(space: Space, number: int, proposal: Proposal, *, limited: bool = False) -> Trial:
    key = space.key(proposal.architecture)
    trial = Trial(number, proposal.architecture, key, proposal.fidelity or Fidelity(1.0), 0, parent=proposal.parent)
    trial.state, trial.metrics = TrialState.COMPLETE, {"accuracy": score(trial)}
    if limited and not is_legal(trial):
        trial.state, trial.metrics = TrialState.INFEASIBLE, {}
    return trial


def play(strategy: Strategy, *, limited: bool = False, first: int = 0, most: int = 10_000) -> list[Trial]:
    trials: list[Trial] = []
    while len(trials) < most and (proposal := strategy.ask()) is not None:
        trials.append(ended(strategy.space, first + len(trials), proposal, limited=limited))
        strategy.tell(trials[-1])
    return trials


def test_a_round_has_its_draws_then_its_best_on_all_data() -> None:
    trials = play(TwoStage(Chain(), OBJECTIVE, candidates=60, kept=5, rounds=2, share=0.1))
    assert [t.fidelity.data for t in trials] == ([0.1] * 60 + [1.0] * 5) * 2  # (candidates + kept) * rounds in all
    for start in (0, 65):
        draws, looks = trials[start : start + 60], trials[start + 60 : start + 65]
        best = sorted(draws, key=score, reverse=True)[:5]
        assert [score(t) for t in looks] == [score(t) for t in best]
        assert {t.parent for t in looks} <= {t.id for t in draws}
    draws = [t.key for t in trials if t.fidelity.data < 1]
    assert len(set(draws)) == len(draws)


def test_without_a_second_look_there_are_the_draws_alone() -> None:
    assert len(play(TwoStage(Chain(), OBJECTIVE, candidates=40))) == 40


def test_what_is_over_a_limit_is_not_one_of_the_draws() -> None:
    trials = play(TwoStage(Chain(), OBJECTIVE, candidates=50, kept=5, share=0.5), limited=True)
    assert sum(t.state == TrialState.COMPLETE and t.fidelity.data < 1 for t in trials) == 50
    assert sum(t.fidelity.data == 1 for t in trials) == 5
    assert any(t.state == TrialState.INFEASIBLE for t in trials)


def test_the_second_look_waits_for_the_last_draw() -> None:
    strategy = TwoStage(Chain(), OBJECTIVE, candidates=4, kept=2, share=0.5)
    asked = [strategy.ask() for _ in range(4)]
    assert strategy.ask() is None
    for number, proposal in enumerate(asked):
        assert proposal is not None
        strategy.tell(ended(strategy.space, number, proposal))
    second = strategy.ask()
    assert second is not None
    assert second.fidelity == Fidelity(1.0)


def test_two_stage_goes_on_as_without_an_interruption() -> None:
    def make() -> TwoStage:
        return TwoStage(Chain(), OBJECTIVE, candidates=12, kept=3, rounds=2, share=0.5)

    whole = play(make())
    for cut in range(0, 30, 4):
        again = make()
        for trial in whole[:cut]:
            again.tell(trial)
        assert [t.key for t in play(again, first=cut)] == [t.key for t in whole[cut:]]


def test_evolution_never_repeats_and_ends_after_its_generations() -> None:
    trials = play(EliteEvolution(Chain(), OBJECTIVE, population=20, generations=6))
    assert len(trials) == 120
    assert len({t.key for t in trials}) == 120


def test_infeasible_children_do_not_count() -> None:
    trials = play(EliteEvolution(Chain(), OBJECTIVE, population=20, generations=6), limited=True)
    assert sum(t.state == TrialState.COMPLETE for t in trials) == 120
    assert len({t.key for t in trials}) == len(trials)


def test_parents_are_the_best_of_all_generations_before() -> None:
    strategy = EliteEvolution(Chain(), OBJECTIVE, population=20, generations=5, parents=4)
    trials = play(strategy)
    for generation in range(1, 5):
        before = trials[: 20 * generation]
        elite = sorted((score(t) for t in before), reverse=True)[:4]
        children = trials[20 * generation : 20 * generation + 20]
        parents = {t.parent for t in children if t.parent is not None}
        assert parents
        assert all(score(trials[p]) >= elite[-1] and p < 20 * generation for p in parents)
    assert max(map(score, trials[-20:])) > max(map(score, trials[:20]))
    assert [e.values[0] for e in strategy.elite] == sorted(map(score, trials), reverse=True)[:4]


def test_half_are_mutants_half_are_crossovers_of_the_elite() -> None:
    trials = play(EliteEvolution(Chain(), OBJECTIVE, population=20, generations=2, parents=3))
    elite = sorted(trials[:20], key=score, reverse=True)[:3]
    options = {path: {str(t.architecture.decisions[path]) for t in elite} for path in elite[0].architecture.decisions}
    for child in trials[30:]:  # each decision of a crossover is one of its parents'
        if child.parent is not None:
            assert all(str(value) in options[path] for path, value in child.architecture.decisions.items())


def test_a_mutant_differs_in_a_binomial_number_of_decisions() -> None:
    rng = random.Random(0)
    parent = Chain().sample(rng)
    children = [redrawn(Chain(), parent, 0.1, rng) for _ in range(4000)]
    blocks = [f"block/{i}" for i in range(6)]
    changed = [sum(c.decisions[b] != parent.decisions[b] for b in blocks) for c in children]
    p = 0.1 * 3 / 4  # a decision that is drawn anew may come out as it was
    assert abs(sum(changed) / len(changed) - 6 * p) < 4 * (6 * p * (1 - p) / 4000) ** 0.5
    assert abs(changed.count(0) / 4000 - (1 - p) ** 6) < 0.03


def test_evolution_goes_on_as_without_an_interruption() -> None:
    def make() -> EliteEvolution:
        return EliteEvolution(Chain(), OBJECTIVE, population=10, generations=3)

    whole = play(make(), limited=True)
    for cut in (3, 10, 17, 25):
        again = make()
        for trial in whole[:cut]:
            again.tell(trial)
        assert [t.key for t in play(again, limited=True, first=cut)] == [t.key for t in whole[cut:]]


def test_a_generation_waits_for_the_one_before() -> None:
    strategy = EliteEvolution(Chain(), OBJECTIVE, population=4, generations=2)
    asked = [strategy.ask() for _ in range(5)]
    assert asked[-1] is None
    assert None not in asked[:4]
