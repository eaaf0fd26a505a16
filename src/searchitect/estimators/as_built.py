"""Judge a network as it is built: its weights come from the architecture, and nothing is trained.

For spaces that decide on the weights too, as neuroevolution does: Stanley, Miikkulainen 2002, https://doi.org/10.1162/106365602320169811.
"""

from typing import ClassVar

import torch

from searchitect.core import Estimator, Job, Measurement
from searchitect.networks import build
from searchitect.tasks import Task, measure
from searchitect.training import evaluate, predict
from searchitect.training.checkpoint import save_checkpoint


class AsBuilt(Estimator):
    """The usual metrics on validation data, or in validation episodes, and under ``train_...`` those in training, which an evolution may use as fitness.

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
        scores = evaluate(network, task, task.valid.x, task.valid.y)
        if task.info.is_control:
            trained = evaluate(network, task, task.train.x, task.train.y)
        else:
            outputs = predict(network, task, task.train.x)
            trained = measure(task.info, outputs, task.train.y, task.target_mean, task.target_std)
            if task.info.is_classification:
                true = torch.softmax(outputs.double(), 1).gather(1, task.train.y.long()[:, None])
                trained["error"] = 1.0 - true.mean().item()
        scores |= {f"train_{name}": value for name, value in trained.items()}
        if job.save is not None:
            save_checkpoint(job.save, network, job.fidelity.epochs)
        return Measurement(scores)
