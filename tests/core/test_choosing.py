import math
import operator
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from searchitect.core import Chooser, NumberDomain, OneDomain, OneOf, SomeDomain, SpaceError
from searchitect.core.choosing import (
    OpenChooser,
    OrderedChooser,
    PolicyChooser,
    RandomChooser,
    ReplayChooser,
    count_decisions,
)


def rng() -> random.Random:
    return random.Random(0)


def enumerate_all(program: Callable[[Chooser], Any]) -> list[Any]:
    found = []
    places: list[int] | None = []
    while places is not None:
        reader = OrderedChooser(places)
        found.append(program(reader))
        places = reader.next_places()
    return found


def count(program: Callable[[Chooser], Any]) -> float:
    reader = OpenChooser()
    program(reader)
    return count_decisions(reader.nodes)


# --- random --------------------------------------------------------------------------------------------------------


def test_every_option_is_equally_likely() -> None:
    generator = rng()
    counts = Counter(RandomChooser(generator)("op", ["a", "b", "c", "d"]) for _ in range(8_000))
    # chi-squared with three degrees of freedom exceeds 16.3 once in a thousand
    assert sum((counts[op] - 2_000) ** 2 / 2_000 for op in "abcd") < 16.3


def test_every_subset_is_equally_likely_and_keeps_the_order_offered() -> None:
    generator = rng()
    counts = Counter(tuple(RandomChooser(generator).some("inputs", [3, 1, 2, 0], 2)) for _ in range(6_000))
    assert counts.keys() == {(3, 1), (3, 2), (3, 0), (1, 2), (1, 0), (2, 0)}
    assert sum((n - 1_000) ** 2 / 1_000 for n in counts.values()) < 20.5  # five degrees of freedom


def test_whole_numbers_include_both_ends_equally() -> None:
    generator = rng()
    counts = Counter(RandomChooser(generator).between("n", 3, 6) for _ in range(8_000))
    assert counts.keys() == {3, 4, 5, 6}
    assert sum((n - 2_000) ** 2 / 2_000 for n in counts.values()) < 16.3


def test_logarithmic_numbers_are_uniform_in_the_logarithm() -> None:
    generator = rng()
    draws = [RandomChooser(generator).between("rate", 1e-4, 1.0, log=True) for _ in range(4_000)]
    assert all(1e-4 <= draw <= 1 for draw in draws)
    shares = Counter(math.floor(math.log10(draw)) for draw in draws if draw < 1)
    assert all(abs(shares[decade] - 1_000) < 140 for decade in (-4, -3, -2, -1))  # five standard deviations
    whole = [RandomChooser(generator).between("n", 1, 1000, log=True) for _ in range(2_000)]
    assert all(isinstance(n, int) and 1 <= n <= 1000 for n in whole)
    assert sum(n < 32 for n in whole) > 0.4 * len(whole)


# --- replay --------------------------------------------------------------------------------------------------------


def test_a_replay_repeats_every_decision() -> None:
    def program(choose: Chooser) -> Any:
        return [
            choose("op", "abc"),
            choose.some("in", [1, 2, 3], 2),
            choose.between("w", 0.0, 1.0),
            choose.repeat("r", 0, 3, lambda i: i),
        ]

    first = RandomChooser(rng())
    spec = program(first)
    assert program(ReplayChooser(first.decisions, None)) == spec


def test_a_replay_without_a_generator_refuses_what_is_missing_or_invalid() -> None:
    with pytest.raises(SpaceError, match="no valid value for the choice 'op'"):
        ReplayChooser({}, None)("op", ["a"])
    with pytest.raises(SpaceError, match="no valid value for the choice 'op'"):
        ReplayChooser({"op": "z"}, None)("op", ["a"])


def test_a_replay_with_a_generator_draws_only_what_is_missing_or_invalid() -> None:
    reader = ReplayChooser({"a": 2, "b": 9}, rng())
    assert reader("a", [1, 2, 3]) == 2
    assert reader("b", [1, 2, 3]) in (1, 2, 3)
    assert reader("c", [1, 2, 3]) in (1, 2, 3)


@pytest.mark.parametrize(
    ("domain", "old"),
    [(OneDomain([1, 2, 3]), 2), (SomeDomain([1, 2, 3, 4], 2), [1, 3]), (NumberDomain(1, 4), 2), (NumberDomain(0.0, 1.0), 0.5)],
)
def test_a_redrawn_decision_is_another_allowed_one(domain: Any, old: Any) -> None:
    generator = rng()
    for _ in range(100):
        new = domain.redraw(old, generator)
        assert new != old
        assert domain.allows(new)


