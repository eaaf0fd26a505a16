"""How good might it be, before any training? Zero-cost proxies: scores of newly initialised networks. One kind, one file.

This is the catalogue; nothing is imported before it is asked for.
"""

import importlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from searchitect.core import Architecture, SettingError, Space, TaskInfo, unknown_name

if TYPE_CHECKING:
    from searchitect.proxies.given import Given
    from searchitect.tasks import Task

__all__ = ["WORST", "Scorer", "make_scorer", "needs_data", "proxy_names", "proxy_summaries", "score_all"]

WORST: Final = -1e30
"""The score of a network that gives the same for every input, or whose score is no number: finite, and below every other one."""
_LARGEST: Final = 1e300
_REFERENCES: Final = 32


@dataclass(frozen=True)
class _Proxy:
    """An entry of the catalogue.

    Attributes:
        place: "module:function" of (network, `given.Given`) -> score, or scores that `az_nas.rank_together` makes one of.
        batches: minibatches of data that it looks at.
        summary: one line.
        counts: it does not run the network: a disconnected one has a score like any other.
        ranks: it gives several scores.
    """

    place: str
    batches: int
    summary: str
    counts: bool = False
    ranks: bool = False


_CATALOGUE: Final = {
    "params": _Proxy("counts:params", 0, "number of parameters: the baseline of every proxy", counts=True),
    "macs": _Proxy("counts:macs", 0, "multiply-adds of one example", counts=True),
    "l2_norm": _Proxy("counts:l2_norm", 0, "norms of the initial weights (Abdelfattah et al. 2021)", counts=True),
    "grad_norm": _Proxy("gradients:grad_norm", 1, "norms of the gradient of each layer (Abdelfattah et al. 2021)"),
    "plain": _Proxy("gradients:plain", 1, "weights times gradients (Abdelfattah et al. 2021)"),
    "snip": _Proxy("gradients:snip", 1, "absolute weights times gradients (Lee et al. 2019)"),
    "grasp": _Proxy("gradients:grasp", 1, "weights times Hessian times gradients (Wang et al. 2020)"),
    "fisher": _Proxy("gradients:fisher", 1, "squared effects of channels on the loss (Turner et al. 2020)"),
    "synflow": _Proxy("synflow:synflow", 0, "flow through all paths, without data (Tanaka et al. 2020)"),
    "log_synflow": _Proxy("synflow:log_synflow", 0, "the same, logarithms summed over the weights"),
    "jacob_cov": _Proxy("activations:jacob_cov", 1, "correlations of input gradients (Mellor et al. 2020)"),
    "naswot": _Proxy("activations:naswot", 1, "which units are on for which examples (Mellor et al. 2021)"),
    "zico": _Proxy("zico:zico", 2, "agreement of gradients between batches (Li et al. 2023)"),
    "zen": _Proxy("zen:zen", 0, "change of features with the input, without data (Lin et al. 2021)"),
    "az-nas": _Proxy("az_nas:az_nas", 0, "four views ranked together, without data (Lee, Ham 2024)", ranks=True),
}


def proxy_names() -> list[str]:
    """The names of all proxies."""
    return list(_CATALOGUE)


def proxy_summaries() -> dict[str, str]:
    """Name -> one line."""
    return {name: proxy.summary for name, proxy in _CATALOGUE.items()}


def needs_data(name: str) -> bool:
    """Whether a proxy looks at training data; the others need the shapes of a task alone. Raises `SettingError` for an unknown one."""
    return _find(name).batches > 0


