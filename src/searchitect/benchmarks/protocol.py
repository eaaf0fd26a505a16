"""What a comparison must tell so that its claims can be checked, and which words it may use.

Lindauer, Hutter 2020, "Best Practices for Scientific Research on Neural Architecture Search", https://arxiv.org/abs/1909.02453; Yang,
Esperanca, Carlucci 2020, "NAS evaluation is frustratingly hard", https://arxiv.org/abs/1912.12522; Li, Talwalkar 2019,
https://arxiv.org/abs/1902.07638. `check_protocol` finds the fields that are missing or broken; `sentence` writes the only sentences that may
say "better" or "worse", and `unsupported_claims` finds such words anywhere else.
"""

import itertools
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from searchitect.benchmarks.statistics import Interval

FEWEST_SEEDS: Final = 5
"""Independent searches below which nothing is claimed."""
FEWEST_FINAL_RUNS: Final = 3
ALPHA: Final = 0.05

FIELDS: Final = {
    "code.version": "version or commit of the code",
    "code.dirty": "false: no changes beside that commit",
    "env": "packages, processor, threads",
    "data.name": "names of the data",
    "data.hash": "fingerprints of the data",
    "data.splits": "training, validation and test part: disjoint",
    "test_access": "test evaluations of each architecture: 1, after every choice",
    "space.id": "name and settings of the space",
    "space.size": "how many architectures it has",
    "strategy": "every strategy with all its settings, defaults included",
    "estimator": "what a search sees of an architecture",
    "hp_tuning": "how the settings of the strategies were chosen",
    "budget": "of each search, and of the final evaluation",
    "search.runs": f"independent searches of each strategy: at least {FEWEST_SEEDS} for a claim",
    "final.runs": f"trainings of each architecture found: at least {FEWEST_FINAL_RUNS}",
    "training.protocol": "how architectures are trained",
    "baseline.random": "random search: same space, evaluation and budget",
    "baseline.untuned": "random architectures, trained in the same way",
    "baseline.fixed": "a network made by hand, of similar cost",
    "equal_protocol": "true: all rows share space, evaluation and budget",
    "ablation": "what each new component does alone",
    "anytime": "best so far against evaluations and time, with spread",
    "costs": "how parameters, multiply-adds, latency were measured",
    "stats": "n, interval, test with its correction, effect size",
    "failures": "failed, over-limit and repeated evaluations",
    "weights_init": "of the final networks: from scratch or inherited",
    "selection_rule": "which score chooses the architecture that is reported",
    "deviation": "differences from a published protocol",
}
"""Every required field and its rule in short. ``carbon.energy`` is optional."""

DECISIVE: Final = frozenset(
    ("data.splits", "test_access", "budget", "search.runs", "baseline.random", "equal_protocol", "stats", "selection_rule")
)
"""Without these no difference between strategies may be claimed; the others are listed where they are missing."""


@dataclass(frozen=True)
class Problem:
    """A field that a reader would miss, or that breaks its rule.

    Attributes:
        field: its name.
        kind: missing or violated.
        why: one sentence.
        forbids_claims: no strategy may be called better.
    """

    field: str
    kind: Literal["missing", "violated"]
    why: str
    forbids_claims: bool

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def check_protocol(record: Mapping[str, Any]) -> list[Problem]:
    """The missing and violated fields of an experiment, in the order of `FIELDS`. A pure function.

    Args:
        record: field -> value, as `FIELDS` names them. ``data.splits`` is {"train", "valid", "test"} with lists of row numbers or
            with sizes and a "seed", or {"source"} where others split, or such a mapping for each data set. ``test_access`` is a count,
            or a mapping from architecture to count.
    """
    found = []
    for field, rule in FIELDS.items():
        value = record.get(field)
        if value is None or (isinstance(value, (str, list, tuple, dict)) and not value):
            found.append(Problem(field, "missing", f"{field} is missing: {rule}", field in DECISIVE))
            continue
        why, is_grave = _RULES.get(field, _fine)(value)
        if why:
            found.append(Problem(field, "violated", f"{field}: {why}", is_grave))
    return found


_Verdict = tuple[str, bool]
"""What is wrong, and whether it forbids claims."""


def _fine(_: Any) -> _Verdict:
    return "", False


def _dirty(value: Any) -> _Verdict:
    return ("" if value is False else "the code had changes that no commit holds; commit them and run again"), False


def _splits(value: Any) -> _Verdict:
    if not isinstance(value, Mapping):
        return "must tell the parts by name", True
    if not set(value) & {"train", "valid", "test", "source"}:
        return next(
            ((f"{name}: {why}", grave) for name, split in value.items() for why, grave in [_splits(split)] if why), ("", False)
        )
    if "source" in value:
        return "", False
    parts = {name: value.get(name) for name in ("train", "valid", "test")}
    missing = [name for name, rows in parts.items() if rows is None or rows == []]
    if missing:
        return f"the {missing[0]} part is not told", True
    for (one, a), (other, b) in itertools.combinations(parts.items(), 2):
        if isinstance(a, Collection) and isinstance(b, Collection) and (shared := set(a) & set(b)):
            return f"{one} and {other} share {len(shared)} rows, the first is {min(shared)}", True
    if not all(isinstance(rows, Collection) for rows in parts.values()) and value.get("seed") is None:
        return "sizes alone say nothing of which rows: give the seed of the split as well", True
    return "", False


