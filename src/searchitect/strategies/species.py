"""Species: genomes that are near each other share their fitness, so that no one kind can take over the population.

Stanley, Miikkulainen 2002, https://doi.org/10.1162/106365602320169811, section 3.3.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil, floor
from typing import Any


@dataclass(frozen=True, slots=True)
class Genome:
    """A judged genome: the id of its trial, the data, and its fitness, finite, higher is better."""

    trial: int
    spec: Any
    fitness: float


@dataclass
class Species:
    """Genomes of a generation that are near one of the generation before.

    Attributes:
        representative: whoever is near it belongs here.
        best: the highest fitness that it ever had.
        progress: the generation in which that was reached.
        members: the fittest first; of equals, the first one judged.
    """

    representative: Any
    best: float
    progress: int
    members: list[Genome] = field(default_factory=list)

    def survivors(self, share: float) -> list[Genome]:
        """The best ``share`` of the members, at least one."""
        return self.members[: max(1, ceil(share * len(self.members)))]


def speciate(
    genomes: Sequence[Genome],
    known: Sequence[Species],
    distance: Callable[[Any, Any], float],
    threshold: float,
    generation: int,
    rng: random.Random,
) -> list[Species]:
    """Sort genomes into species: each into the first one whose representative is nearer than ``threshold``, else into a new one.

    Args:
        genomes: of this generation.
        known: species of the generation before; a random member of each represents it. Those that nobody joins die out.
        distance: of two genomes' data.
        threshold: of the distance.
        generation: the number of this one.
        rng: draws the representatives.
    """
    found = [Species(rng.choice(one.members).spec, one.best, one.progress) for one in known]
    for genome in genomes:
        home = next((one for one in found if distance(genome.spec, one.representative) < threshold), None)
        if home is None:
            home = Species(genome.spec, genome.fitness, generation)
            found.append(home)
        home.members.append(genome)
    alive = [one for one in found if one.members]
    for one in alive:
        one.members.sort(key=lambda genome: -genome.fitness)
        if one.members[0].fitness > one.best:
            one.best, one.progress = one.members[0].fitness, generation
    return alive


def offspring_counts(species: Sequence[Species], population: int) -> list[int]:
    """How many offspring each species has: in proportion to the sum of its members' shared fitness, f / size, that is to their mean.

    They sum to ``population``: what rounding leaves goes to the largest remainders. Where fitness is negative, the lowest is subtracted.
    """
    floor_of_all = min(0.0, *(genome.fitness for one in species for genome in one.members))
    means = [sum(genome.fitness - floor_of_all for genome in one.members) / len(one.members) for one in species]
    total = sum(means)
    exact = [population * mean / total if total > 0 else population / len(species) for mean in means]
    counts = [floor(share) for share in exact]
    order = sorted(range(len(exact)), key=lambda place: counts[place] - exact[place])
    for place in order[: population - sum(counts)]:
        counts[place] += 1
    return counts