def test_a_redrawn_subset_exchanges_one_member() -> None:
    generator = rng()
    for _ in range(100):
        assert len(set(SomeDomain([1, 2, 3, 4, 5], 3).redraw([1, 3, 5], generator)) & {1, 3, 5}) == 2


def test_a_decision_without_an_alternative_stays() -> None:
    assert OneDomain(["a"]).redraw("a", rng()) == "a"
    assert SomeDomain([1, 2], 2).redraw([1, 2], rng()) == [1, 2]
    assert NumberDomain(3, 3).redraw(3, rng()) == 3


@pytest.mark.parametrize(
    ("domain", "value", "is_allowed"),
    [
        (OneDomain([1, 2]), 1, True),
        (OneDomain([1, 2]), True, False),
        (OneDomain([1, 2]), 1.0, False),
        (OneDomain([0, False]), False, True),
        (SomeDomain("abc", 2), ["a", "c"], True),
        (SomeDomain("abc", 2), ["c", "a"], False),
        (SomeDomain("abc", 2), ["a", "a"], False),
        (SomeDomain("abc", 2), ["a"], False),
        (SomeDomain("abc", 2), "ac", False),
        (NumberDomain(1, 4), 4, True),
        (NumberDomain(1, 4), 5, False),
        (NumberDomain(1, 4), 2.5, False),
        (NumberDomain(0, 4), True, False),
        (NumberDomain(0.0, 1.0), 1, True),
        (NumberDomain(0.0, 1.0), float("nan"), False),
    ],
)
def test_a_domain_knows_what_it_allows(domain: Any, value: Any, is_allowed: bool) -> None:
    assert domain.allows(value) is is_allowed


# --- policy --------------------------------------------------------------------------------------------------------


def test_a_policy_is_asked_at_every_step_with_what_was_decided_before() -> None:
    asked: list[tuple[str, Any, dict[str, Any]]] = []

    def policy(path: str, domain: Any, decisions: Any) -> Any:
        asked.append((path, domain, dict(decisions)))
        return domain.values()[-1]

    reader = PolicyChooser(policy)
    assert [reader("a", [1, 2]), reader.between("b", 3, 5)] == [2, 5]
    assert asked == [("a", OneDomain([1, 2]), {}), ("b", NumberDomain(3, 5), {"a": 2})]
    assert reader.decisions == {"a": 2, "b": 5}


def test_a_policy_that_answers_nonsense_is_refused() -> None:
    with pytest.raises(SpaceError, match="the policy answered 7 at 'a', which is not allowed there"):
        PolicyChooser(lambda *_: 7)("a", [1, 2])


# --- enumeration and counting --------------------------------------------------------------------------------------


def test_an_enumeration_turns_the_last_decision_fastest() -> None:
    assert enumerate_all(lambda c: (c("a", [1, 2]), c("b", "xy"))) == [(1, "x"), (1, "y"), (2, "x"), (2, "y")]


@pytest.mark.parametrize("k", range(5))
def test_subsets_are_counted_by_binomials(k: int) -> None:
    def program(choose: Chooser) -> Any:
        return choose.some("inputs", [0, 1, 2, 3], k)

    found = [tuple(one) for one in enumerate_all(program)]
    assert len(found) == len(set(found)) == count(program) == math.comb(4, k)


@pytest.mark.parametrize(
    ("program", "size"),
    [
        (lambda c: [c("a", [1, 2, 3]), c("b", [1, 2])], 6),
        (lambda c: c("a", {"x": lambda: c("b", [1, 2]), "y": 0}), 3),
        (lambda c: c("a", {"x": lambda: c("b", [1, 2]), "y": lambda: c("b", [3, 4, 5])}), 5),
        (lambda c: c.repeat("n", 0, 3, lambda i: c("op", [1, 2])), 1 + 2 + 4 + 8),
        (lambda c: c.repeat("n", 2, 3, lambda i: c("op", [1, 2])), 4 + 8),
        (lambda c: c.repeat("n", 0, 2, lambda i: i), 3),
        (lambda c: c.some("s", {"a": lambda: c("x", [1, 2]), "b": lambda: c("x", [3, 4, 5]), "c": 0}, 2), 6 + 2 + 3),
        (lambda c: c.between("w", 3, 7), 5),
        (lambda c: c("a", ["only"]), 1),
    ],
)
def test_the_count_equals_the_number_enumerated(program: Callable[[Chooser], Any], size: int) -> None:
    found = enumerate_all(program)
    assert len(found) == len({repr(one) for one in found}) == count(program) == size


