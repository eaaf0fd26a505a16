"""NEAT: generations of species. Genomes compete within their own species, so that a new structure has time to become good.

Stanley, Miikkulainen 2002, "Evolving Neural Networks through Augmenting Topologies", https://doi.org/10.1162/106365602320169811, sections 3 and 4.1.

Differs from the paper:
1. Of equally fit parents the one with fewer genes counts as the fitter one, as in the authors' code. The paper takes surplus genes of both at random.
2. How many of a species survive to be parents the paper does not say; that a new node or link comes in the place of new weights is the authors' code's.
3. Where fitness can be negative, the lowest of a generation is subtracted before it is shared; the paper's never is.
4. Where every species is stagnant, the two best go on.
5. A genome without a finite score (failed, pruned, over a limit) has no children. Without any that has one, the search begins anew.
6. With several objectives the first one is the fitness.

A generation ends when all of its genomes were told; until then nothing more is proposed. So the search is the same with any number of workers.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, ClassVar, Final, Protocol, cast

from searchitect.core.architecture import Architecture
from searchitect.core.errors import SettingError
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial, TrialState
from searchitect.strategies.species import Genome, Species, offspring_counts, speciate

_REFOCUS: Final = 20
"""Generations without progress after which only the two best species have offspring."""
_CHAMPION: Final = 5
"""Members above which a species' best is copied unchanged."""


class Genetic(Protocol):
    """What a space with the ability ``mate`` offers; see `searchitect.spaces.neat.Neat`."""

    def founder(self, rng: random.Random) -> Any:
        """A genome to begin with."""

    def newest(self, genome: Any) -> int:
        """The highest number that marks anything in it."""

    def add_node(self, genome: Any, rng: random.Random, mark: Any) -> Any:
        """A genome with one node more; ``mark`` numbers structural changes."""

    def add_link(self, genome: Any, rng: random.Random, mark: Any) -> Any:
        """A genome with one link more, where one can be added."""

    def reweigh(self, genome: Any, rng: random.Random, renewed: float) -> Any:
        """A genome with other weights."""

    def mate(self, fitter: Any, other: Any, rng: random.Random, disabled: float) -> Any:
        """A child with the structure of the fitter one."""

    def distance(self, a: Any, b: Any, excess: float, disjoint: float, weights: float) -> float:
        """How far apart they are; 0 for equal ones."""


@dataclass
class _Member:
    """One of a generation, and what became of it."""

    architecture: Architecture
    parent: int | None
    is_open: bool = True  # not proposed yet
    is_told: bool = False
    genome: Genome | None = None  # with its fitness, where it has one


