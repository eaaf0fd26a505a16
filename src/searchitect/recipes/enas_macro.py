"""ENAS on whole networks: a controller draws the operation of every layer and which earlier layers it adds.

Pham, Guan, Zoph, Le, Dean 2018, "Efficient Neural Architecture Search via Parameter Sharing", https://arxiv.org/abs/1802.03268, sections
2.2 and 2.3, and the released code (melodyguan/enas), its macro search.
"""

from searchitect.oneshot.enas import Enas, Policy
from searchitect.oneshot.method import Schedule
from searchitect.recipes.shared_weights import SharedWeightsRecipe
from searchitect.spaces.enas_macro import EnasMacro

RECIPE = SharedWeightsRecipe(
    name="enas-macro",
    title="ENAS, whole networks",
    paper="Pham, Guan, Zoph, Le, Dean 2018, arXiv:1802.03268",
    summary="a controller draws the operation of every layer and its skips, and learns from the accuracy with shared weights",
    space=EnasMacro.for_task,
    method=Enas,
    policy=Policy(learning_rate=0.001, squash=1.5, skip_share=0.4, skip_weight=0.8, steps=10, draws=20, baseline_decay=0.95),
    schedule=Schedule(learning_rate=0.05, learning_rate_min=0.0005, weight_decay=2.5e-4, nesterov=True, train_share=0.9),
    paper_settings={
        "epochs": 310,
        "batch_size": 128,
        "controller_steps": 50,
        "controller_baseline_decay": 0.99,
        "candidates": 10,
    },
    paper_silent=("share",),
    paper_space={"layers": 12, "channels": 96, "dropout": 0.5},  # those of the supernet: a chain cannot be stacked anew
    paper_supernet={"channels": 36, "dropout": 0.1},
    normalisation="batch",
)
