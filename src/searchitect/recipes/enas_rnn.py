"""ENAS on texts: a recurrent controller draws the cells that train the shared weights of a language model.

Pham, Guan, Zoph, Le, Dean 2018, "Efficient Neural Architecture Search via Parameter Sharing", https://arxiv.org/abs/1802.03268, section 2.1,
and the released code (melodyguan/enas, scripts/ptb_search.sh, ptb_final.sh).
"""

from typing import Final

from searchitect.core import Space, TaskInfo
from searchitect.oneshot.enas import Enas, Policy
from searchitect.oneshot.method import Method, Schedule
from searchitect.recipes.shared_weights import TEXTS, SharedWeightsRecipe
from searchitect.spaces.enas_rnn import EnasRnn

_WORDS: Final = 35
"""That the released code learns from at a time."""
_RATES: Final = ("drop_words", "drop_embedding", "drop_input", "drop_hidden", "drop_output")


def enas_rnn(
    schedule: Schedule,
    *,
    controller_learning_rate: float = 0.001,
    controller_steps: int = 10,
    controller_draws: int = 10,
    squash: float = 2.5,
    temperature: float = 5.0,
    entropy: float = 1e-3,
    baseline_decay: float = 0.95,
    candidates: int = 20,
) -> Method:
    """Sections 2.1 and 2.2; the reward is 80 / perplexity.

    Args:
        schedule: of the shared weights omega.
        controller_learning_rate: of Adam on the controller's weights theta.
        controller_steps: of the controller after each epoch.
        controller_draws: cells of such a step.
        squash, temperature: the controller's logits are squash * tanh(logits / temperature).
        entropy: weight of the policy's entropy in the reward.
        baseline_decay: of the moving average of the rewards.
        candidates: cells drawn at the end.
    """
    policy = Policy(
        learning_rate=controller_learning_rate,
        steps=controller_steps,
        draws=controller_draws,
        squash=squash,
        temperature=temperature,
        entropy=entropy,
        baseline_decay=baseline_decay,
    )
    return Enas(schedule, policy, candidates=candidates)


def space_for(info: TaskInfo) -> Space:
    """ENAS's recurrent cells, at a size that a CPU can search."""
    return EnasRnn.for_task(info)


RECIPE = SharedWeightsRecipe(
    name="enas-rnn",
    title="ENAS, recurrent cells",
    paper="Pham, Guan, Zoph, Le, Dean 2018, arXiv:1802.03268",
    summary="a controller draws the recurrent cells that train the shared weights of a language model",
    space=space_for,
    method=enas_rnn,
    schedule=Schedule(train_share=0.9, **TEXTS),
    paper_settings={  # the code's loss is a sum over 35 words, here it is their mean: its rate of 0.25 and its clip of 10 are other numbers
        "epochs": 100,
        "batch_size": 20,
        "optimizer": "sgd",
        "learning_rate": 0.25 * _WORDS,
        "learning_rate_min": 0.0005 * _WORDS,
        "gradient_clip": 10.0 / _WORDS,
        "controller_steps": 100,
        "baseline_decay": 0.99,
        "candidates": 10,
    },
    paper_space={"hidden": 748, "nodes": 12, **dict(zip(_RATES, (0.21, 0.0, 0.75, 0.25, 0.76), strict=True))},
    paper_supernet={"hidden": 720, "nodes": 12, **dict(zip(_RATES, (0.25, 0.0, 0.75, 0.25, 0.75), strict=True))},
    tasks=("language-modelling",),
    normalisation="batch",
)
