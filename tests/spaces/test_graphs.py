import itertools
import random

from searchitect.spaces.graphs import canonical_order, live_edges

Edges = dict[tuple[int, int], str]


def renumbered(labels: list[str], edges: Edges, order: list[int]) -> tuple[list[str], Edges]:
    place = {node: index for index, node in enumerate(order)}
    return [labels[node] for node in order], {(place[a], place[b]): label for (a, b), label in edges.items()}


def canonical(labels: list[str], edges: Edges) -> str:
    found, moved = renumbered(labels, edges, canonical_order(labels, edges))
    return repr((found, sorted(moved.items())))


def smallest(labels: list[str], edges: Edges) -> str:
    """The oracle: the smallest description over all numberings."""
    orders = map(list, itertools.permutations(range(len(labels))))
    return min(repr((found, sorted(moved.items()))) for found, moved in (renumbered(labels, edges, order) for order in orders))


def test_graphs_get_one_form_exactly_where_a_renumbering_makes_them_equal() -> None:
    pairs = list(itertools.combinations(range(4), 2))
    forms: dict[str, set[str]] = {}
    for drawn in itertools.product(["", "a", "b"], repeat=len(pairs)):
        edges = {pair: label for pair, label in zip(pairs, drawn, strict=True) if label}
        for labels in ("xxxx", "xxyy", "yxyx"):
            forms.setdefault(smallest(list(labels), edges), set()).add(canonical(list(labels), edges))
    assert all(len(found) == 1 for found in forms.values())
    assert len(set.union(*forms.values())) == len(forms) > 500


def test_a_shuffled_graph_of_many_nodes_keeps_its_form_and_edges_lead_upwards() -> None:
    rng = random.Random(0)
    for _ in range(100):
        size = rng.randint(8, 20)
        labels = [rng.choice("xy") for _ in range(size)]
        edges = {pair: "" for pair in itertools.combinations(range(size), 2) if rng.random() < 0.2}
        order = list(range(size))
        while True:  # another order that still follows the edges: swap neighbours that are not joined
            place = rng.randrange(size - 1)
            if (order[place], order[place + 1]) not in edges:
                order[place], order[place + 1] = order[place + 1], order[place]
            if rng.random() < 0.01:
                break
        assert canonical(*renumbered(labels, edges, order)) == canonical(labels, edges)
        _, moved = renumbered(labels, edges, canonical_order(labels, edges))
        assert all(source < target for source, target in moved)


def test_of_two_free_nodes_the_one_with_the_lower_label_comes_first() -> None:
    assert canonical_order(["b", "a", "c"], {}) == [1, 0, 2]
    assert canonical_order(["b", "a", "a"], {(0, 1): ""}) == [2, 0, 1]


def test_edges_are_live_that_lie_on_a_path() -> None:
    edges = {(0, 1): "", (0, 3): "", (1, 4): "", (2, 3): "", (3, 5): "", (2, 4): ""}
    assert list(live_edges(edges, 0, 5)) == [(0, 3), (3, 5)]
    assert list(live_edges({**edges, (4, 5): ""}, 0, 5)) == [(0, 1), (0, 3), (1, 4), (3, 5), (4, 5)]
    assert live_edges({(0, 1): "", (1, 2): ""}, 0, 3) == {}
