"""Judge without training: the score of a newly initialised network by a zero-cost proxy.

Abdelfattah, Mehrotra, Dudziak, Lane 2021, "Zero-Cost Proxies for Lightweight NAS", https://arxiv.org/abs/2101.08134; each proxy's own
source stands in its file in `searchitect.proxies`.

Differs from the paper:
1. Here a proxy judges alone, in the place of training; the final step trains the best by it from scratch, as always.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from searchitect.core import Estimator, Job, Measurement, SettingError, TrialState
from searchitect.proxies import WORST, Scorer, make_scorer, needs_data


class ZeroCost(Estimator):
    """The metric ``score``, by a proxy, higher is better. The same seed for every architecture: initial weights and minibatches.

    Args:
        proxy: one of `searchitect.proxies.proxy_names`.
        batch: examples of a minibatch, at least 2.
        repeats: scores with different seeds of which the mean is taken, at least 1.

    Raises:
        SettingError: for an unknown proxy.
    """

    measures: ClassVar[Mapping[str, str]] = {"score": "max"}
    needs_task: ClassVar[bool] = True
    has_fidelities: ClassVar[bool] = False

    def __init__(self, proxy: str = "synflow", batch: int = 16, repeats: int = 1) -> None:
        needs_data(proxy)  # refuses an unknown name now, not in a worker
        if batch < 2 or repeats < 1:
            raise SettingError(
                f"zero-cost: batch must be at least 2 and repeats at least 1, got batch={batch}, repeats={repeats}"
            )
        self.proxy, self.batch, self.repeats = proxy, batch, repeats
        self._scorer: tuple[Any, Any, Scorer] | None = None

    def evaluate(self, job: Job) -> Measurement:
        """The score; a network that gives the same for every input has failed."""
        if self._scorer is None or self._scorer[0] is not job.space or self._scorer[1] is not job.task:
            made = make_scorer(self.proxy, job.space, job.task, batch=self.batch, repeats=self.repeats)
            self._scorer = job.space, job.task, made
        score = self._scorer[2](job.architecture)
        if score <= WORST:
            reason = f"no {self.proxy} score: the network gives the same for every input, or its score is no number"
            return Measurement({}, state=TrialState.FAILED, reason=reason)
        return Measurement({"score": score})

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_scorer": None}  # a worker makes its own, with its own copy of the data
