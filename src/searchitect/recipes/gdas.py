"""GDAS: gradient search that runs one operation per edge.

Dong, Yang 2019, "Searching for a Robust Neural Architecture in Four GPU Hours", https://arxiv.org/abs/1910.04465, and the code of NAS-Bench-201
(D-X-Y/AutoDL-Projects).
"""

from searchitect.oneshot.method import Method, Schedule
from searchitect.oneshot.relaxations.hard_gumbel import HardGumbel
from searchitect.oneshot.relaxed import Relaxed
from searchitect.oneshot.rules import bilevel
from searchitect.recipes.cells import cells_for, with_none
from searchitect.recipes.shared_weights import SharedWeightsRecipe


def gdas(
    schedule: Schedule,
    *,
    alpha_learning_rate: float = 3e-3,
    alpha_weight_decay: float = 1e-3,
    temperature: float = 10.0,
    last_temperature: float = 0.1,
) -> Method:
    """Section 3.2: logits from held-out data, then weights from training data, each with a draw of its own.

    Args:
        schedule: of the weights omega.
        alpha_learning_rate, alpha_weight_decay: of Adam on the logits A.
        temperature, last_temperature: tau, at the beginning and at the end.
    """
    return Relaxed(
        HardGumbel(temperature, last_temperature),
        bilevel(1),
        schedule,
        learning_rate=alpha_learning_rate,
        weight_decay=alpha_weight_decay,
    )


RECIPE = SharedWeightsRecipe(
    name="gdas",
    title="GDAS",
    paper="Dong, Yang 2019, arXiv:1910.04465",
    summary="one operation per edge is drawn and run, with the gradient of the Gumbel-softmax",
    space=cells_for,
    method=gdas,
    schedule=Schedule(),
    paper_settings={"alpha_learning_rate": 3e-4, "epochs": 240},
    paper_space={"channels": 36, "layers": 20},
    paper_supernet={"channels": 16, "layers": 8},
    supernet=with_none,
)
