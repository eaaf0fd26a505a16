"""How much a run may spend."""

import re
from dataclasses import dataclass

from searchitect.core.errors import SettingError

_SECONDS = {"s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"^([0-9]*\.?[0-9]+)\s*([a-z]+)$")
_HELP = "write '90s', '10m', '2h', '50trials', '200epochs' or several with commas, such as '10m,50trials'"


@dataclass(frozen=True)
class Budget:
    """Wall time, trials, epochs: whichever ends first. Global across workers and restarts.

    Attributes:
        seconds: wall time, the final step included.
        trials: trained trials of the search itself, those of the random baseline included.
        epochs: passes over the training data, summed over the trials of the search.
    """

    seconds: float | None = None
    trials: int | None = None
    epochs: float | None = None

    def __post_init__(self) -> None:
        if self.seconds is None and self.trials is None and self.epochs is None:
            raise SettingError(f"budget is empty: {_HELP}")
        for name in ("seconds", "trials", "epochs"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise SettingError(f"budget: {name} must be above 0 and finite, got {value}")

    def __str__(self) -> str:
        parts = []
        if self.seconds is not None:
            parts.append(_duration(self.seconds))
        if self.trials is not None:
            parts.append(f"{self.trials}trials")
        if self.epochs is not None:
            parts.append(f"{self.epochs:g}epochs")
        return ",".join(parts)


def _duration(seconds: float) -> str:
    for unit, size in (("h", 3600.0), ("m", 60.0)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


def parse_budget(text: str | Budget) -> Budget:
    """``90s``, ``2h``, ``50trials``, ``200epochs``, or several with commas."""
    if isinstance(text, Budget):
        return text
    found: dict[str, float] = {}
    for part in str(text).lower().split(","):
        match = _PART.match(part.strip())
        unit = match.group(2) if match else ""
        if match is None or not (unit in _SECONDS or unit in ("trial", "trials", "epoch", "epochs")):
            raise SettingError(f"budget={text!r} is not understood: {_HELP}")
        name = "seconds" if unit in _SECONDS else unit.rstrip("s") + "s"
        if name in found:
            raise SettingError(f"budget={text!r} names {name} twice: {_HELP}")
        found[name] = float(match.group(1)) * _SECONDS.get(unit, 1.0)
    trials = found.get("trials")
    if trials is not None and trials != int(trials):
        raise SettingError(f"budget={text!r}: trials must be a whole number")
    return Budget(found.get("seconds"), None if trials is None else int(trials), found.get("epochs"))
