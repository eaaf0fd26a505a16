"""The recurrent cell of DARTS: eight nodes, each reading one earlier state through one of four activations.

Liu, Simonyan, Yang 2019, "DARTS: Differentiable Architecture Search", https://arxiv.org/abs/1806.09055, and the authors' code
(quark0/darts, rnn).   Differs from the paper: nothing; sizes and rates of dropout are settings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final, Self

from searchitect.core.architecture import Architecture
from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError
from searchitect.core.space import Space
from searchitect.core.task import TaskInfo
from searchitect.spaces.published import Published
from searchitect.spaces.recurrent import canonical_tree, check_recurrent_settings, dropout_rates

DARTS_RNN_ACTIVATIONS: Final = ("none", "tanh", "relu", "sigmoid", "identity")
"""In the order of the authors' code; ``none`` leaves the node out: zeros."""


@dataclass(frozen=True)
class DartsRnn(Space):
    """One recurrent cell of a language model.

    Attributes:
        hidden: numbers in a state, and in the embedding of a word. At least 1. The authors search with 300.
        nodes: at least 1.
        none: whether ``none`` is among the activations, as in the authors' search, which derives no cell with it.
        drop_words, drop_embedding, drop_input, drop_hidden, drop_output: rates of dropout in [0, 1), see `spaces.recurrent`. In
            the authors' code: dropoute (0 in the search), dropouti, dropoutx, dropouth, dropout.
    """

    name: ClassVar[str] = "darts-rnn"
    summary: ClassVar[str] = "DARTS: recurrent cells of 8 nodes, each one of 4 activations of one earlier state"
    paper: ClassVar[str] = "Liu, Simonyan, Yang 2019, arXiv:1806.09055"
    tasks: ClassVar[tuple[str, ...]] = ("language-modelling",)

    hidden: int = 850
    nodes: int = 8
    none: bool = False
    drop_words: float = 0.1
    drop_embedding: float = 0.2
    drop_input: float = 0.75
    drop_hidden: float = 0.25
    drop_output: float = 0.75

    def __post_init__(self) -> None:
        check_recurrent_settings(self, hidden=8192, nodes=64)

    @classmethod
    def for_task(cls, task: TaskInfo) -> Self:
        """Narrow, and with little dropout, so that a short text trains in seconds an epoch."""
        width = 64 if task.outputs <= 256 else 128
        return cls(width, nodes=6, drop_words=0.0, drop_embedding=0.1, drop_input=0.1, drop_hidden=0.1, drop_output=0.1)

    def describe(self, choose: Chooser) -> Any:
        """State 0 is made of input and hidden state; node i, whose choice is ``nodes/i/from``, is state i + 1.

        The activation is a choice inside that of the state, so that in the supernet every pair of states has weights of its own for
        it, as in the paper.
        """
        return {
            "hidden": self.hidden,
            "nodes": [
                choose(f"nodes/{i}/from", {str(state): partial(self._node, choose, state) for state in range(i + 1)})
                for i in range(self.nodes)
            ],
            "dropout": dropout_rates(self),
        }

    def _node(self, choose: Chooser, source: int) -> Any:
        return {"from": source, "activation": choose("activation", DARTS_RNN_ACTIVATIONS[not self.none :])}

    def canonical(self, spec: Any) -> Any:
        """The nodes in an order that does not depend on their numbers: the output is the mean of all of them."""
        return {**spec, "nodes": canonical_tree(spec["nodes"])}

    def from_genotype(self, recurrent: Sequence[tuple[str, int]]) -> Architecture:
        """The architecture of the authors' genotype: (activation, state read) of each node.

        Raises:
            SettingError: for another number of nodes than the space has.
            SpaceError: for an unknown activation, and a state that does not come before its node.
        """
        if len(recurrent) != self.nodes:
            raise SettingError(f"the genotype has {len(recurrent)} nodes, but the space 'darts-rnn' has nodes={self.nodes}")
        decisions: dict[str, Any] = {}
        for i, (activation, source) in enumerate(recurrent):
            decisions |= {f"nodes/{i}/from": str(source), f"nodes/{i}/from/{source}/activation": activation}
        return self.decide(decisions)


_V1: Final = (
    ("relu", 0),
    ("relu", 1),
    ("tanh", 2),
    ("relu", 3),
    ("relu", 4),
    ("identity", 1),
    ("relu", 5),
    ("relu", 1),
)
_V2: Final = (
    ("sigmoid", 0),
    ("relu", 1),
    ("relu", 1),
    ("identity", 1),
    ("tanh", 2),
    ("sigmoid", 5),
    ("tanh", 3),
    ("relu", 5),
)


def _published(order: str, genotype: Sequence[tuple[str, int]]) -> Published:
    return Published(
        summary=f"DARTS, recurrent cell of the {order}-order search on Penn Treebank, 850 units",
        source="quark0/darts@f276dd3, rnn/genotypes.py",
        space=DartsRnn,
        describe=lambda space: space.from_genotype(genotype),
        input_shape=(35,),  # words that are learned from at a time
        outputs=10_000,
    )


PUBLISHED: Final[dict[str, Published]] = {
    "darts-rnn-v1": _published("first", _V1),
    "darts-rnn-v2": _published("second", _V2),
}
