import copy
import itertools
import random
from typing import Any

import pytest

from searchitect.core import SettingError
from searchitect.core.choosing import PolicyChooser
from searchitect.spaces.nas_rl_rnn import NAS_RL_RNN_ACTIVATIONS, NAS_RL_RNN_COMBINES, PUBLISHED, NasRlRnn

LABELS = [
    {"combine": combine, "activation": activation}
    for combine, activation in itertools.product(NAS_RL_RNN_COMBINES, NAS_RL_RNN_ACTIVATIONS)
]


def test_the_space_has_its_published_size() -> None:
    # the paper says about 6e16
    assert NasRlRnn().size() == (2 * 4) ** 15 * (2 * 4) * 15**2 == 63_331_869_759_897_600
    assert NasRlRnn(base=2).size() == 8**3 * 8 * 3**2


def test_decisions_come_in_the_order_of_the_papers_controller() -> None:
    chooser = PolicyChooser(lambda path, domain, decisions: domain.values()[0])
    NasRlRnn(base=2).describe(chooser)
    assert list(chooser.decisions) == [
        *("tree/0/combine", "tree/0/activation", "tree/1/combine", "tree/1/activation", "tree/2/combine", "tree/2/activation"),
        *("inject/combine", "inject/activation", "cell_from", "inject/at"),
    ]


def test_cells_are_merged_where_only_the_sides_of_a_node_are_exchanged() -> None:
    space = NasRlRnn(base=2)
    empty = space.sample(random.Random(0)).spec
    forms = set()
    for first, second, root in itertools.product(LABELS, repeat=3):
        for at, cell_from in itertools.product(range(3), repeat=2):
            spec = space.canonical(
                {**empty, "tree": [first, second, root], "inject": {**LABELS[0], "at": at}, "cell_from": cell_from}
            )
            forms.add(str((spec["tree"], spec["inject"]["at"], spec["cell_from"])))
    # Burnside: of the 8^3 * 9 cells, exchanging the leaves leaves those as they are that have equal ones and both marks on the root
    assert len(forms) == (8**3 * 9 + 8 * 8) // 2


def exchanged(spec: Any, place: int) -> Any:
    """The cell with the two subtrees below an inner node exchanged, marks and all."""
    base = (len(spec["tree"]) + 1) // 2
    order = list(range(len(spec["tree"])))

    def exchange(a: int, b: int) -> None:
        order[a], order[b] = order[b], order[a]
        if a >= base:
            for side in range(2):
                exchange(2 * (a - base) + side, 2 * (b - base) + side)

    exchange(2 * (place - base), 2 * (place - base) + 1)
    other = copy.deepcopy(spec)
    other["tree"] = [spec["tree"][old] for old in order]
    other["inject"]["at"], other["cell_from"] = order.index(spec["inject"]["at"]), order.index(spec["cell_from"])
    return other


def test_the_form_does_not_depend_on_the_order_below_any_node() -> None:
    space = NasRlRnn()
    rng = random.Random(0)
    for _ in range(50):
        spec = space.sample(rng).spec
        other = spec
        for place in range(8, 15):
            if rng.random() < 0.5:
                other = exchanged(other, place)
        assert space.canonical(other) == space.canonical(spec)
        changed = copy.deepcopy(spec)
        changed["cell_from"] = (spec["cell_from"] + 8) % 15
        assert space.canonical(changed) != space.canonical(spec)


def test_the_published_cell_is_in_the_space() -> None:
    space, spec = PUBLISHED["nas-rl-rnn"].make()
    assert space.size() == NasRlRnn().size()
    assert [node["combine"] for node in spec["tree"]].count("multiply") == 5
    assert spec["tree"][3] == {"combine": "multiply", "activation": "relu"}  # before its relu
    assert (spec["inject"], spec["cell_from"]) == ({"combine": "add", "activation": "tanh", "at": 8}, 12)


def test_another_number_of_leaves_is_refused() -> None:
    with pytest.raises(SettingError, match="base of the space 'nas-rl-rnn' must be 2, 4, 8, 16 or 32, got 6"):
        NasRlRnn(base=6)
    with pytest.raises(SettingError, match="has 15 nodes and needs base=8, got base=4"):
        PUBLISHED["nas-rl-rnn"].make(base=4)
