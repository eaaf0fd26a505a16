"""The published systems, one file each. The catalogue loads one when it is asked for."""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final

from searchitect.core import unknown_name

if TYPE_CHECKING:
    from searchitect.recipes.recipe import Recipe

_SUPERNET: Final = "one supernet"
_ONE_BY_ONE: Final = "many trainings"
_NOTHING: Final = "nothing"


@dataclass(frozen=True)
class Listed:
    """What can be said of a recipe without loading torch.

    Attributes:
        title: the system's name.
        year: of its publication.
        task: what its own space is for.
        trains: what the search trains.
        line: what it does.
    """

    title: str
    year: int
    task: str
    trains: str
    line: str


_CATALOGUE: Final = {
    "amoebanet": Listed("AmoebaNet", 2019, "images", _ONE_BY_ONE, "ageing evolution of a normal and a reduction cell"),
    "blockqnn": Listed(
        "BlockQNN",
        2018,
        "images",
        _ONE_BY_ONE,
        "Q-learning picks the layers of one block, which is stacked; cheap and sparse blocks are preferred",
    ),
    "cgp-cnn": Listed(
        "CGP-CNN",
        2017,
        "images",
        _ONE_BY_ONE,
        "a grid of nodes, most of them inactive: a parent and two children, and drift of what has no effect",
    ),
    "darts": Listed(
        "DARTS",
        2019,
        "images",
        _SUPERNET,
        "every operation of every edge at once, weighted by a softmax that gradient descent learns",
    ),
    "dpp-net": Listed(
        "DPP-Net",
        2018,
        "images",
        _ONE_BY_ONE,
        "cells of mobile layers grow; those that are Pareto-optimal by counts and a surrogate are trained",
    ),
    "drnas": Listed(
        "DrNAS", 2021, "images", _SUPERNET, "the weights of the operations are drawn from a learned Dirichlet distribution"
    ),
    "efficientnet": Listed(
        "EfficientNet",
        2019,
        "images",
        _ONE_BY_ONE,
        "a mobile network for accuracy and multiply-adds, then how its depth, width and image grow together",
    ),
    "enas": Listed(
        "ENAS",
        2018,
        "images",
        _SUPERNET,
        "a controller draws the networks that train the shared weights, and learns from their accuracy",
    ),
    "enas-macro": Listed(
        "ENAS, whole networks", 2018, "images", _SUPERNET, "a controller draws every layer's operation and its skips"
    ),
    "enas-rnn": Listed(
        "ENAS, cells for texts",
        2018,
        "texts",
        _SUPERNET,
        "a controller draws the recurrent cells that train the shared weights",
    ),
    "fair-darts": Listed("FairDARTS", 2020, "images", _SUPERNET, "every operation has a sigmoid of its own, drawn to 0 or 1"),
    "gdas": Listed(
        "GDAS", 2019, "images", _SUPERNET, "one operation per edge is drawn and run, with the gradient of the Gumbel-softmax"
    ),
    "genetic-cnn": Listed(
        "Genetic CNN",
        2017,
        "images",
        _ONE_BY_ONE,
        "generations of bit strings that say how the convolutions of each stage are connected",
    ),
    "hierarchical-evolution": Listed(
        "Hierarchical representations", 2018, "images", _ONE_BY_ONE, "graphs inside a graph evolve at all levels by tournaments"
    ),
    "large-scale-evolution": Listed(
        "Large-scale evolution",
        2017,
        "images",
        _ONE_BY_ONE,
        "networks grow from a linear classifier by mutations and tournaments of two; children inherit weights",
    ),
    "metaqnn": Listed("MetaQNN", 2017, "images", _ONE_BY_ONE, "Q-learning picks one layer after the other"),
    "mnasnet": Listed(
        "MnasNet",
        2019,
        "images",
        _ONE_BY_ONE,
        "a recurrent controller writes down mobile networks, for accuracy and latency here",
    ),
    "monas": Listed(
        "MONAS",
        2018,
        "images",
        _ONE_BY_ONE,
        "a recurrent controller, trained by REINFORCE, for accuracy and multiply-adds, latency or measured energy",
    ),
    "nas-rl": Listed(
        "NAS-RL",
        2017,
        "images",
        _ONE_BY_ONE,
        "a recurrent controller, trained by REINFORCE, writes down convolutional networks",
    ),
    "nasnet": Listed(
        "NASNet",
        2018,
        "images",
        _ONE_BY_ONE,
        "a recurrent controller, trained by PPO, writes down a normal and a reduction cell",
    ),
    "neat": Listed(
        "NEAT",
        2002,
        "images and tables",
        _NOTHING,
        "topology and weights evolve together from minimal networks on, in species",
    ),
    "nemo": Listed(
        "NEMO", 2017, "images", _ONE_BY_ONE, "NSGA-II on accuracy and latency, over the widths of a network made by hand"
    ),
    "nsga-net": Listed(
        "NSGA-Net", 2019, "images", _ONE_BY_ONE, "NSGA-II on accuracy and multiply-adds: crossover and mutation of connections"
    ),
    "one-shot": Listed(
        "One-shot",
        2018,
        "images",
        _SUPERNET,
        "all options at once, paths dropped at random; then every network is scored with the others left out",
    ),
    "parsec": Listed(
        "PARSEC",
        2019,
        "images",
        _SUPERNET,
        "networks drawn from a learned prior, weighted by how likely they make held-out data",
    ),
    "pc-darts": Listed(
        "PC-DARTS",
        2020,
        "images",
        _SUPERNET,
        "one of four channels goes through the operations; the edges of a node are weighted too",
    ),
    "pnas": Listed(
        "PNAS", 2018, "images", _ONE_BY_ONE, "cells grow block by block; a surrogate chooses which extensions are trained"
    ),
    "proxylessnas": Listed(
        "ProxylessNAS", 2019, "images", _SUPERNET, "binary gates; one path is run for the weights, two for the decisions"
    ),
    "random-asha": Listed(
        "Random search with ASHA",
        2019,
        "images",
        _ONE_BY_ONE,
        "random cells, of which the best quarter goes on, again and again",
    ),
    "random-ws": Listed(
        "Random search with weight sharing",
        2019,
        "images",
        _SUPERNET,
        "drawn networks train the supernet; the best of many others is kept",
    ),
    "randwire": Listed("RandWire", 2019, "images", _ONE_BY_ONE, "random graphs, of which a few are drawn"),
    "snas": Listed(
        "SNAS",
        2019,
        "images",
        _SUPERNET,
        "a relaxed architecture is drawn in each step; weights and decisions learn from the same batch",
    ),
    "spos": Listed(
        "Single path one-shot", 2020, "images", _SUPERNET, "uniformly drawn paths train the supernet, evolution searches it"
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
