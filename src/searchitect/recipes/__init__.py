"""The published systems, one file each. The catalogue loads one when it is asked for."""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final

from searchitect.core import unknown_name

if TYPE_CHECKING:
    from searchitect.recipes.recipe import Recipe


@dataclass(frozen=True)
class Listed:
    """What can be said of a recipe without loading torch.

    Attributes:
        title: the system's name.
        year: of its publication.
        task: what its own space is for.
        cost: what a search takes; `Recipe.cost` of the recipe.
        line: what it does.
    """

    title: str
    year: int
    task: str
    cost: str
    line: str


_CATALOGUE: Final = {
    "amoebanet": Listed(
        "AmoebaNet",
        2019,
        "images",
        "40 trainings a cycle, 20,000 in the paper",
        "ageing evolution of a normal and a reduction cell",
    ),
    "blockqnn": Listed(
        "BlockQNN",
        2018,
        "images",
        "30 trainings a cycle, 11,392 in the paper",
        "Q-learning picks the layers of one block, which is stacked; cheap and sparse blocks are preferred",
    ),
    "cgp-cnn": Listed(
        "CGP-CNN",
        2017,
        "images",
        "21 trainings a cycle, 1,001 in the paper",
        "a grid of nodes, most of them inactive: a parent and two children, and drift of what has no effect",
    ),
    "darts": Listed(
        "DARTS",
        2019,
        "images",
        "a supernet of 50 epochs",
        "every operation of every edge at once, weighted by a softmax that gradient descent learns",
    ),
    "dpp-net": Listed(
        "DPP-Net",
        2018,
        "images",
        "39 trainings a cycle, 399 in the paper",
        "cells of mobile layers grow; those that are Pareto-optimal by counts and a surrogate are trained",
    ),
    "drnas": Listed(
        "DrNAS",
        2021,
        "images",
        "a supernet of 50 epochs",
        "the weights of the operations are drawn from a learned Dirichlet distribution",
    ),
    "efficientnet": Listed(
        "EfficientNet",
        2019,
        "images",
        "60 trainings a cycle, 8,000 in the paper",
        "a mobile network for accuracy and multiply-adds, then how its depth, width and image grow together",
    ),
    "enas": Listed(
        "ENAS",
        2018,
        "images",
        "a supernet of 50 epochs, 150 in the paper",
        "a controller draws the networks that train the shared weights, and learns from their accuracy",
    ),
    "enas-macro": Listed(
        "ENAS, whole networks",
        2018,
        "images",
        "a supernet of 50 epochs, 310 in the paper",
        "a controller draws every layer's operation and its skips",
    ),
    "enas-rnn": Listed(
        "ENAS, cells for texts",
        2018,
        "texts",
        "a supernet of 50 epochs, 100 in the paper",
        "a controller draws the recurrent cells that train the shared weights",
    ),
    "fair-darts": Listed(
        "FairDARTS", 2020, "images", "a supernet of 50 epochs", "every operation has a sigmoid of its own, drawn to 0 or 1"
    ),
    "gdas": Listed(
        "GDAS",
        2019,
        "images",
        "a supernet of 50 epochs, 240 in the paper",
        "one operation per edge is drawn and run, with the gradient of the Gumbel-softmax",
    ),
    "genetic-cnn": Listed(
        "Genetic CNN",
        2017,
        "images",
        "20 trainings a cycle, 1,020 in the paper",
        "generations of bit strings that say how the convolutions of each stage are connected",
    ),
    "hierarchical-evolution": Listed(
        "Hierarchical representations",
        2018,
        "images",
        "40 trainings a cycle, 7,000 in the paper",
        "graphs inside a graph evolve at all levels by tournaments",
    ),
    "large-scale-evolution": Listed(
        "Large-scale evolution",
        2017,
        "images",
        "100 trainings a cycle",
        "networks grow from a linear classifier by mutations and tournaments of two; children inherit weights",
    ),
    "metaqnn": Listed(
        "MetaQNN", 2017, "images", "27 trainings a cycle, 2,700 in the paper", "Q-learning picks one layer after the other"
    ),
    "mnasnet": Listed(
        "MnasNet",
        2019,
        "images",
        "20 trainings a cycle, 8,000 in the paper",
        "a recurrent controller writes down mobile networks, for accuracy and latency here",
    ),
    "monas": Listed(
        "MONAS",
        2018,
        "images",
        "32 trainings a cycle",
        "a recurrent controller, trained by REINFORCE, for accuracy and multiply-adds, latency or measured energy",
    ),
    "nas-rl": Listed(
        "NAS-RL",
        2017,
        "images",
        "16 trainings a cycle, 12,800 in the paper",
        "a recurrent controller, trained by REINFORCE, writes down convolutional networks",
    ),
    "nasnet": Listed(
        "NASNet",
        2018,
        "images",
        "20 trainings a cycle, 20,000 in the paper",
        "a recurrent controller, trained by PPO, writes down a normal and a reduction cell",
    ),
    "neat": Listed(
        "NEAT",
        2002,
        "images, tables, control",
        "300 networks a cycle, 4,755 in the paper",
        "topology and weights evolve together from minimal networks on, in species",
    ),
    "nemo": Listed(
        "NEMO",
        2017,
        "images",
        "24 trainings a cycle, 800 in the paper",
        "NSGA-II on accuracy and latency, over the widths of a network made by hand",
    ),
    "nsga-net": Listed(
        "NSGA-Net",
        2019,
        "images",
        "24 trainings a cycle, 1,200 in the paper",
        "NSGA-II on accuracy and multiply-adds: crossover and mutation of connections",
    ),
    "one-shot": Listed(
        "One-shot",
        2018,
        "images",
        "a supernet of 50 epochs, 114 in the paper",
        "all options at once, paths dropped at random; then every network is scored with the others left out",
    ),
    "parsec": Listed(
        "PARSEC",
        2019,
        "images",
        "a supernet of 50 epochs",
        "networks drawn from a learned prior, weighted by how likely they make held-out data",
    ),
    "pc-darts": Listed(
        "PC-DARTS",
        2020,
        "images",
        "a supernet of 50 epochs",
        "one of four channels goes through the operations; the edges of a node are weighted too",
    ),
    "pnas": Listed(
        "PNAS",
        2018,
        "images",
        "60 trainings a cycle, 1,160 in the paper",
        "cells grow block by block; a surrogate chooses which extensions are trained",
    ),
    "proxylessnas": Listed(
        "ProxylessNAS",
        2019,
        "images",
        "a supernet of 50 epochs, 160 in the paper",
        "binary gates; one path is run for the weights, two for the decisions",
    ),
    "random-asha": Listed(
        "Random search with ASHA",
        2019,
        "images",
        "21 trainings a cycle",
        "random cells, of which the best quarter goes on, again and again",
    ),
    "random-ws": Listed(
        "Random search with weight sharing",
        2019,
        "images",
        "a supernet of 50 epochs, 150 in the paper",
        "drawn networks train the supernet; the best of many others is kept",
    ),
    "randwire": Listed(
        "RandWire", 2019, "images", "5 trainings a cycle, 120 in the paper", "random graphs, of which a few are drawn"
    ),
    "snas": Listed(
        "SNAS",
        2019,
        "images",
        "a supernet of 50 epochs, 150 in the paper",
        "a relaxed architecture is drawn in each step; weights and decisions learn from the same batch",
    ),
    "spos": Listed(
        "Single path one-shot",
        2020,
        "images",
        "a supernet of 50 epochs, 120 in the paper",
        "uniformly drawn paths train the supernet, evolution searches it",
    ),
}


def recipe_listing() -> dict[str, Listed]:
    """Name -> what it is, of all recipes."""
    return dict(sorted(_CATALOGUE.items()))


def recipe_summaries() -> dict[str, str]:
    """Name -> one line, of all recipes."""
    return {name: listed.line for name, listed in recipe_listing().items()}


def find_recipe(name: str) -> "Recipe":
    """The recipe of a name. Raises `SettingError` with the nearest match for an unknown one."""
    if name not in _CATALOGUE:
        raise unknown_name("recipe", name, _CATALOGUE)
    found: Recipe = import_module(f"{__name__}.{name.replace('-', '_')}").RECIPE
    return found