class Neat(Strategy):
    """Speciated evolution over a space of genomes.

    Args:
        space: what can be built; of genomes with historical markings.
        objectives: the first one is the fitness.
        seed: of this strategy's own generator; global generators are never touched.
        population_size: genomes of a generation, at least 2; the paper has 150.
        excess: c1 in the paper, the weight of excess genes in a distance.
        disjoint: c2, of disjoint ones.
        difference: c3, of the mean difference of matching weights.
        threshold: distance from which on two genomes are of different species.
        stagnation: generations without progress after which a species has no offspring.
        survivors: the share of a species that may be parents, in (0, 1].
        cloned: the share of offspring of one parent, in [0, 1].
        interspecies: the probability of a second parent from another species.
        reweighed: the probability that an offspring's weights change.
        renewed: the probability of each of them to be drawn anew, else it takes a step.
        add_node: the probability of a new node.
        add_link: the probability of a new link.
        disabled: the probability that a link disabled in either parent is disabled in the child.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"mate"})
    summary: ClassVar[str] = "species of growing networks, aligned by historical markings (Stanley, Miikkulainen 2002)"

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        population_size: int = 150,
        excess: float = 1.0,
        disjoint: float = 1.0,
        difference: float = 0.4,
        threshold: float = 3.0,
        stagnation: int = 15,
        survivors: float = 0.4,
        cloned: float = 0.25,
        interspecies: float = 0.001,
        reweighed: float = 0.8,
        renewed: float = 0.1,
        add_node: float = 0.03,
        add_link: float = 0.05,
        disabled: float = 0.75,
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        if population_size < 2:
            raise SettingError(f"population_size must be at least 2, got {population_size}; the paper has 150")
        if stagnation < 1 or threshold <= 0 or min(excess, disjoint, difference) < 0:
            raise SettingError(
                "stagnation must be at least 1, threshold above 0 and excess, disjoint, difference at least 0, got "
                f"stagnation={stagnation}, threshold={threshold}, excess={excess}, disjoint={disjoint}, difference={difference}"
            )
        shares = {
            "survivors": survivors,
            "cloned": cloned,
            "interspecies": interspecies,
            "reweighed": reweighed,
            "renewed": renewed,
            "add_node": add_node,
            "add_link": add_link,
            "disabled": disabled,
        }
        for name, value in shares.items():
            if not 0 <= value <= 1 or (name == "survivors" and value == 0):
                raise SettingError(f"{name} must lie in {'(' if name == 'survivors' else '['}0, 1], got {value}")
        self.population_size = population_size
        self.coefficients = excess, disjoint, difference
        self.threshold = threshold
        self.stagnation = stagnation
        self.shares = shares
        self.species: list[Species] = []
        """Of the generation that ended last."""
        self.generation = 0
        self._genetic = cast(Genetic, space)
        self._members: list[_Member] = []
        self._handed: Counter[Architecture] = Counter()
        self._number = 0  # the last that marks anything
        self._best: float | None = None
        self._progress = 0  # the generation of the last one
        self._begin()

    def propose(self, rng: random.Random) -> Proposal | None:
        """The next genome of the generation; ``None`` while its last ones run."""
        member = next((member for member in self._members if member.is_open), None)
        if member is None:
            return None
        member.is_open = False
        self._handed[member.architecture] += 1
        return Proposal(member.architecture, parent=member.parent, is_start=member.parent is None)

    def adopt(self, trial: Trial) -> None:
        """It was proposed before the interruption."""
        member = next((m for m in self._members if m.is_open and m.architecture == trial.architecture), None)
        if member is not None:
            member.is_open = False
            self._handed[trial.architecture] += 1

    def learn(self, trial: Trial) -> None:
        """Note the fitness; when it is the last one of the generation, breed the next."""
        if not self._handed[trial.architecture]:
            self.adopt(trial)
        value = self.values(trial)[0]
        is_fit = trial.state is TrialState.COMPLETE and isfinite(value)
        genome = Genome(trial.id, trial.architecture.spec, value) if is_fit else None
        if self._handed[trial.architecture]:
            self._handed[trial.architecture] -= 1
            # one of equals: they have the same fitness, whichever it is
            member = next(m for m in self._members if not (m.is_open or m.is_told) and m.architecture == trial.architecture)
            member.is_told, member.genome = True, genome
        elif genome is not None:  # one that this search never asked for
            self._members.append(_Member(trial.architecture, None, is_open=False, is_told=True, genome=genome))
            self._number = max(self._number, self._genetic.newest(genome.spec))
        if all(member.is_told for member in self._members):
            self._next_generation()

    def notes(self) -> list[str]:
        """What it did, for the report."""
        return [
            f"NEAT (population {self.population_size}): {self.generation} generations; the last one has {len(self.species)} species, "
            f"{self._number} numbers were given to nodes and links."
        ]

    # --- generations -----------------------------------------------------------------------------------------------------

    def _rng(self, purpose: str) -> random.Random:
        return random.Random(f"{self.seed}/{self.generation}/{purpose}")

    def _begin(self) -> None:
        """A population of minimal genomes."""
        rng = self._rng("founders")
        founders = [self._genetic.founder(rng) for _ in range(self.population_size)]
        self._number = max(self._number, *map(self._genetic.newest, founders))
        self._members = [_Member(Architecture(genome), None) for genome in founders]

    def _next_generation(self) -> None:
        genomes = [member.genome for member in self._members if member.genome is not None]
        self.generation += 1
        if not genomes:
            self.species = []
            self._begin()
            return
        rng = self._rng("breeding")
        self.species = speciate(genomes, self.species, self._distance, self.threshold, self.generation, rng)
        best = max(genome.fitness for genome in genomes)
        if self._best is None or best > self._best:
            self._best, self._progress = best, self.generation
        parents = self._fertile()
        counts = offspring_counts(parents, self.population_size)
        marks: dict[tuple[Any, ...], int] = {}

        def mark(change: tuple[Any, ...]) -> int:
            if change not in marks:
                self._number += 1
                marks[change] = self._number
            return marks[change]

        self._members = []
        for one, count in zip(parents, counts, strict=True):
            for place in range(count):
                if place == 0 and len(one.members) > _CHAMPION:
                    genome, spec = one.members[0], one.members[0].spec
                else:
                    genome, spec = self._offspring(one, parents, rng, mark)
                self._members.append(_Member(Architecture(spec), genome.trial))

    def _fertile(self) -> list[Species]:
        """The species that have offspring, the best first."""
        order = sorted(self.species, key=lambda one: -one.members[0].fitness)
        if self.generation - self._progress > _REFOCUS:
            self._progress = self.generation
            for one in order[:2]:
                one.progress = self.generation
            return order[:2]
        return [one for one in order if self.generation - one.progress < self.stagnation] or order[:2]

    def _offspring(self, own: Species, all_species: Sequence[Species], rng: random.Random, mark: Any) -> tuple[Genome, Any]:
        """A parent and the child of it."""
        share = self.shares
        pool = own.survivors(share["survivors"])
        first = rng.choice(pool)
        spec = first.spec
        if rng.random() >= share["cloned"]:
            others = [one for one in all_species if one is not own]
            is_foreign = bool(others) and rng.random() < share["interspecies"]
            second = rng.choice(others).members[0] if is_foreign else rng.choice(pool)
            first, second = sorted([first, second], key=lambda genome: (-genome.fitness, len(genome.spec["links"])))
            spec = self._genetic.mate(first.spec, second.spec, rng, share["disabled"])
        # a new structure keeps its weights at first, as in the authors' code
        if rng.random() < share["add_node"]:
            spec = self._genetic.add_node(spec, rng, mark)
        elif rng.random() < share["add_link"]:
            spec = self._genetic.add_link(spec, rng, mark)
        elif rng.random() < share["reweighed"]:
            spec = self._genetic.reweigh(spec, rng, share["renewed"])
        return first, spec

    def _distance(self, a: Any, b: Any) -> float:
        return self._genetic.distance(a, b, *self.coefficients)
