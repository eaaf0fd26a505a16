"""The space of NEAT: networks of any feed-forward topology together with their weights, which nobody trains.

Stanley, Miikkulainen 2002, "Evolving Neural Networks through Augmenting Topologies", https://doi.org/10.1162/106365602320169811, sections 3.1 to 3.4.

A spec holds the genes: ``hidden``, the ids of the hidden nodes, and ``links``, each as [number, from, to, weight, enabled]. The inputs are the nodes
0, 1, ..., then comes the bias, an input of constant 1, then the outputs. A link's number is its historical marking, the *innovation number* of the paper.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar, Final, Self, TypeAlias

from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError
from searchitect.core.space import Space
from searchitect.core.task import TaskInfo

Genome: TypeAlias = dict[str, Any]
Mark: TypeAlias = Callable[[tuple[Any, ...]], int]
"""Gives a structural change its number: ("node", number of the link that is split) or ("link", from, to)."""

NUMBER, SOURCE, TARGET, WEIGHT, ENABLED = range(5)
_DIGITS: Final = 3
"""Of a weight behind the point: records of thousands of genomes stay small."""
_TRIES: Final = 20
"""Pairs of nodes that are looked at for a new link, as in the authors' code."""
_SMALL: Final = 20
"""Genes below which a distance is not divided by their number."""
_REACH: Final = 2.5
"""Of new weights with up to 8 inputs. Differences of weights are told in its measure: the paper's coefficients and threshold are of exclusive or."""
_MINIMAL: Final = 3
"""Links of the minimal genome there. Larger minimal genomes count as so many: all genomes have them, so that they tell nothing of the structure."""


