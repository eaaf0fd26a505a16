"""ENAS: a recurrent controller draws the networks that train the shared weights, and learns from their accuracy on held-out data.

Pham, Guan, Zoph, Le, Dean 2018, "Efficient Neural Architecture Search via Parameter Sharing", https://arxiv.org/abs/1802.03268, and the
released code (melodyguan/enas), its search for cells.
"""

from searchitect.oneshot.enas import Enas, Policy
from searchitect.oneshot.method import Schedule
from searchitect.recipes.shared_weights import SharedWeightsRecipe
from searchitect.spaces.enas_micro import EnasMicro

RECIPE = SharedWeightsRecipe(
    name="enas",
    title="ENAS",
    paper="Pham, Guan, Zoph, Le, Dean 2018, arXiv:1802.03268",
    summary="a controller draws the networks that train the shared weights, and learns from their accuracy",
    space=EnasMicro.for_task,
    method=Enas,
    policy=Policy(steps=10, baseline_decay=0.95),
    schedule=Schedule(learning_rate=0.05, learning_rate_min=0.0005, weight_decay=1e-4, nesterov=True, train_share=0.9),
    paper_settings={
        "epochs": 150,
        "batch_size": 160,
        "controller_steps": 30,
        "controller_baseline_decay": 0.99,
        "candidates": 10,
    },
    paper_silent=("share",),
    paper_space={"nodes": 5, "layers": 15, "channels": 36},
    paper_supernet={"nodes": 5, "layers": 6, "channels": 20},
    normalisation="batch",
)
