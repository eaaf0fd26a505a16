"""ENAS on texts: a recurrent controller draws the cells that train the shared weights of a language model.

Pham, Guan, Zoph, Le, Dean 2018, "Efficient Neural Architecture Search via Parameter Sharing", https://arxiv.org/abs/1802.03268, section 2.1,
and the released code (melodyguan/enas, scripts/ptb_search.sh, ptb_final.sh).
"""

from typing import Final

from searchitect.oneshot.enas import Enas, Policy
from searchitect.oneshot.method import Schedule
from searchitect.recipes.shared_weights import TEXTS, SharedWeightsRecipe
from searchitect.spaces.enas_rnn import EnasRnn

_WORDS: Final = 35
"""That the released code learns from at a time."""
_RATES: Final = ("drop_words", "drop_embedding", "drop_input", "drop_hidden", "drop_output")


RECIPE = SharedWeightsRecipe(
    name="enas-rnn",
    title="ENAS, recurrent cells",
    paper="Pham, Guan, Zoph, Le, Dean 2018, arXiv:1802.03268",
    summary="a controller draws the recurrent cells that train the shared weights of a language model",
    space=EnasRnn.for_task,
    method=Enas,
    policy=Policy(learning_rate=0.001, squash=2.5, temperature=5.0, entropy=1e-3, steps=10, baseline_decay=0.95),
    schedule=Schedule(train_share=0.9, **TEXTS),
    paper_settings={  # the code's loss is a sum over 35 words, here it is their mean: its rate of 0.25 and its clip of 10 are other numbers
        "epochs": 100,
        "batch_size": 20,
        "optimizer": "sgd",
        "learning_rate": 0.25 * _WORDS,
        "learning_rate_min": 0.0005 * _WORDS,
        "gradient_clip": 10.0 / _WORDS,
        "controller_steps": 100,
        "controller_baseline_decay": 0.99,
        "candidates": 10,
    },
    paper_silent=("share",),
    paper_space={"hidden": 748, "nodes": 12, **dict(zip(_RATES, (0.21, 0.0, 0.75, 0.25, 0.76), strict=True))},
    paper_supernet={"hidden": 720, "nodes": 12, **dict(zip(_RATES, (0.25, 0.0, 0.75, 0.25, 0.75), strict=True))},
    tasks=("language-modelling",),
    normalisation="batch",
)
