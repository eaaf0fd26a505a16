import math
import random

import pytest

from searchitect.core import Architecture, Objective, SettingError, SpaceError, Trial
from searchitect.core.trial import Fidelity, TrialState
from searchitect.strategies import make_strategy
from searchitect.strategies.trusted import TrustedProxy, imagine, tell_of, with_scorers
from searchitect.testing import CountOnes, simulate

SPACE = CountOnes(12)
GOAL = [Objective("score", "max")]


def ones(architecture: Architecture) -> float:
    return float(sum(architecture.spec))


def trial(number: int, *, origin: str = "random", state: TrialState = TrialState.COMPLETE) -> Trial:
    drawn = SPACE.sample(random.Random(number))
    return Trial(number, drawn, SPACE.key(drawn), Fidelity(1), 0, origin=origin, state=state)  # type: ignore[arg-type]


def told(proxy, numbers, score, *, origin: str = "random", check: int = 10) -> TrustedProxy:
    trust = TrustedProxy(proxy, check)
    for number in numbers:
        ended = trial(number, origin=origin)
        trust.end(ended, (score(ended.architecture),))
    return trust


def noise(architecture: Architecture) -> float:
    return random.Random(architecture.text).random()


def test_a_proxy_is_relied_on_after_ten_random_trials_that_it_ranks() -> None:
    assert not told(ones, range(9), ones).is_trusted
    assert told(ones, range(10), ones).is_trusted
    assert "was relied on: Spearman 1.00" in told(ones, range(10), ones).notes()


@pytest.mark.parametrize("proxy", [noise, lambda a: -ones(a), lambda a: 1.0, lambda a: math.nan])
def test_one_that_does_not_rank_them_is_not(proxy) -> None:
    found = told(proxy, range(10), ones)
    assert not found.is_trusted
    assert "was not relied on" in found.notes()


def test_trials_that_it_chose_itself_are_no_evidence() -> None:
    assert not told(ones, range(30), ones, origin="strategy").is_trusted


def test_the_judgement_is_made_anew_with_every_ten() -> None:
    trust = TrustedProxy(ones, 10)
    for number in range(40):
        ended = trial(number)
        trust.end(ended, (noise(ended.architecture) if number < 10 else ones(ended.architecture),))
        assert trust.is_trusted == (number >= 29) or 19 <= number < 29


def test_random_trials_are_wanted_until_there_are_enough_with_a_score() -> None:
    trust = TrustedProxy(ones, 4)
    for number in range(4):
        assert trust.wants_random
        trust.begin(trial(number).key, is_random=True)
    assert not trust.wants_random  # they run
    trust.end(trial(0, state=TrialState.FAILED), (-math.inf,))
    assert trust.wants_random
    for number in range(4, 15):
        trust.end(trial(number, state=TrialState.FAILED), (-math.inf,))
    assert not trust.wants_random  # most fail: it gives up


def test_a_name_that_nobody_resolved_is_never_relied_on() -> None:
    found = told("synflow", range(20), ones)
    assert not found.is_trusted
    assert not found.wants_random
    assert "without a task there is nothing to compute it on" in found.notes()


def test_what_cannot_be_built_scores_lowest() -> None:
    def broken(architecture: Architecture) -> float:
        raise SpaceError("no such network")

    assert TrustedProxy(broken, 10).score(trial(0).architecture) == -math.inf
    assert TrustedProxy(lambda _: math.nan, 10).score(trial(0).architecture) == -math.inf


def test_imagining_leaves_the_strategy_as_it_is() -> None:
    for name in ("random", "regularized-evolution"):
        strategies = [make_strategy(name, SPACE, GOAL, 0) for _ in range(2)]
        imagined = imagine(strategies[0])
        assert imagined == imagine(strategies[0]) == strategies[1].ask() == strategies[0].ask()


def test_telling_of_a_beginning_is_what_a_resumed_search_tells() -> None:
    first, second = (make_strategy("random", SPACE, GOAL, 0) for _ in range(2))
    proposal = make_strategy("random", SPACE, GOAL, 5).ask()
    assert proposal is not None
    tell_of(first, proposal)
    second.tell(Trial(7, proposal.architecture, SPACE.key(proposal.architecture), Fidelity(3), 0, origin="random"))
    assert first.ask() == second.ask()


