"""PARSEC: a prior over architectures, learned from importance-weighted samples.

Casale, Gordon, Fusi 2019, "Probabilistic Neural Architecture Search", https://arxiv.org/abs/1902.05116.
"""

from searchitect.core import SettingError
from searchitect.oneshot.method import Method, Schedule
from searchitect.oneshot.relaxations.categorical import Categorical
from searchitect.oneshot.relaxed import Relaxed
from searchitect.oneshot.score_rules import importance_weighted
from searchitect.recipes.cells import cells_for
from searchitect.recipes.shared_weights import SharedWeightsRecipe


def parsec(
    schedule: Schedule, *, samples: int = 4, sharpness: float = 10.0, alpha_learning_rate: float = 1e-2, warm_up: float = 0.1
) -> Method:
    """Section 3: empirical Bayes with Monte Carlo samples.

    Args:
        schedule: of the weights v.
        samples: networks of a step, K, at least 2.
        sharpness: factor before the mean log-likelihoods whose softmax the importance weights are, above 0.
        alpha_learning_rate: of Adam on the logits of the prior pi.
        warm_up: part of the search in which only the weights learn, on networks drawn almost uniformly.
    """
    if samples < 2:
        raise SettingError(
            f"samples of the recipe 'parsec' must be at least 2, got {samples}: one sample tells nothing of the prior"
        )
    if sharpness <= 0:
        raise SettingError(f"sharpness of the recipe 'parsec' must be above 0, got {sharpness:g}")
    return Relaxed(
        Categorical(),
        importance_weighted(samples, sharpness),
        schedule,
        learning_rate=alpha_learning_rate,
        weight_decay=0.0,
        warm_up=warm_up,
        weighs_edges=True,
    )


RECIPE = SharedWeightsRecipe(
    name="parsec",
    title="PARSEC",
    paper="Casale, Gordon, Fusi 2019, arXiv:1902.05116",
    summary="networks are drawn from a learned prior and weighted by how likely they make held-out data",
    space=cells_for,
    method=parsec,
    schedule=Schedule(),
    paper_space={"channels": 36, "layers": 20},
    paper_supernet={"channels": 16, "layers": 8},
)
