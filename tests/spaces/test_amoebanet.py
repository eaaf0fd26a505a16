import random
from collections import Counter

import pytest

from searchitect.spaces.amoebanet import AMOEBANET_OPERATIONS, PUBLISHED, Amoebanet


def test_there_are_3e29_ways_to_decide() -> None:
    # sheet: (2*3*4*5*6)^2 * 8^10 = 5.6e14 per cell
    assert Amoebanet().size() == ((2 * 3 * 4 * 5 * 6) ** 2 * 8**10) ** 2
    assert len(AMOEBANET_OPERATIONS) == 8


def test_a_smaller_space_has_as_many_architectures_as_its_formula_says() -> None:
    space = Amoebanet(blocks=2, operations=("skip_connect",))
    everything = list(space.enumerate())
    assert len(everything) == len(set(everything)) == space.size() == ((2 * 3) ** 2) ** 2


@pytest.mark.parametrize(
    ("name", "normal", "reduction"),
    [
        # the lists of the released code, whose states 0 and 1 are ours 1 and 0
        ("amoebanet-a", [0, 3, 4, 6], [2, 3, 4, 5, 6]),
        ("amoebanet-b", [1, 3, 4, 6], [5, 6]),
        ("amoebanet-c", [0, 2, 4, 5, 6], [1, 2, 3, 4, 5, 6]),
    ],
)
def test_published_cells_give_out_what_their_release_does(name: str, normal: list[int], reduction: list[int]) -> None:
    _, spec = PUBLISHED[name].make()
    assert (spec["cells"]["normal"]["concat"], spec["cells"]["reduction"]["concat"]) == (normal, reduction)


def test_half_of_the_mutations_change_a_state_and_half_an_operation() -> None:
    # the paper: a cell, then a state or an operation with equal probability
    space, rng = Amoebanet(), random.Random(0)
    parent = space.sample(rng)
    changes: Counter[tuple[str, str]] = Counter()
    for _ in range(800):
        child = space.mutate(parent, rng)
        (path,) = [path for path in parent.decisions if child.decisions[path] != parent.decisions[path]]
        changes[path.split("/")[0], path.split("/")[-1]] += 1
    # four outcomes of 200 each; five standard deviations of a binomial count are 5 * sqrt(800 * 1/4 * 3/4) = 61
    assert len(changes) == 4
    assert all(abs(count - 200) < 61 for count in changes.values())
