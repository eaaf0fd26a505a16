"""Pairwise cells, as data: the format that DARTS, NASNet, AmoebaNet, PNAS and the micro space of ENAS share.

    {"nodes": [{"edges": [{"from": 0, "op": "sep_conv_3x3"}, {"from": 1, "op": "skip_connect"}]}, ...], "concat": "all"}

States are numbered: 0 is the output of the cell before the previous one, 1 that of the previous cell, 2 + i that of node i. A node
applies one operation to each of two earlier states and adds the results, or concatenates them where it says
``"combine": "concat"``. The cell's output is the concatenation of the states named by ``concat``: a list of them, ``"all"``
nodes, or the ``"loose"`` states, which no node reads.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from searchitect.core.errors import SpaceError, unknown_name

CELL_OPERATIONS: Final = (
    "none",
    "skip_connect",
    "max_pool_3x3",
    "max_pool_5x5",
    "max_pool_7x7",
    "avg_pool_3x3",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "sep_conv_7x7",
    "dil_conv_3x3",
    "dil_conv_5x5",
    "conv_1x1",
    "conv_3x3",
    "conv_3x1_1x3",
    "conv_7x1_1x7",
)
"""Every name that ``networks.cells.cell_operation`` knows: those of the DARTS code, and NASNet's further ones written alike."""


def check_cell(cell: Any, operations: Collection[str], inputs: int = 2, what: str = "the cell") -> None:
    """Check that a cell can be built. Choices that are still open pass: they come from the space's own program.

    Args:
        cell: in the format above, decided or open.
        operations: the names allowed.
        inputs: how many states the cell begins with.
        what: the cell's name in messages.

    Raises:
        SpaceError: with one sentence, for an unknown operation, a node that does not read two earlier states, and a
            concatenation of other states than the cell has.
    """
    nodes = cell.get("nodes") if isinstance(cell, Mapping) else None
    if not isinstance(nodes, Sequence) or not nodes or "concat" not in cell:
        raise SpaceError(f"{what} must have a list of at least one node in 'nodes', and 'concat', got {cell!r:.200}")
    for place, node in enumerate(nodes):
        edges = node.get("edges") if isinstance(node, Mapping) else None
        if _is_open_choice(edges):
            continue
        where = f"node {place} of {what}"
        if not isinstance(edges, Sequence) or len(edges) != 2:
            raise SpaceError(f"{where} must have two edges, {{'from': state, 'op': operation}} each, got {node!r:.200}")
        for edge in edges:
            _check_cell_edge(edge, operations, inputs + place, where)
        if not _is_open_choice(combine := node.get("combine", "add")) and combine not in ("add", "concat"):
            raise SpaceError(f"{where} must combine its edges by 'add' or 'concat', got {combine!r}")
    _check_cell_concat(cell["concat"], inputs + len(nodes), what)


def _check_cell_edge(edge: Any, operations: Collection[str], states: int, where: str) -> None:
    if not isinstance(edge, Mapping) or not {"from", "op"} <= edge.keys():
        raise SpaceError(f"each edge of {where} must be {{'from': state, 'op': operation}}, got {edge!r:.200}")
    source, operation = edge["from"], edge["op"]
    if not _is_open_choice(source) and not (isinstance(source, int) and 0 <= source < states):
        raise SpaceError(f"{where} may read the states 0 to {states - 1}, which come before it, got {source!r}")
    if not _is_open_choice(operation) and operation not in tuple(operations):
        raise SpaceError(f"{where} has an {unknown_name('operation', str(operation), operations)}")


def _check_cell_concat(concat: Any, states: int, what: str) -> None:
    if _is_open_choice(concat) or concat in ("all", "loose"):
        return
    is_list = isinstance(concat, Sequence) and not isinstance(concat, str) and len(concat) > 0
    if not is_list or not all(isinstance(s, int) and 0 <= s < states for s in concat) or len(set(concat)) < len(concat):
        raise SpaceError(
            f"the concatenation of {what} must be 'all', 'loose' or a list of distinct states in [0, {states - 1}], got {concat!r}"
        )


def _is_open_choice(value: Any) -> bool:
    return hasattr(value, "labels")  # a choice left in place


def loose_states(nodes: Sequence[Any], inputs: int = 2) -> list[int]:
    """The states that no node reads, in order, the cell's inputs included; the last node is always among them."""
    read = {edge["from"] for node in nodes for edge in node["edges"]}
    return [state for state in range(inputs + len(nodes)) if state not in read]


def concat_states(cell: Any, inputs: int = 2) -> list[int]:
    """The states that the output is made of, in order."""
    if cell["concat"] == "all":
        return list(range(inputs, inputs + len(cell["nodes"])))
    return loose_states(cell["nodes"], inputs) if cell["concat"] == "loose" else list(cell["concat"])


def canonical_cell(cell: Any, inputs: int = 2) -> dict[str, Any]:
    """One form for all cells that are equal up to the order of a node's edges and the numbering of the nodes.

    The nodes come in the topological order whose description is the smallest; ``concat`` is the list of its states. Nothing else
    is merged: nodes that nobody reads stay, and so do operations with the same effect.
    """
    taken = set(concat_states(cell, inputs))
    nodes = cell["nodes"]
    readers = {edge["from"] for node in nodes for edge in node["edges"]}

    def describe(place: int, numbers: Mapping[int, int]) -> tuple[Any, ...]:
        """What tells a node from others, in the new numbers of the states before it."""
        edges = sorted((numbers[edge["from"]], edge["op"]) for edge in nodes[place]["edges"])
        return tuple(edges), nodes[place].get("combine", ""), inputs + place in taken

    def smallest(numbers: dict[int, int]) -> list[tuple[Any, ...]]:
        """The smallest description of the nodes that ``numbers`` (old state -> new state) lacks."""
        ready = {
            place: describe(place, numbers)
            for place, node in enumerate(nodes)
            if inputs + place not in numbers and all(edge["from"] in numbers for edge in node["edges"])
        }
        if not ready:
            return []
        first = min(ready.values())
        equal = [place for place, key in ready.items() if key == first]
        # equal nodes that nobody reads can change places without any effect: one of them stands for all
        unread = [place for place in equal if inputs + place not in readers]
        tried = [place for place in equal if place not in unread[1:]]
        return [first, *min(smallest({**numbers, inputs + place: len(numbers)}) for place in tried)]

    ordered = smallest({state: state for state in range(inputs)})
    kept = [state for state in range(inputs) if state in taken]
    return {
        "nodes": [
            {"edges": [{"from": source, "op": op} for source, op in edges], **({"combine": combine} if combine else {})}
            for edges, combine, _ in ordered
        ],
        "concat": kept + [inputs + place for place, (_, _, is_taken) in enumerate(ordered) if is_taken],
    }
