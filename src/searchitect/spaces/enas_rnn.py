"""The recurrent cell of ENAS: twelve nodes, the mean of those that no other reads.

Pham, Guan, Zoph, Le, Dean 2018, "Efficient Neural Architecture Search via Parameter Sharing", https://arxiv.org/abs/1802.03268,
and the authors' code (melodyguan/enas, src/ptb).   Differs from the paper: nothing; sizes and rates of dropout are settings.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

from searchitect.core.architecture import Architecture
from searchitect.core.choosing import Chooser
from searchitect.core.errors import SpaceError
from searchitect.core.space import Space
from searchitect.core.task import TaskInfo
from searchitect.spaces.published import Published
from searchitect.spaces.recurrent import canonical_tree, check_recurrent_settings, dropout_rates

ENAS_RNN_ACTIVATIONS: Final = ("tanh", "relu", "identity", "sigmoid")
"""In the order of the authors' code, where 0 to 3 stand for them."""


@dataclass(frozen=True)
class EnasRnn(Space):
    """One recurrent cell of a language model.

    Attributes:
        hidden: numbers in a state, and in the embedding of a word. At least 1. The authors search with 720.
        nodes: at least 1.
        drop_words, drop_embedding, drop_input, drop_hidden, drop_output: rates of dropout in [0, 1), see `spaces.recurrent`. In
            the authors' code, as shares kept: e_keep 0.79, none, x_keep 0.25, h_keep 0.75, o_keep 0.24.
    """

    name: ClassVar[str] = "enas-rnn"
    summary: ClassVar[str] = "ENAS: recurrent cells of 12 nodes, whose loose ends are averaged"
    paper: ClassVar[str] = "Pham, Guan, Zoph, Le, Dean 2018, arXiv:1802.03268"
    tasks: ClassVar[tuple[str, ...]] = ("language-modelling",)

    hidden: int = 748
    nodes: int = 12
    drop_words: float = 0.21
    drop_embedding: float = 0.0
    drop_input: float = 0.75
    drop_hidden: float = 0.25
    drop_output: float = 0.76

    def __post_init__(self) -> None:
        check_recurrent_settings(self, hidden=8192, nodes=64)

    @classmethod
    def for_task(cls, task: TaskInfo) -> Self:
        """Narrow, and with little dropout, so that a short text trains in seconds an epoch."""
        width = 64 if task.outputs <= 256 else 128
        return cls(width, nodes=6, drop_words=0.0, drop_embedding=0.1, drop_input=0.1, drop_hidden=0.1, drop_output=0.1)

    def describe(self, choose: Chooser) -> Any:
        """Node 0 reads input and hidden state and has an activation only; node i reads one of the nodes 0 to i - 1."""
        return {
            "hidden": self.hidden,
            "nodes": [self._node(choose, i) for i in range(self.nodes)],
            "dropout": dropout_rates(self),
        }

    def _node(self, choose: Chooser, i: int) -> Any:
        source = {"from": choose(f"nodes/{i}/from", range(i))} if i else {}  # first the state, as the paper's controller
        return {**source, "activation": choose(f"nodes/{i}/activation", ENAS_RNN_ACTIVATIONS)}

    def canonical(self, spec: Any) -> Any:
        """The nodes in an order that does not depend on their numbers: the output is a mean."""
        first, *others = spec["nodes"]
        return {**spec, "nodes": [first, *canonical_tree(others)]}

    def from_arc(self, text: str) -> Architecture:
        """The architecture of the authors' numbers: activation of node 0, then the node read and the activation of each other.

        Raises:
            SpaceError: where the numbers are not a cell of this space.
        """
        tokens = text.split()
        in_range = all(token.isdecimal() for token in tokens) and len(tokens) == 2 * self.nodes - 1
        if not in_range or max(map(int, [tokens[0], *tokens[2::2]])) >= len(ENAS_RNN_ACTIVATIONS):
            raise SpaceError(
                f"{text!r} is not a cell of {self.nodes} nodes: write {2 * self.nodes - 1} numbers, the activation of node 0 (0 tanh, "
                "1 relu, 2 identity, 3 sigmoid), then for each other node which one it reads and its activation"
            )
        activations = [ENAS_RNN_ACTIVATIONS[int(token)] for token in [tokens[0], *tokens[2::2]]]
        sources = {f"nodes/{i}/from": int(token) for i, token in enumerate(tokens[1::2], start=1)}
        return self.decide({**sources, **{f"nodes/{i}/activation": name for i, name in enumerate(activations)}})


_ARC: Final = "0 0 0 1 1 2 1 2 0 2 0 5 1 1 0 6 1 8 1 8 1 8 1"

PUBLISHED: Final[dict[str, Published]] = {
    "enas-rnn": Published(
        summary="ENAS, recurrent cell of the search on Penn Treebank, 748 units",
        source="melodyguan/enas, scripts/ptb_final.sh",
        space=EnasRnn,
        describe=lambda space: space.from_arc(_ARC),
        input_shape=(35,),  # words that are learned from at a time
        outputs=10_000,
    )
}