def test_continuous_choices_have_no_end() -> None:
    assert count(lambda c: c.between("w", 0.0, 1.0)) == math.inf
    assert count(lambda c: c.between("w", 1.0, 1.0)) == 1
    with pytest.raises(SpaceError, match=r"continuous choice .* cannot be enumerated"):
        enumerate_all(lambda c: c.between("w", 0.0, 1.0))


# --- names ---------------------------------------------------------------------------------------------------------


def test_choices_inside_options_and_bodies_carry_the_path_to_them() -> None:
    reader = PolicyChooser(lambda path, domain, _: domain.values()[-1])
    reader("kind", {"a": 0, "b": lambda: reader.repeat("blocks", 1, 2, lambda i: reader("op", ["x", "y"]))})
    assert list(reader.decisions) == ["kind", "kind/b/blocks", "kind/b/blocks/0/op", "kind/b/blocks/1/op"]


def test_an_option_is_called_only_when_it_is_taken() -> None:
    called = []

    def conv() -> str:
        called.append("conv")
        return "conv"

    def pool() -> str:
        called.append("pool")
        return "pool"

    assert ReplayChooser({"op": "pool"}, None)("op", [conv, pool]) == "pool"
    assert called == ["pool"]
    OpenChooser()("op", [conv, pool])
    assert called == ["pool", "conv", "pool"]


@pytest.mark.parametrize("make", [lambda: RandomChooser(rng()), OpenChooser])
def test_a_name_given_twice_is_refused(make: Callable[[], Chooser]) -> None:
    choose = make()
    choose("op", [1, 2])
    with pytest.raises(SpaceError, match="'op' is made twice"):
        choose("op", [1, 2])


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (lambda c: c("op", []), "'op' has no options"),
        (lambda c: c("op", {1: "a"}), "labels must be str"),
        (lambda c: c("op", [lambda: 1, lambda: 2]), "need distinct names"),
        (lambda c: c.some("in", [1, 2], 3), r"k must lie in \[0, 2\]"),
        (lambda c: c.between("w", 5, 2), "low=5 above high=2"),
        (lambda c: c.between("w", 0, 2, log=True), "needs low > 0, got low=0"),
        (lambda c: c.repeat("n", 3, 2, lambda i: i), "low=3 above high=2"),
    ],
)
@pytest.mark.parametrize("make", [lambda: RandomChooser(rng()), OpenChooser])
def test_a_choice_that_contradicts_itself_is_refused(
    make: Callable[[], Chooser], program: Callable[[Chooser], Any], message: str
) -> None:
    with pytest.raises(SpaceError, match=message):
        program(make())


# --- open nodes ----------------------------------------------------------------------------------------------------


def test_an_open_choice_holds_every_option() -> None:
    choose = OpenChooser()
    node = choose("kind", {"a": 1, "b": lambda: choose("inner", [2, 3])})
    assert (node.path, list(node.labels), node.options[0]) == ("kind", ["a", "b"], 1)
    assert (node.options[1].path, node.options[1].labels) == ("kind/b/inner", [2, 3])
    assert choose.nodes == [node] or choose.nodes[0] is node
    assert [len(inner) for inner in node.inner] == [0, 1]


def test_an_open_repeat_holds_the_bodies_of_the_greatest_length() -> None:
    choose = OpenChooser()
    node = choose.repeat("n", 1, 3, lambda i: {"place": i, "op": choose("op", [1, 2])})
    assert (node.low, node.high) == (1, 3)
    assert [body["place"] for body in node.bodies] == [0, 1, 2]
    assert [body["op"].path for body in node.bodies] == ["n/0/op", "n/1/op", "n/2/op"]


@pytest.mark.parametrize(
    "compute",
    [
        bool,
        len,
        list,
        int,
        float,
        str,
        hash,
        range,
        operator.neg,
        lambda n: n + 1,
        lambda n: 1 + n,
        lambda n: n - 1,
        lambda n: n * 2,
        lambda n: 2 * n,
        lambda n: n // 2,
        lambda n: n / 2,
        lambda n: n % 2,
        lambda n: n**2,
        lambda n: n == 1,
        lambda n: n != 1,
        lambda n: n < 1,
        lambda n: n >= 1,
        lambda n: n[0],
        lambda n: 1 in n,
        lambda n: f"{n}",
        lambda n: {n: 1},
    ],
)
def test_whoever_computes_with_an_open_choice_is_refused_in_one_sentence(compute: Callable[[Any], Any]) -> None:
    node = OpenChooser()("width", [1, 2])
    assert isinstance(node, OneOf)
    with pytest.raises(
        SpaceError, match=r"^the space computes with the value of the choice 'width', .* strategy that samples$"
    ):
        compute(node)