class Scorer:
    """A proxy on a space and a task: an architecture -> its score, higher is better, always finite.

    A score is a pure function of the architecture and the settings; it is computed once. Torch's generators stay as they were.

    Args:
        name: one of `proxy_names`.
        space: whose architectures are scored.
        task: with data, or, for a proxy that needs none, shapes alone.
        seed: of the initial weights, of the minibatches, and of what the proxy draws.
        batch: examples of a minibatch, at least 2.
        repeats: scores with different seeds of which the mean is taken, at least 1.

    Raises:
        SettingError: for an unknown name, a number outside its range, and a proxy that the task does not suit.
    """

    def __init__(
        self, name: str, space: Space, task: "Task | TaskInfo", seed: int = 0, *, batch: int = 16, repeats: int = 1
    ) -> None:
        self._proxy = _find(name)
        if batch < 2 or repeats < 1:
            raise SettingError(f"proxy {name!r}: batch must be at least 2 and repeats at least 1, got {batch} and {repeats}")
        self.name, self.space, self.seed, self.batch, self.repeats = name, space, seed, batch, repeats
        self._task = task
        self.info = task if isinstance(task, TaskInfo) else task.info
        if not self.info.kind.startswith(("image-", "table-")):
            raise SettingError(f"proxy {name!r}: it is for images and tables, the task is {self.info.kind}")
        if self._proxy.batches and isinstance(task, TaskInfo):
            without = [known for known, proxy in _CATALOGUE.items() if not proxy.batches]
            raise SettingError(
                f"proxy {name!r} looks at data, and none are given; those that need none are {', '.join(without)}"
            )
        if name in ("jacob_cov", "zen") and not self.info.is_image and not self.info.numeric:
            raise SettingError(f"proxy {name!r} changes its inputs a little, and the table has categories only: use naswot")
        self._given: list[Given] = []
        self._known: dict[str, tuple[float, ...]] = {}
        self._references: list[tuple[float, ...]] = []

    def __call__(self, architecture: Architecture) -> float:
        """The score. That of a proxy of several parts is its rank among 32 random architectures of the space.

        Raises:
            SearchitectError: where the network cannot be built.
        """
        found = self.parts(architecture)
        if not self._proxy.ranks:
            return found[0]
        import random

        import numpy as np

        from searchitect.proxies.az_nas import among

        if not self._references:
            rng = random.Random(f"{self.seed}/references")
            self._references = [self.parts(self.space.sample(rng)) for _ in range(_REFERENCES)]
        if set(found) == {WORST}:
            return WORST
        columns = np.array(self._references).T
        return float(sum(among(np.array([part]), column)[0] for part, column in zip(found, columns, strict=True)))

    def __deepcopy__(self, memo: dict[int, Any]) -> "Scorer":
        return self  # what it remembers depends on nothing but its settings

    def together(self, architectures: Sequence[Architecture]) -> list[float]:
        """The scores of several; those of a proxy of several parts are ranks among them, as its paper has it."""
        if not self._proxy.ranks:
            return [self(architecture) for architecture in architectures]
        from searchitect.proxies.az_nas import rank_together

        found: list[float] = rank_together([self.parts(architecture) for architecture in architectures]).tolist()
        return found

    def parts(self, architecture: Architecture) -> tuple[float, ...]:
        """What the proxy computes: one number, or several; their means over the repeats."""
        if architecture.text not in self._known:
            scores = [self._score(architecture, repeat) for repeat in range(self.repeats)]
            columns = list(zip(*scores, strict=True))
            self._known[architecture.text] = tuple(WORST if WORST in c else math.fsum(c) / self.repeats for c in columns)
        return self._known[architecture.text]

    def _score(self, architecture: Architecture, repeat: int) -> tuple[float, ...]:
        import torch

        from searchitect.proxies.given import draw, is_constant

        if len(self._given) <= repeat:
            self._given.append(draw(self._task, self.batch, self._proxy.batches, self.seed + repeat))
        given = self._given[repeat]
        module, _, function = self._proxy.place.partition(":")
        score: Callable[[Any, Any], Any] = getattr(importlib.import_module(f"{__name__}.{module}"), function)
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.default_generator.manual_seed(self.seed + repeat)
            network = self._build(architecture)
            broken = not self._proxy.counts and is_constant(network, self.info)
            if broken and not self._proxy.ranks:
                return (WORST,)
            found = score(network, given)
        parts = found if isinstance(found, tuple) else (found,)
        return tuple(WORST if broken or math.isnan(p) or p < WORST else min(p, _LARGEST) for p in parts)

    def _build(self, architecture: Architecture) -> Any:
        from torch import nn

        from searchitect.networks import build

        network = build(self.space, architecture.spec, self.info).train()
        for module in network.modules():
            if isinstance(module, nn.modules.dropout._DropoutNd):
                module.eval()  # a score is no matter of luck
            if isinstance(module, (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)) and module.weight is not None:
                nn.init.ones_(module.weight)  # a block that begins as its shortcut would look as if it had no body
        return network.requires_grad_()


def make_scorer(
    name: str, space: Space, task: "Task | TaskInfo", seed: int = 0, *, batch: int = 16, repeats: int = 1
) -> Scorer:
    """An architecture -> its score by the proxy of that name, higher is better, always finite. See `Scorer`."""
    return Scorer(name, space, task, seed, batch=batch, repeats=repeats)


def score_all(
    name: str, space: Space, task: "Task | TaskInfo", architectures: Sequence[Architecture], seed: int = 0, **options: Any
) -> list[float]:
    """The scores of several architectures; a proxy of several parts ranks them among each other. See `Scorer`."""
    return make_scorer(name, space, task, seed, **options).together(architectures)


def _find(name: str) -> _Proxy:
    if name not in _CATALOGUE:
        raise unknown_name("proxy", name, _CATALOGUE)
    return _CATALOGUE[name]