def _test_access(value: Any) -> _Verdict:
    counts = list(value.values()) if isinstance(value, Mapping) else [value]
    most, least = max(counts), min(counts)
    if most > 1:
        return f"a test score was looked at {most} times for one architecture; it must be once, after every choice", True
    return ("there is no held-out test score: the search saw what is reported" if least < 1 else ""), False


def _at_least(least: int, what: str, is_grave: bool) -> Callable[[Any], _Verdict]:
    def check(value: Any) -> _Verdict:
        counts = list(value.values()) if isinstance(value, Mapping) else [value]
        return (f"{min(counts)} {what}, at least {least} are needed" if min(counts) < least else ""), is_grave

    return check


def _equal(value: Any) -> _Verdict:
    return ("" if value is True else "what is compared was not evaluated in one way"), True


def _stats(value: Any) -> _Verdict:
    missing = [name for name in ("n", "interval", "test", "effect") if not (isinstance(value, Mapping) and value.get(name))]
    return (f"does not tell {', '.join(missing)}" if missing else ""), True


_RULES: Final[dict[str, Callable[[Any], _Verdict]]] = {
    "code.dirty": _dirty,
    "data.splits": _splits,
    "test_access": _test_access,
    "search.runs": _at_least(FEWEST_SEEDS, "independent searches", True),
    "final.runs": _at_least(FEWEST_FINAL_RUNS, "trainings of an architecture found", False),
    "equal_protocol": _equal,
    "stats": _stats,
}


@dataclass(frozen=True)
class Contrast:
    """One strategy against another, on one task.

    Attributes:
        name, against: the two strategies.
        difference: of the mean scores, ``name`` less ``against``, with its interval.
        p: two-sided, corrected for the number of strategies.
        effect: Vargha and Delaney's A: how likely a search of ``name`` ends above one of ``against``.
        runs: searches of the side that has fewer.
        unit: of the difference, such as "points".
    """

    name: str
    against: str
    difference: Interval
    p: float
    effect: float
    runs: int
    unit: str = "points"


Verdict = Literal["better", "worse", "no difference shown", "no claim"]


def verdict(contrast: Contrast, forbidden_by: Sequence[str] = ()) -> Verdict:
    """What may be said: better or worse only where the interval excludes zero and the corrected test agrees, from enough searches.

    Args:
        contrast: the two strategies.
        forbidden_by: fields of the protocol that forbid claims.
    """
    if forbidden_by or contrast.runs < FEWEST_SEEDS:
        return "no claim"
    if contrast.difference.holds_zero or contrast.p >= ALPHA:
        return "no difference shown"
    return "better" if contrast.difference.value > 0 else "worse"


def sentence(contrast: Contrast, forbidden_by: Sequence[str] = ()) -> str:
    """One honest sentence about the two strategies."""
    d, name, against = contrast.difference, contrast.name, contrast.against
    numbers = (
        f"{_signed(d.value)} {contrast.unit} on average, 95 % interval {_signed(d.low)} to {_signed(d.high)}, "
        f"corrected p {_p_text(contrast.p)}, above in {100 * contrast.effect:.0f} % of the pairs of searches"
    )
    said = verdict(contrast, forbidden_by)
    if said in ("better", "worse"):
        return f"{name} is {said} than {against}: {numbers}."
    if said == "no difference shown":
        return f"No difference between {name} and {against} is shown: {numbers}."
    if contrast.runs < FEWEST_SEEDS:
        return f"{contrast.runs} searches each are too few for a claim about {name} and {against} ({FEWEST_SEEDS} are needed): {numbers}."
    return f"Nothing is claimed about {name} and {against}, because of {', '.join(forbidden_by)}: {numbers}."


_CLAIMS: Final = re.compile(
    r"\b(better|worse|superior|inferior|beats?|beaten|outperform\w*|state[- ]of[- ]the[- ]art|wins|winner)\b", re.IGNORECASE
)


def unsupported_claims(texts: Mapping[str, str], supported: Collection[str]) -> list[str]:
    """Where texts use a word of victory outside the sentences that earned it.

    Args:
        texts: by name; tags of HTML are not read.
        supported: sentences of `sentence` whose verdict is better or worse.

    Returns:
        One line for each such word.
    """
    found = []
    for name, text in texts.items():
        left = re.sub(r"<[^>]*>", " ", text)
        for known in sorted(supported, key=len, reverse=True):
            left = left.replace(known, " ")
        found += [
            f"{name} says {match[0]!r} without an interval that excludes zero: ...{left[max(0, match.start() - 40) : match.end() + 40].strip()}..."
            for match in _CLAIMS.finditer(left)
        ]
    return found


def _signed(value: float) -> str:
    """With its sign and three digits, but no more than needed to tell it from zero."""
    return f"{value:+.3g}" if abs(value) >= 1 else f"{value:+.2f}" if abs(value) >= 0.01 or value == 0 else f"{value:+.1g}"


def _p_text(p: float) -> str:
    return "below 0.001" if p < 0.001 else f"{p:.3f}"
