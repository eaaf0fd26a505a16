"""The recurrent cell of NAS with reinforcement learning: a binary tree over input and hidden state, and a memory.

Zoph, Le 2017, "Neural Architecture Search with Reinforcement Learning", https://arxiv.org/abs/1611.01578, section 3.4 and
appendix A.   Differs from the paper: nothing in the space; the width of its networks and their dropout are not published.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final, Self

from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError
from searchitect.core.space import Space
from searchitect.core.task import TaskInfo
from searchitect.spaces.published import Published
from searchitect.spaces.recurrent import check_recurrent_settings, dropout_rates

NAS_RL_RNN_COMBINES: Final = ("add", "multiply")
NAS_RL_RNN_ACTIVATIONS: Final = ("identity", "tanh", "sigmoid", "relu")


@dataclass(frozen=True)
class NasRlRnn(Space):
    """One recurrent cell, the same in every layer of a language model.

    Node k below ``base`` is a leaf: it combines its own matrix times the input with its own matrix times the hidden state. The others
    combine two nodes, without weights: node ``base + m`` the nodes 2m and 2m + 1. The last node is the root, the new hidden state.

    Attributes:
        base: leaves of the tree: 2, 4, 8, 16 or 32.
        hidden: numbers in a state, and in the embedding of a word. At least 1. See `PUBLISHED`.
        layers: cells on top of one another, at least 1.
        is_tied: whether embedding and decoder share their matrix.
        drop_words, drop_embedding, drop_input, drop_hidden, drop_output: rates of dropout in [0, 1), see `spaces.recurrent`. The
            paper names the technique, not the rates.
    """

    name: ClassVar[str] = "nas-rl-rnn"
    summary: ClassVar[str] = "NAS with RL: recurrent cells as a tree of 8 leaves with a memory"
    paper: ClassVar[str] = "Zoph, Le 2017, arXiv:1611.01578"
    tasks: ClassVar[tuple[str, ...]] = ("language-modelling",)

    base: int = 8
    hidden: int = 740
    layers: int = 2
    is_tied: bool = True
    drop_words: float = 0.0
    drop_embedding: float = 0.2
    drop_input: float = 0.5
    drop_hidden: float = 0.25
    drop_output: float = 0.5

    def __post_init__(self) -> None:
        check_recurrent_settings(self, base=32, hidden=8192, layers=16)
        if self.base not in (2, 4, 8, 16, 32):
            raise SettingError(f"base of the space 'nas-rl-rnn' must be 2, 4, 8, 16 or 32, got {self.base}")

    @classmethod
    def for_task(cls, task: TaskInfo) -> Self:
        """Narrow, one layer, and with little dropout, so that a short text trains in seconds an epoch."""
        width = 64 if task.outputs <= 256 else 128
        return cls(hidden=width, layers=1, drop_embedding=0.1, drop_input=0.1, drop_hidden=0.1, drop_output=0.1)

    def describe(self, choose: Chooser) -> Any:
        """In the order in which the paper's controller decides: nodes, leaves first; inject; the two cell indices.

        ``cell_from`` is the node whose value before its activation becomes the new memory; at the node ``inject/at`` the old memory
        is combined with the value after it.
        """
        places = range(2 * self.base - 1)
        tree = [self._combination(choose, f"tree/{place}/") for place in places]
        inject = self._combination(choose, "inject/")
        cell_from = choose("cell_from", places)
        return {
            "hidden": self.hidden,
            "layers": self.layers,
            "is_tied": self.is_tied,
            "tree": tree,
            "inject": {**inject, "at": choose("inject/at", places)},
            "cell_from": cell_from,
            "dropout": dropout_rates(self),
        }

    def _combination(self, choose: Chooser, path: str) -> dict[str, Any]:
        return {
            "combine": choose(f"{path}combine", NAS_RL_RNN_COMBINES),
            "activation": choose(f"{path}activation", NAS_RL_RNN_ACTIVATIONS),
        }

    def canonical(self, spec: Any) -> Any:
        """The two nodes that another one combines, in one order for both: sum and product do not depend on it."""
        tree, base = spec["tree"], (len(spec["tree"]) + 1) // 2
        marks = (spec["inject"]["at"], spec["cell_from"])

        def describe(place: int) -> tuple[Any, ...]:
            """The subtree below a node, in the same words for all that are alike."""
            branches = () if place < base else tuple(sorted(map(describe, (2 * (place - base), 2 * (place - base) + 1))))
            return tree[place]["combine"], tree[place]["activation"], *(place == mark for mark in marks), branches

        ordered = [dict(node) for node in tree]
        found = list(marks)

        def write(subtree: tuple[Any, ...], place: int) -> None:
            combine, activation, is_inject, is_cell, branches = subtree
            ordered[place] = {"combine": combine, "activation": activation}
            found[0] = place if is_inject else found[0]
            found[1] = place if is_cell else found[1]
            for side, branch in enumerate(branches):
                write(branch, 2 * (place - base) + side)

        write(describe(len(tree) - 1), len(tree) - 1)
        return {**spec, "tree": ordered, "inject": {**spec["inject"], "at": found[0]}, "cell_from": found[1]}


_TREE: Final = (
    "add sigmoid, add relu, add sigmoid, multiply relu, add tanh, add sigmoid, add tanh, add sigmoid, "  # leaves
    "multiply tanh, add tanh, multiply tanh, add sigmoid, "
    "multiply identity, add tanh, "
    "multiply tanh"
)


def _decided(space: NasRlRnn, tree: str, inject: str, cell_from: int, at: int) -> Any:
    """The spec of a cell whose nodes are written "combine activation", with commas between them."""
    nodes = [node.split() for node in tree.split(", ")]
    if len(nodes) != 2 * space.base - 1:
        raise SettingError(f"this cell has {len(nodes)} nodes and needs base={(len(nodes) + 1) // 2}, got base={space.base}")
    decisions: dict[str, Any] = {"cell_from": cell_from, "inject/at": at}
    for path, (combine, activation) in [*((f"tree/{i}", node) for i, node in enumerate(nodes)), ("inject", inject.split())]:
        decisions |= {f"{path}/combine": combine, f"{path}/activation": activation}
    return space.decide(decisions)


PUBLISHED: Final[dict[str, Published]] = {
    # the paper gives sizes, not widths: 740 units make its 25M parameters with shared embeddings and its 32M without, 1,150 its 54M
    "nas-rl-rnn": Published(
        summary="NAS with RL, recurrent cell of the search on Penn Treebank, two layers of 740 units",
        source="the paper's appendix, as its ports compute it (NASCell of TensorFlow's contrib.rnn)",
        space=NasRlRnn,
        describe=partial(_decided, tree=_TREE, inject="add tanh", cell_from=12, at=8),
        input_shape=(35,),  # words that are learned from at a time
        outputs=10_000,
    )
}