@dataclass(frozen=True)
class Neat(Space):
    """Genomes over so many inputs and outputs. A random draw is the minimal genome with random weights and some structural mutations.

    Attributes:
        inputs: numbers that the network receives, at least 1.
        outputs: output nodes, at least 1; one where there are two classes.
        reach: new weights are uniform in [-reach, reach]; above 0.
        step: steps of a weight are uniform in [-step, step]; above 0.
        mutations: the most structural mutations of a random draw, at least 0.
    """

    name: ClassVar[str] = "neat"
    summary: ClassVar[str] = "NEAT: any feed-forward topology together with its weights; nothing is trained"
    paper: ClassVar[str] = "Stanley, Miikkulainen 2002, Evolutionary Computation 10(2)"
    tasks: ClassVar[tuple[str, ...]] = ("table-classification", "table-regression", "image-classification", "control")
    is_fitted: ClassVar[bool] = True

    inputs: int = 2
    outputs: int = 1
    reach: float = _REACH
    step: float = 2.5
    mutations: int = 8

    def __post_init__(self) -> None:
        for name, low in (("inputs", 1), ("outputs", 1), ("mutations", 0)):
            if getattr(self, name) < low:
                raise SettingError(f"{name} of the space 'neat' must be at least {low}, got {getattr(self, name)}")
        for name in ("reach", "step"):
            if not getattr(self, name) > 0:
                raise SettingError(f"{name} of the space 'neat' must be above 0, got {getattr(self, name)}")

    @classmethod
    def for_task(cls, task: TaskInfo) -> Self:
        """Pixels, columns or an observation's numbers as inputs, one output for two classes or actions and for a number, else one for each.

        With more than 8 inputs weights are smaller, so that the sums stay as large, and so are steps, of which all weights take one.
        """
        inputs = prod(task.input_shape)
        share = min(1.0, 8 / inputs)
        outputs = 1 if task.outputs == 2 else task.outputs
        return cls(
            inputs=inputs, outputs=outputs, reach=round(_REACH * share**0.5, 3), step=round(max(0.01, 2.5 * share**1.5), 3)
        )

    def describe(self, choose: Chooser) -> Any:
        """How many structural mutations, and the number in [0, 1) that all else is drawn from."""
        count = int(choose.between("mutations", 0, self.mutations))
        rng = random.Random(str(float(choose.between("draw", 0.0, 1.0))))
        genome = self.founder(rng)
        numbers = iter(range(self.newest(genome) + 1, 10**9))
        for _ in range(count):
            add = self.add_node if rng.random() < 0.5 else self.add_link
            genome = add(genome, rng, lambda _: next(numbers))
        return genome

    def edit(self, spec: Genome, choose: Chooser) -> Genome:
        """One mutation of the paper, each kind as likely as the others; where no link can be added, of the weights."""
        kind = choose("kind", ["weights", "node", "link"])
        rng = random.Random(str(float(choose.between("draw", 0.0, 1.0))))
        numbers = iter(range(self.newest(spec) + 1, 10**9))
        if kind != "weights":
            changed = (self.add_node if kind == "node" else self.add_link)(spec, rng, lambda _: next(numbers))
            if changed is not spec:
                return changed
        return self.reweigh(spec, rng)

    def canonical(self, spec: Genome) -> Any:
        """What is computed: the enabled links, without their numbers."""
        enabled = sorted([0, *link[SOURCE : WEIGHT + 1], 1] for link in spec["links"] if link[ENABLED])
        return {**spec, "hidden": sorted(spec["hidden"]), "links": enabled}

    def founder(self, rng: random.Random) -> Genome:
        """The minimal genome (section 3.4): no hidden node, all inputs and the bias linked to all outputs by random weights."""
        pairs = [(source, self.inputs + 1 + target) for target in range(self.outputs) for source in range(self.inputs + 1)]
        links = [[number, source, target, _uniform(rng, self.reach), 1] for number, (source, target) in enumerate(pairs, 1)]
        return {"inputs": self.inputs, "outputs": self.outputs, "hidden": [], "links": links}

    def newest(self, genome: Genome) -> int:
        """The highest number of a link or a node in it."""
        nodes = [self.inputs + self.outputs, *genome["hidden"]]
        return int(max(*nodes, *(link[NUMBER] for link in genome["links"])))

    def add_node(self, genome: Genome, rng: random.Random, mark: Mark) -> Genome:
        """Split an enabled link, not of the bias: it is disabled, the link into the new node has the weight 1, the one out of it the old weight."""
        enabled = [place for place, link in enumerate(genome["links"]) if link[ENABLED] and link[SOURCE] != self.inputs]
        if not enabled:
            return genome
        place = enabled[int(rng.random() * len(enabled))]
        number, source, target, weight, _ = genome["links"][place]
        node = mark(("node", number))
        new = [[mark(("link", source, node)), source, node, 1.0, 1], [mark(("link", node, target)), node, target, weight, 1]]
        links = [*genome["links"][:place], [number, source, target, weight, 0], *genome["links"][place + 1 :], *new]
        return {**genome, "hidden": [*genome["hidden"], node], "links": links}

    def add_link(self, genome: Genome, rng: random.Random, mark: Mark) -> Genome:
        """Link two nodes that no gene links yet, so that no cycle arises, also by genes that are disabled. The genome itself where no pair is found."""
        hidden: list[int] = genome["hidden"]
        sources = [*range(self.inputs + 1), *hidden]
        targets = [*range(self.inputs + 1, self.inputs + 1 + self.outputs), *hidden]
        known = {(link[SOURCE], link[TARGET]) for link in genome["links"]}
        for _ in range(_TRIES if hidden else 0):
            source, target = (nodes[int(rng.random() * len(nodes))] for nodes in (sources, targets))
            if source != target and (source, target) not in known and not _reaches(known, target, source):
                link = [mark(("link", source, target)), source, target, _uniform(rng, self.reach), 1]
                return {**genome, "links": [*genome["links"], link]}
        return genome

    def reweigh(self, genome: Genome, rng: random.Random, renewed: float = 0.1) -> Genome:
        """Each weight becomes a new random one with the probability ``renewed``, else it takes a uniform step."""
        links = [
            [
                *link[:WEIGHT],
                _uniform(rng, self.reach)
                if rng.random() < renewed
                else round(link[WEIGHT] + _uniform(rng, self.step), _DIGITS),
                link[ENABLED],
            ]
            for link in genome["links"]
        ]
        return {**genome, "links": links}

    def mate(self, fitter: Genome, other: Genome, rng: random.Random, disabled: float = 0.75) -> Genome:
        """Section 3.2: links that both have come from either at random, all others from the fitter one.

        Args:
            fitter, other: parents.
            rng: draws.
            disabled: the probability that a link which is disabled in either parent is disabled in the child; else it is enabled.
        """
        of_other = {link[NUMBER]: link for link in other["links"]}
        links = []
        for own in fitter["links"]:
            match = of_other.get(own[NUMBER], own)
            if match[SOURCE : TARGET + 1] != own[SOURCE : TARGET + 1]:  # of another history, which counted otherwise
                match = own
            taken = own if rng.random() < 0.5 else match
            is_on = bool(own[ENABLED] and match[ENABLED]) or rng.random() >= disabled
            links.append([*own[:WEIGHT], taken[WEIGHT], int(is_on)])
        return {**fitter, "links": links}

    def distance(self, a: Genome, b: Genome, excess: float, disjoint: float, weights: float) -> float:
        """Compatibility (equation 1): excess * E / N + disjoint * D / N + weights * mean difference of the weights of matching links.

        N is the number of links of the larger genome, of which those that the minimal genome has above 3 are not counted; 1 where that is
        below 20. Differences are divided by the `reach` of weights and multiplied by the usual one, 2.5.
        """
        first, second = ({link[NUMBER]: link[WEIGHT] for link in genome["links"]} for genome in (a, b))
        matching = first.keys() & second.keys()
        shorter = min(max(first), max(second))
        odd = first.keys() ^ second.keys()
        beyond = sum(number > shorter for number in odd)
        larger = max(len(first), len(second)) - max(0, (self.inputs + 1) * self.outputs - _MINIMAL)
        size = larger if larger >= _SMALL else 1
        differences: list[float] = [abs(first[number] - second[number]) for number in matching]
        difference = sum(differences) / max(1, len(matching)) * (_REACH / self.reach)
        found: float = (excess * beyond + disjoint * (len(odd) - beyond)) / size + weights * difference
        return found


def _uniform(rng: random.Random, bound: float) -> float:
    return round(bound * (2 * rng.random() - 1), _DIGITS)


def _reaches(edges: set[tuple[int, int]], start: int, end: int) -> bool:
    """Whether edges lead from ``start`` to ``end``."""
    following: dict[int, list[int]] = {}
    for source, target in edges:
        following.setdefault(source, []).append(target)
    waiting, seen = [start], {start}
    while waiting:
        node = waiting.pop()
        if node == end:
            return True
        new = [target for target in following.get(node, ()) if target not in seen]
        seen.update(new)
        waiting += new
    return False