def test_names_are_resolved_at_every_depth() -> None:
    made: list[str] = []

    def scorer(name: str):
        made.append(name)
        return ones

    assert with_scorers("random", {}, scorer) == {}
    assert with_scorers("zero-cost-proposal", {"mutations": 3}, scorer) == {"mutations": 3, "proxy": ones}
    nested = with_scorers("asha", {"inner": "zero-cost-warm-start", "inner_options": {"proxy": "naswot"}}, scorer)
    assert nested == {"inner": "zero-cost-warm-start", "inner_options": {"proxy": ones}}
    assert with_scorers("asha", {"inner": "zero-cost-warm-start"}, scorer)["inner_options"] == {"proxy": ones}
    assert with_scorers("zero-cost-proposal", {"proxy": noise}, scorer)["proxy"] is noise
    assert made == ["synflow", "naswot", "synflow"]


def test_mistakes_are_refused() -> None:
    for name in ("zero-cost-warm-start", "zero-cost-proposal"):
        with pytest.raises(SettingError, match="unknown proxy 'naswott': did you mean 'naswot'"):
            make_strategy(name, SPACE, GOAL, proxy="naswott")
        with pytest.raises(SettingError, match="check must be at least 4 random trials, got 3"):
            make_strategy(name, SPACE, GOAL, check=3)
        with pytest.raises(SettingError, match="inner=asha chooses fidelities itself"):
            make_strategy(name, SPACE, GOAL, inner="asha")
    assert make_strategy("asha", SPACE, GOAL, inner="zero-cost-warm-start", inner_options={"proxy": ones}).ask() is not None
    with pytest.raises(SettingError, match="first=9 with pool=8"):
        make_strategy("zero-cost-warm-start", SPACE, GOAL, first=9, pool=8)
    with pytest.raises(SettingError, match="mutations must be at least 1"):
        make_strategy("zero-cost-proposal", SPACE, GOAL, mutations=0)


def best(name: str, proxy, seed: int, trials: int) -> float:
    space = CountOnes(40)
    inner = {"population_size": 8, "sample_size": 4}
    strategy = make_strategy(name, space, GOAL, seed, inner_options=inner, proxy=proxy)
    trials = simulate(strategy, lambda spec, _: sum(spec) / 40, trials, workers=2)
    return max(t.metrics["score"] for t in trials)


@pytest.mark.parametrize(("name", "trials"), [("zero-cost-warm-start", 24), ("zero-cost-proposal", 40)])
def test_a_good_proxy_helps_and_a_bad_one_does_no_harm(name: str, trials: int) -> None:
    def helpful(architecture: Architecture) -> float:
        return sum(architecture.spec) + random.Random(architecture.text).gauss(0, 1)

    good, bad, none = (sum(best(name, proxy, seed, trials) for seed in range(5)) / 5 for proxy in (helpful, noise, "params"))
    assert good > none + 0.015
    assert bad > none - 0.05


def test_the_warm_start_proposes_the_best_of_its_pool_first() -> None:
    space = CountOnes(40)
    strategy = make_strategy("zero-cost-warm-start", space, GOAL, 0, proxy=ones, pool=50, first=6, check=10)
    trials = simulate(strategy, lambda spec, _: sum(spec) / 40, 20)
    assert [t.origin for t in trials[:10]] == ["random"] * 10
    rng = random.Random("0/pool")
    pool = sorted((space.sample(rng) for _ in range(50)), key=ones, reverse=True)
    assert [t.architecture for t in trials[10:16]] == pool[:6]
    assert trials[16].origin == "random"  # the inner evolution's first population
    assert "6 of the best 6 of 50 by it were tried" in strategy.notes()[0]  # type: ignore[attr-defined]


def test_the_move_proposal_takes_the_best_mutation() -> None:
    space = CountOnes(40)
    options = {"inner": "random", "proxy": ones, "mutations": 60, "check": 10}
    strategy = make_strategy("zero-cost-proposal", space, GOAL, 0, **options)
    trials = simulate(strategy, lambda spec, _: sum(spec) / 40, 16)
    shadow = make_strategy("random", space, GOAL, 0)
    for ended in trials[:10]:
        shadow.tell(ended)
    for moved in trials[10:]:
        asked = imagine(shadow)
        assert asked is not None
        ours, theirs = moved.architecture.spec, asked.architecture.spec
        assert sum(ours) == sum(theirs) + 1
        assert sum(a != b for a, b in zip(ours, theirs, strict=True)) == 1
        assert moved.origin == "strategy"  # no uniform draw any more
        shadow.tell(moved)
