"""A zero-cost proxy that has to earn its trust, and what layers over another strategy need to choose in its place."""

import copy
import math
import random
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, cast

from searchitect.core.architecture import Architecture
from searchitect.core.errors import SearchitectError, SettingError, unknown_name
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Fidelity, Proposal, Trial
from searchitect.metrics.ranks import correlation_interval, spearman
from searchitect.proxies import proxy_names
from searchitect.strategies import strategy_options
from searchitect.strategies.inner import notes_of
from searchitect.strategies.observed import Observed, scores_of
from searchitect.strategies.seen import Seen

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
        low, high = correlation_interval(ours, truth, spearman)
        self.is_trusted = low > 0  # not where it is NaN: all are equal
        shown = f"Spearman {rho:.2f}, 95 % interval {low:.2f} to {high:.2f}, on {len(seen)} random trials"
        self._verdict = (
            f"The proxy {self.name} was relied on: {shown}."
            if self.is_trusted
            else f"The proxy {self.name} was not relied on: {shown}, so that it is not shown to rank better than chance."
        )


class TrustedLayer:
    """A strategy over another one: random trials that judge a proxy, then what is chosen by it, else what the inner strategy proposes.

    Args:
        inner: is told of every trial, also of those chosen in its place.
        proxy: by which is chosen, while it is relied on.

    Attributes:
        inner: the same.
        proxy: the same.
        seen: what was proposed or told.
    """

    def __init__(self, inner: Strategy, proxy: TrustedProxy) -> None:
        self.inner, self.proxy, self.seen = inner, proxy, Seen(inner.space)

    def propose(self, choose: Callable[[], Proposal | None], rng: random.Random) -> Proposal | None:
        """What comes next.

        Args:
            choose: gives what is best by the proxy, while that is relied on; ``None`` leaves it to the inner strategy.
            rng: draws the random trials.
        """
        if self.proxy.wants_random and (drawn := self.seen.draw(rng)) is not None:
            ours: Proposal | None = Proposal(drawn, is_random=True)
        else:
            ours = choose() if self.proxy.is_trusted else None
        proposal = ours or self.inner.ask()
        if proposal is not None:
            self._note(self.inner.space.key(proposal.architecture), is_random=proposal.is_random)
        if ours is not None:
            tell_of(self.inner, ours)
        return proposal

    def learn(self, trial: Trial, values: tuple[float, ...]) -> None:
        """Judge by a trial that ended with these objective values (`Strategy.values`), and pass it on."""
        self.seen.add(trial.key)
        self.proxy.end(trial, values)
        self.inner.tell(trial)

    def adopt(self, trial: Trial) -> None:
        """Remember what runs, and pass it on."""
        self._note(trial.key, is_random=trial.origin == "random")
        self.inner.tell(trial)

    def notes(self, title: str, more: str = "") -> list[str]:
        """What was found about the proxy, between ``title`` and ``more``, and what the inner strategy did."""
        return [f"{title}. {self.proxy.notes()}{more}", *notes_of(self.inner)]

    def _note(self, key: str, *, is_random: bool) -> None:
        self.seen.add(key)
        self.proxy.begin(key, is_random=is_random)


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
            origin=proposal.origin,
            parent=proposal.parent,
        )
    )
