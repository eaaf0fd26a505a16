"""An estimator of your own: judge an architecture without training it. The best ones are still trained, at the end."""

import torch
from torch import nn

from searchitect import Estimator, Measurement, search
from searchitect.networks import build


class LinearProbe(Estimator):
    """Validation accuracy of a linear classifier, solved in closed form, on the features of the untrained network."""

    def evaluate(self, job):
        task = job.task  # only its training and validation parts may be looked at
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(job.seed)
            network = build(job.space, job.architecture.spec, task.info).eval()
            seen = []
            last = [m for m in network.modules() if isinstance(m, nn.Linear)][-1]
            last.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].flatten(1).double()))
            for part in (task.train, task.valid):
                network(task.preprocess(part.x))
        train, valid = ((f - seen[0].mean(0)) / (seen[0].std(0) + 1e-6) for f in seen)
        wanted = nn.functional.one_hot(task.train.y, task.info.outputs).double()
        ridge = 0.01 * len(train) * torch.eye(train.shape[1], dtype=torch.double)
        weights = torch.linalg.solve(train.T @ train + ridge, train.T @ wanted)
        right = (valid @ weights).argmax(1) == task.valid.y
        return Measurement({"accuracy": right.double().mean().item()})


if __name__ == "__main__":
    result = search(
        "digits", estimator=LinearProbe(), strategy="regularized-evolution", budget="30s,200trials", out="runs/04_own_estimator"
    )
    print(f"{result.summary['counts']['distinct']} architectures judged in {result.summary['seconds']['search']:.0f} s")
    print(result.summary["sentence"])
