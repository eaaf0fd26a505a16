"""A zero-cost proxy that has to earn its trust, and what layers over another strategy need to choose in its place."""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

import numpy as np
from scipy.stats import rankdata

from searchitect.core.architecture import Architecture
from searchitect.core.errors import SearchitectError, SettingError, unknown_name
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Fidelity, Proposal, Trial
from searchitect.metrics.bootstrap import percentile_interval, resample_places
from searchitect.metrics.ranks import spearman
from searchitect.proxies import proxy_names
from searchitect.strategies import strategy_options
from searchitect.strategies.observed import Observed, scores_of

Proxy: TypeAlias = Callable[[Architecture], float]

_NOWHERE: Final = float("-inf")


class TrustedProxy:
    """A proxy, relied on as soon as it was seen to rank random architectures as their scores do.

    It is judged by random trials alone: those that it chose itself would say little about others. The judgement is made whenever their
    number has reached another multiple of ``check``, and holds until the next one.

    Args:
        proxy: a function, higher is better; a name stands for one that nobody has resolved: then it is never relied on.
        check: random trials with a score before the first judgement, at least 4.

    Raises:
        SettingError: for an unknown name, and fewer trials.
    """

    def __init__(self, proxy: str | Proxy, check: int) -> None:
        if isinstance(proxy, str) and proxy not in proxy_names():
            raise unknown_name("proxy", proxy, proxy_names())
        if check < 4:
            raise SettingError(
                f"check must be at least 4 random trials, got {check}: fewer cannot show a correlation; usual is 10"
            )
        self.name = proxy if isinstance(proxy, str) else str(getattr(proxy, "name", getattr(proxy, "__name__", "own")))
        self.check = check
        self.is_trusted = False
        self._proxy = None if isinstance(proxy, str) else proxy
        self._scores: dict[str, float] = {}
        self._random = Observed()
        self._running: set[str] = set()
        self._ended = 0
        self._verdict = ""

    def score(self, architecture: Architecture) -> float:
        """Of an architecture; minus infinity where it cannot be built, or the score is no number."""
        assert self._proxy is not None
        if architecture.text not in self._scores:
            try:
                found = float(self._proxy(architecture))
            except SearchitectError:
                found = _NOWHERE
            self._scores[architecture.text] = _NOWHERE if math.isnan(found) else found
        return self._scores[architecture.text]

    @property
    def wants_random(self) -> bool:
        """Whether another random trial should begin, so that there is something to judge by. It gives up where most of them fail."""
        enough = len(self._random) + len(self._running) >= self.check or self._ended >= 3 * self.check
        return self._proxy is not None and not enough

    def begin(self, key: str, *, is_random: bool) -> None:
        """Note that a trial runs."""
        if is_random:
            self._running.add(key)

    def end(self, trial: Trial, values: tuple[float, ...]) -> None:
        """Note how a trial ended, and judge where it is time."""
        self._running.discard(trial.key)
        if trial.origin != "random":
            return
        self._ended += 1
        before = len(self._random)
        self._random.add(trial, values)
        if len(self._random) > before and len(self._random) % self.check == 0 and self._proxy is not None:
            self._judge()

    def notes(self) -> str:
        """What was found, one sentence."""
        if self._proxy is None:
            return f"The proxy {self.name} was not used: without a task there is nothing to compute it on."
        if not self._verdict:
            return f"The proxy {self.name} was not used: fewer than {self.check} random trials have a score."
        return self._verdict

    def _judge(self) -> None:
        seen = self._random.first(len(self._random))
        ours, truth = [self.score(o.architecture) for o in seen], scores_of(seen)
        rho = spearman(ours, truth)
        low, high = spearman_interval(ours, truth.tolist())
        self.is_trusted = low > 0  # not where it is NaN: all are equal
        shown = f"Spearman {rho:.2f}, 95 % interval {low:.2f} to {high:.2f}, on {len(seen)} random trials"
        self._verdict = (
            f"The proxy {self.name} was relied on: {shown}."
            if self.is_trusted
            else f"The proxy {self.name} was not relied on: {shown}, so that it is not shown to rank better than chance."
        )


def with_scorers(strategy: str, options: Mapping[str, Any], scorer: Callable[[str], Proxy]) -> dict[str, Any]:
    """A named strategy's options in which each proxy's name, also of strategies inside it, is replaced by what computes it.

    Args:
        strategy: its name.
        options: of it; where they leave the proxy out, it is the strategy's default.
        scorer: makes a function of a proxy's name, such as `searchitect.proxies.make_scorer` for a space and a task.
    """
    known, found = strategy_options(strategy), dict(options)
    proxy = found.get("proxy", known.get("proxy"))
    if isinstance(proxy, str):
        found["proxy"] = scorer(proxy)
    inner = found.get("inner", known.get("inner"))
    if isinstance(inner, str):
        inside = with_scorers(inner, found.get("inner_options") or {}, scorer)
        if inside:
            found["inner_options"] = inside
    return found


def spearman_interval(a: Sequence[float], b: Sequence[float], draws: int = 1000) -> tuple[float, float]:
    """What `searchitect.metrics.ranks.correlation_interval` gives for Spearman's rho, all resamples at once: a search waits for it.

    (NaN, NaN) where one side is constant in every resample.
    """
    places = resample_places(len(a), draws, 0)
    x, y = (rankdata(np.asarray(side, np.float64)[places], axis=1) for side in (a, b))
    x, y = (side - side.mean(axis=1, keepdims=True) for side in (x, y))
    spread = np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
    known = spread > 0
    if not known.any():
        return math.nan, math.nan
    return percentile_interval((x * y).sum(axis=1)[known] / spread[known])


def imagine(inner: Strategy) -> Proposal | None:
    """What ``inner`` would propose next, which leaves it as it is: a copy is asked.

    Raises:
        SettingError: where it cannot be copied.
    """
    try:
        twin = copy.deepcopy(inner, {id(inner.space): inner.space})
    except (TypeError, RuntimeError) as error:
        raise SettingError(f"inner: {type(inner).__name__} cannot be copied, which this layer needs ({error})") from None
    return twin.ask()


def tell_of(inner: Strategy, proposal: Proposal) -> None:
    """Tell ``inner`` of a trial that begins without its asking: the same that it is told when a search goes on after an interruption."""
    inner.tell(
        Trial(
            id=-1,  # the search gives it one later
            architecture=proposal.architecture,
            key=inner.space.key(proposal.architecture),
            fidelity=cast(Fidelity, proposal.fidelity),  # None: as in any proposal that leaves it to the search
            seed=0,
            origin="random" if proposal.is_random else "strategy",
            parent=proposal.parent,
        )
    )
