"""RandWire: the generator of random graphs is the design; a few draws of it are the search.

Xie, Kirillov, Girshick, He 2019, "Exploring Randomly Wired Neural Networks for Image Recognition", https://arxiv.org/abs/1904.01569.
"""

from searchitect.recipes.composed import PLAIN, Candidates, ComposedRecipe
from searchitect.spaces.randwire import RandWire


def randwire() -> Candidates:
    """Section 3: uniform draws of a generator's setting and of its seeds; the paper trains five of each of 24 settings."""
    return Candidates("random", cycle=5)


RECIPE = ComposedRecipe(
    name="randwire",
    title="Randomly wired networks",
    paper="Xie, Kirillov, Girshick, He 2019, arXiv:1904.01569",
    summary="random graphs of three classical models: the generator is the design, a few draws of it are the search",
    space=RandWire.for_task,
    candidates=randwire,
    paper_settings={"epochs": 250.0},
    paper_space={"channels": 78, "nodes": 32, "regime": "small", "stages": 3, "stem": "imagenet", "head": 1280},
    paper_training={
        **PLAIN,
        "optimizer": "sgd",
        "learning_rate": 0.1,
        "nesterov": False,
        "weight_decay": 5e-5,
        "label_smoothing": 0.1,
    },
    paper_trials=24 * 5,
)
