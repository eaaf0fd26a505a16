"""The published systems, one file each. The catalogue loads one when it is asked for."""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from searchitect.core import unknown_name

if TYPE_CHECKING:
    from searchitect.recipes.recipe import Recipe

_CATALOGUE: Final = {
    "amoebanet": "AmoebaNet, 2019: ageing evolution of a normal and a reduction cell",
    "blockqnn": "BlockQNN, 2018: Q-learning picks the layers of one block, which is stacked; cheap and sparse blocks are preferred",
    "hierarchical-evolution": "hierarchical representations, 2018: graphs inside a graph evolve at all levels by tournaments",
    "metaqnn": "MetaQNN, 2017: Q-learning picks one layer after the other",
    "nas-rl": "NAS-RL, 2017: a recurrent controller, trained by REINFORCE, writes down convolutional networks",
    "nasnet": "NASNet, 2018: a recurrent controller, trained by PPO, writes down a normal and a reduction cell",
    "pnas": "PNAS, 2018: cells grow block by block; a surrogate chooses which extensions are trained",
    "random-asha": "random search with ASHA, 2019: random cells, of which the best quarter goes on, again and again",
    "randwire": "RandWire, 2019: random graphs, of which a few are drawn",
    "darts": "DARTS, 2019: every operation of every edge at once, weighted by a softmax that gradient descent learns",
    "drnas": "DrNAS, 2021: the weights of the operations are drawn from a learned Dirichlet distribution",
    "enas": "ENAS, 2018: a controller draws the networks that train the shared weights, and learns from their accuracy",
    "enas-macro": "ENAS, 2018, on whole networks: a controller draws every layer's operation and its skips",
    "enas-rnn": "ENAS, 2018, on texts: a controller draws the recurrent cells that train the shared weights",
    "fair-darts": "FairDARTS, 2020: every operation has a sigmoid of its own, drawn to 0 or 1",
    "gdas": "GDAS, 2019: one operation per edge is drawn and run, with the gradient of the Gumbel-softmax",
    "one-shot": "one-shot, 2018: all options at once, paths dropped at random; then every network is scored with the others left out",
    "parsec": "PARSEC, 2019: networks drawn from a learned prior, weighted by how likely they make held-out data",
    "pc-darts": "PC-DARTS, 2020: one of four channels goes through the operations; the edges of a node are weighted too",
    "proxylessnas": "ProxylessNAS, 2019: binary gates; one path is run for the weights, two for the decisions",
    "random-ws": "random search with weight sharing, 2019: drawn networks train the supernet; the best of many others is kept",
    "snas": "SNAS, 2019: a relaxed architecture is drawn in each step; weights and decisions learn from the same batch",
    "spos": "single path one-shot, 2020: uniformly drawn paths train the supernet, evolution searches it",
}
"""Name -> one line, which can be listed without loading torch."""


def recipe_summaries() -> dict[str, str]:
    """Name -> one line, of all recipes."""
    return dict(sorted(_CATALOGUE.items()))


def find_recipe(name: str) -> "Recipe":
    """The recipe of a name. Raises `SettingError` with the nearest match for an unknown one."""
    if name not in _CATALOGUE:
        raise unknown_name("recipe", name, _CATALOGUE)
    found: Recipe = import_module(f"{__name__}.{name.replace('-', '_')}").RECIPE
    return found
