"""Judge a network as it is built: its weights come from the architecture, and nothing is trained.

For spaces that decide on the weights too, as neuroevolution does: Stanley, Miikkulainen 2002, https://doi.org/10.1162/106365602320169811.
"""

from typing import Any, ClassVar

import torch
from torch import Tensor

from searchitect.core import Estimator, Job, Measurement
from searchitect.networks import build
from searchitect.tasks import Task, measure
from searchitect.training import predict
from searchitect.training.checkpoint import save_checkpoint


class AsBuilt(Estimator):
    """The usual metrics on validation data, and under ``train_...`` those on training data, which an evolution may use as fitness.

    Of classifications ``train_error`` is the mean of 1 - p over the training examples, p being the probability of the true class.
    """

    builds: ClassVar[bool] = True
    trains: ClassVar[bool] = False
    has_fidelities: ClassVar[bool] = False

    def evaluate(self, job: Job) -> Measurement:
        """One pass over the training part and one over the validation part."""
        task: Task = job.task
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(job.seed)  # of whatever the architecture does not decide
            network = build(job.space, job.architecture.spec, task.info).eval()
        scores = _measured(task, predict(network, task, task.valid.x), task.valid.y)
        trained = predict(network, task, task.train.x)
        scores |= {f"train_{name}": value for name, value in _measured(task, trained, task.train.y).items()}
        if task.info.is_classification:
            true = torch.softmax(trained.double(), 1).gather(1, task.train.y.long()[:, None])
            scores["train_error"] = 1.0 - true.mean().item()
        if job.save is not None:
            save_checkpoint(job.save, network, job.fidelity.epochs)
        return Measurement(scores)


def _measured(task: Task, outputs: Tensor, y: Tensor) -> dict[str, Any]:
    return measure(task.info, outputs, y, task.target_mean, task.target_std)
