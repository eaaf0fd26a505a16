"""Recurrent cells, as data: what the recurrent spaces of DARTS, ENAS and NAS-RL share.

    {"hidden": 850, "nodes": [{"from": 0, "activation": "sigmoid"}, {"from": 1, "activation": "relu"}, ...],
     "dropout": {"words": 0.1, "embedding": 0.2, "input": 0.75, "hidden": 0.25, "output": 0.75}}

A node reads one earlier state, so that the nodes of a cell form a tree. The rates of dropout are probabilities of leaving out:
``words`` of a word of the vocabulary, the others of one number in all steps of a segment: of the ``embedding``, of the ``input`` of
a cell, of the states that the ``hidden`` matrices are multiplied with, and of the ``output`` before the decoder.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from searchitect.core.errors import SettingError, SpaceError, unknown_name
from searchitect.core.space import Space

DROPOUT_RATES: Final = ("words", "embedding", "input", "hidden", "output")


def check_recurrent_settings(space: Space, **highest: int) -> None:
    """Check the settings of a space of recurrent cells: whole numbers, and ``drop_<name>`` for each of `DROPOUT_RATES`.

    Args:
        space: whose settings they are.
        highest: name of a whole number -> the most that it may be; the least is 1.

    Raises:
        SettingError: for a number outside its range.
    """
    for name, high in highest.items():
        value = getattr(space, name)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= high:
            raise SettingError(f"{name} of the space {space.name!r} must be a whole number in [1, {high}], got {value!r}")
    for name in DROPOUT_RATES:
        rate = getattr(space, f"drop_{name}")
        if not isinstance(rate, (int, float)) or isinstance(rate, bool) or not 0 <= rate < 1:
            raise SettingError(f"drop_{name} of the space {space.name!r} must lie in [0, 1), got {rate!r}")


def dropout_rates(space: Space) -> dict[str, float]:
    """The rates of a space with settings ``drop_<name>``, by name, for its spec."""
    return {name: getattr(space, f"drop_{name}") for name in DROPOUT_RATES}


def check_recurrent_spec(spec: Any, what: str) -> None:
    """Check the width and the dropout of a recurrent cell's spec.

    Raises:
        SpaceError: with one sentence.
    """
    width = spec.get("hidden") if isinstance(spec, Mapping) else None
    if not isinstance(width, int) or isinstance(width, bool) or width < 1:
        raise SpaceError(f"'hidden' of {what} must be a whole number of at least 1, got {width!r}")
    rates = spec.get("dropout")
    if not isinstance(rates, Mapping) or set(rates) != set(DROPOUT_RATES) or not all(0 <= rate < 1 for rate in rates.values()):
        raise SpaceError(f"'dropout' of {what} must give a rate in [0, 1) to each of {', '.join(DROPOUT_RATES)}, got {rates!r}")


def check_recurrent_node(node: Any, states: int, activations: Collection[str], where: str) -> None:
    """Check that a node can be built. Choices that are still open pass: they come from the space's own program.

    Args:
        node: ``{"from": state, "activation": name}``; without "from" where ``states`` is 0.
        states: how many states come before it.
        activations: the names allowed.
        where: the node's name in messages.

    Raises:
        SpaceError: with one sentence.
    """
    if hasattr(node, "labels"):
        return
    names = {"from", "activation"} if states else {"activation"}
    if not isinstance(node, Mapping) or set(node) != names:
        raise SpaceError(f"{where} must give {' and '.join(map(repr, sorted(names)))}, got {node!r:.200}")
    activation = node["activation"]
    if not hasattr(activation, "labels") and activation not in tuple(activations):
        raise SpaceError(f"{where} has an {unknown_name('activation', str(activation), activations)}")
    source = node.get("from", 0)
    if states and not hasattr(source, "labels"):
        is_state = isinstance(source, int) and not isinstance(source, bool) and 0 <= source < states
        if not is_state:
            raise SpaceError(f"{where} may read the states 0 to {states - 1}, which come before it, got {source!r}")


def canonical_tree(nodes: Sequence[Any]) -> list[dict[str, Any]]:
    """One form for all cells that are equal up to the numbering of their nodes.

    Nodes that read one state are put in the order of what they are and what hangs on them. Since each node has a weight matrix of
    its own, drawn alike, and the cell's output is a mean, nothing that trains differently is merged.

    Args:
        nodes: decided; node i is the state i + 1, and the state 0 is what the tree grows from.
    """
    readers: list[list[int]] = [[] for _ in range(len(nodes) + 1)]
    for state, node in enumerate(nodes, start=1):
        readers[node["from"]].append(state)

    def describe(state: int) -> tuple[Any, ...]:
        """The tree that hangs on a node, in the same words for all trees that are alike."""
        return nodes[state - 1]["activation"], tuple(sorted(map(describe, readers[state])))

    ordered: list[dict[str, Any]] = []

    def write(tree: tuple[Any, ...], source: int) -> None:
        activation, branches = tree
        ordered.append({"from": source, "activation": activation})
        state = len(ordered)
        for branch in branches:
            write(branch, state)

    for tree in sorted(map(describe, readers[0])):
        write(tree, 0)
    return ordered
